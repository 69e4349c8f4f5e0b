"""The verdict on a unit, as a story of what systemd said and when."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.hosts.unit_health import (
    FLAPPING_QUIET,
    FLAPPING_WINDOW,
    HOLD,
    Judgement,
    RestartPolicy,
    UnitFacts,
    judge,
)
from console.model.unit import Health

ON_FAILURE = RestartPolicy("on-failure", burst=5, interval_us=10_000_000)
NEVER = RestartPolicy("no", burst=5, interval_us=10_000_000)

RUNNING = UnitFacts("active", "running", "success", 0, ON_FAILURE)
CRASHED = UnitFacts("failed", "failed", "exit-code", 0, ON_FAILURE)
SCHEDULED = UnitFacts("activating", "auto-restart", "exit-code", 0, ON_FAILURE)


def told(*story: tuple[float, UnitFacts], previous: Judgement | None = None) -> Judgement:
    """The judgement after a story of (seconds, facts)."""
    for now, facts in story:
        previous = judge(previous, facts, now)
    assert previous is not None
    return previous


def restarted(times: list[float], facts: UnitFacts = RUNNING) -> Judgement:
    """After one more restart at each of these times, first seen at 0 with none."""
    return told((0.0, facts), *((time, replace(facts, restarts=n + 1)) for n, time in enumerate(times)))


@pytest.mark.parametrize(
    ("active", "sub", "health"),
    [
        ("active", "running", Health.OK),
        ("active", "exited", Health.OK),
        ("active", "mounted", Health.OK),
        ("inactive", "dead", Health.OK),
        ("activating", "start", Health.CHANGING),
        ("activating", "start-pre", Health.CHANGING),
        ("deactivating", "stop-sigterm", Health.CHANGING),
        ("reloading", "reload", Health.CHANGING),
        ("refreshing", "refresh-extensions", Health.CHANGING),
        ("activating", "auto-restart", Health.RECOVERING),
        ("activating", "auto-restart-queued", Health.RECOVERING),
        ("failed", "failed-before-auto-restart", Health.RECOVERING),
        ("inactive", "dead-before-auto-restart", Health.RECOVERING),
        ("failed", "failed", Health.FAILED),
    ],
)
def test_a_state_at_first_sight(active: str, sub: str, health: Health) -> None:
    assert judge(None, UnitFacts(active, sub), 0.0) == Judgement(health, UnitFacts(active, sub))


@pytest.mark.parametrize(
    ("policy", "result", "restarts", "health"),
    [
        (None, "exit-code", None, Health.FAILED),
        (NEVER, "exit-code", 0, Health.FAILED),
        (ON_FAILURE, "exit-code", 0, Health.FAILED),
        (ON_FAILURE, "exit-code", 4, Health.FAILED),
        (ON_FAILURE, "exit-code", 5, Health.GAVE_UP),  # Result stays the first cause
        (ON_FAILURE, "signal", 9, Health.GAVE_UP),
        (ON_FAILURE, "start-limit-hit", 0, Health.GAVE_UP),
        (RestartPolicy("always", 5, 10_000_000), "exit-code", 5, Health.GAVE_UP),
        (RestartPolicy("on-abort", 5, 10_000_000), "exit-code", 5, Health.FAILED),
        (RestartPolicy("on-abort", 5, 10_000_000), "core-dump", 5, Health.GAVE_UP),
        (RestartPolicy("on-watchdog", 5, 10_000_000), "watchdog", 5, Health.GAVE_UP),
        (RestartPolicy("on-success", 5, 10_000_000), "exit-code", 5, Health.FAILED),
        (RestartPolicy("on-failure", 0, 10_000_000), "exit-code", 5, Health.FAILED),  # no limit
        (RestartPolicy("on-failure", 5, 0), "exit-code", 5, Health.FAILED),  # no limit
        (RestartPolicy("a-new-word", 5, 10_000_000), "exit-code", 5, Health.FAILED),
    ],
)
def test_failed_at_first_sight(
    policy: RestartPolicy | None, result: str, restarts: int | None, health: Health
) -> None:
    assert judge(None, UnitFacts("failed", "failed", result, restarts, policy), 0.0).health is health


def test_a_crash_that_is_restarted_never_looks_failed() -> None:
    first = told((0.0, RUNNING), (5.0, CRASHED))
    assert first.health is Health.RECOVERING
    second = told((5.001, SCHEDULED), previous=first)
    assert second.health is Health.RECOVERING
    third = told((6.0, replace(RUNNING, restarts=1)), previous=second)
    assert third.health is Health.OK
    assert third.due is None


def test_a_crash_that_stays_failed_is_failed_after_the_hold_though_nothing_more_is_heard() -> None:
    held = told((0.0, RUNNING), (5.0, CRASHED))
    assert held.due == 5.0 + HOLD
    before = judge(held, held.facts, 5.0 + HOLD - 0.01)
    assert before.health is Health.RECOVERING
    after = judge(before, held.facts, 5.0 + HOLD)
    assert after.health is Health.FAILED
    assert after.due is None
    assert judge(after, held.facts, 500.0).health is Health.FAILED


def test_what_no_policy_restarts_is_failed_at_once() -> None:
    for policy in (None, NEVER):
        facts = replace(CRASHED, policy=policy)
        assert told((0.0, replace(RUNNING, policy=policy)), (5.0, facts)).health is Health.FAILED


def test_a_crash_after_many_slow_restarts_is_not_giving_up() -> None:
    """57 restarts in a month are more than the start limit, and it is restarted all the same."""
    old = replace(RUNNING, restarts=57)
    held = told((0.0, old), (5.0, replace(CRASHED, restarts=57)))
    assert held.health is Health.RECOVERING
    assert told((5.001, replace(SCHEDULED, restarts=57)), previous=held).health is Health.RECOVERING


def test_a_scheduled_restart_that_did_not_come_is_giving_up() -> None:
    """Starts by hand use the limit up too, so that fewer restarts than the limit can be the last."""
    facts = replace(CRASHED, restarts=2)
    held = told((0.0, replace(SCHEDULED, restarts=2)), (1.0, facts))
    assert held.health is Health.RECOVERING
    assert judge(held, facts, 1.0 + HOLD).health is Health.GAVE_UP


def test_a_crash_loop_ends_as_gave_up() -> None:
    story: list[tuple[float, UnitFacts]] = [(0.0, RUNNING)]
    now = 0.0
    for n in range(5):
        now += 0.2
        story += [
            (now, replace(CRASHED, restarts=n)),
            (now + 0.001, replace(SCHEDULED, restarts=n)),
            (now + 0.1, replace(RUNNING, restarts=n + 1)),
        ]
    seen = set()
    verdict: Judgement | None = None
    for moment, facts in story:
        verdict = judge(verdict, facts, moment)
        seen.add(verdict.health)
    assert seen == {Health.OK, Health.RECOVERING, Health.FLAPPING}
    last = replace(CRASHED, restarts=5)
    held = told((now + 0.2, last), previous=verdict)
    assert judge(held, last, now + 0.2 + HOLD).health is Health.GAVE_UP


def test_three_restarts_in_ten_minutes_are_flapping() -> None:
    assert restarted([10.0, 20.0]).health is Health.OK
    assert restarted([10.0, 20.0, 30.0]).health is Health.FLAPPING
    assert restarted([10.0, 20.0, 10.0 + FLAPPING_WINDOW]).health is Health.OK


def test_three_restarts_seen_at_once_are_flapping() -> None:
    assert told((0.0, RUNNING), (5.0, replace(RUNNING, restarts=3))).health is Health.FLAPPING


def test_many_restarts_at_first_sight_are_not_flapping() -> None:
    """Nobody can tell when they were."""
    assert told((0.0, replace(RUNNING, restarts=57))).health is Health.OK


def test_flapping_ends_after_a_quiet_time_though_nothing_is_heard() -> None:
    flapping = restarted([10.0, 20.0, 30.0])
    assert flapping.due == 30.0 + FLAPPING_QUIET
    assert judge(flapping, flapping.facts, 30.0 + FLAPPING_QUIET - 1).health is Health.FLAPPING
    calm = judge(flapping, flapping.facts, 30.0 + FLAPPING_QUIET)
    assert calm.health is Health.OK
    assert calm.due is None


def test_flapping_does_not_come_and_go_between_slow_restarts() -> None:
    verdict = restarted([0.0, 240.0, 480.0])
    assert verdict.health is Health.FLAPPING
    between = judge(verdict, verdict.facts, 719.0)
    assert between.health is Health.FLAPPING
    assert told((720.0, replace(RUNNING, restarts=4)), previous=between).health is Health.FLAPPING


def test_a_manual_start_ends_flapping() -> None:
    flapping = restarted([10.0, 20.0, 30.0])
    assert told((40.0, replace(RUNNING, restarts=0)), previous=flapping).health is Health.OK


def test_a_flapping_unit_that_is_stopped_is_ok() -> None:
    flapping = restarted([10.0, 20.0, 30.0])
    stopped = replace(flapping.facts, active="inactive", sub="dead")
    assert told((40.0, stopped), previous=flapping).health is Health.OK


def test_a_flapping_unit_between_crash_and_restart_is_flapping() -> None:
    flapping = restarted([10.0, 20.0, 30.0])
    for facts in (CRASHED, SCHEDULED, UnitFacts("activating", "start", "success", 0, ON_FAILURE)):
        assert told((31.0, replace(facts, restarts=3)), previous=flapping).health is Health.FLAPPING


facts = st.builds(
    UnitFacts,
    st.sampled_from(["active", "inactive", "failed", "activating", "deactivating", "reloading"]),
    st.sampled_from(["running", "dead", "failed", "auto-restart", "failed-before-auto-restart"]),
    st.sampled_from([None, "success", "exit-code", "signal", "start-limit-hit"]),
    st.one_of(st.none(), st.integers(0, 20)),
    st.sampled_from([None, ON_FAILURE, NEVER]),
)
stories = st.lists(st.tuples(st.floats(0, 100), facts), min_size=1, max_size=20)


@given(stories)
def test_left_alone_every_verdict_comes_to_rest(story: list[tuple[float, UnitFacts]]) -> None:
    """Judged again whenever it is due, it ends: no flapping and no held failure stays for ever."""
    now, verdict = 0.0, None
    for pause, heard in story:
        now += pause
        verdict = judge(verdict, heard, now)
    assert verdict is not None
    for _ in range(3):
        if verdict.due is None:
            break
        assert verdict.due > now
        now = verdict.due
        verdict = judge(verdict, verdict.facts, now)
    assert verdict.due is None
    assert verdict.health is not Health.FLAPPING
    if verdict.facts.active == "failed" and "auto-restart" not in verdict.facts.sub:
        assert verdict.health in {Health.FAILED, Health.GAVE_UP}
    if verdict.facts.active == "active" and "auto-restart" not in verdict.facts.sub:
        assert verdict.health is Health.OK


@given(stories, st.floats(0, 2000))
def test_judging_the_same_facts_again_changes_nothing_before_it_is_due(
    story: list[tuple[float, UnitFacts]], later: float
) -> None:
    now, verdict = 0.0, None
    for pause, heard in story:
        now += pause
        verdict = judge(verdict, heard, now)
    assert verdict is not None
    again = judge(verdict, verdict.facts, now + later)
    if verdict.due is None or now + later < verdict.due:
        assert again.health is verdict.health
