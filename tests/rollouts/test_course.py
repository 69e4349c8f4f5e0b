"""The stages of a target: from any of them, whatever comes, it gets to a stated end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.rollouts.course import (
    AGAINS,
    Again,
    Done,
    End,
    Failed,
    Outcome,
    Progress,
    Waiting,
    after,
    begun,
    turned_back,
)
from console.rollouts.host_course import BACK, BOOT, COURSE, GATE, LEAVE, LOCK, STAGE
from console.rollouts.pacing import Position
from console.rollouts.records import progress_bytes, read_progress

NOW = datetime(2026, 11, 27, 3, 12, tzinfo=UTC)
NAMES = [stage.name for stage in COURSE.stages]


def through(*outcomes: Outcome) -> Progress:
    progress = begun(COURSE, NOW)
    for outcome in outcomes:
        progress = after(COURSE, progress, outcome, NOW)
    return progress


def in_stage(name: str) -> Progress:
    return Progress(name, NOW, trail=((name, NOW),))


def to_its_end(progress: Progress) -> Progress:
    """All that follows is done."""
    while progress.end is None:
        progress = after(COURSE, progress, Done(), NOW)
    return progress


def test_what_all_is_done_is_done_in_the_order_of_the_stages() -> None:
    progress = to_its_end(begun(COURSE, NOW))
    assert progress.end is End.DONE
    assert [stage for stage, _ in progress.trail] == NAMES[: NAMES.index("release") + 1]


@pytest.mark.parametrize("stage", ["drain", "stage", "lock", "arm"])
def test_what_fails_before_its_reboot_is_left_as_it_was(stage: str) -> None:
    failed = after(COURSE, in_stage(stage), Failed("no room"), NOW)
    assert (failed.stage, failed.failed) == (LEAVE, "no room")
    assert failed.position is Position.BAD, "nothing more begins while it is being left"
    assert to_its_end(failed).end is End.FAILED


@pytest.mark.parametrize("stage", ["boot", "return", "gate", "confirm"])
def test_what_fails_once_it_may_have_been_rebooted_goes_back(stage: str) -> None:
    failed = after(COURSE, in_stage(stage), Failed("it is not well", blames=True), NOW)
    assert failed.position is Position.BAD
    assert failed.blames
    assert to_its_end(failed).end is End.ROLLED_BACK


def test_what_cannot_go_back_is_lost_and_never_called_rolled_back() -> None:
    failed = after(COURSE, in_stage(GATE), Failed("silent"), NOW)
    lost = after(COURSE, failed, Failed("still silent"), NOW)
    assert (lost.end, lost.failed) == (End.LOST, "silent")


def test_waiting_changes_nothing_but_what_is_waited_for() -> None:
    progress = in_stage(LOCK)
    later = after(COURSE, progress, Waiting("2 of 2 slots held"), NOW + timedelta(minutes=1))
    assert (later.stage, later.since, later.waiting) == (LOCK, NOW, "2 of 2 slots held")
    assert after(COURSE, later, Done(), NOW).waiting == ""


def test_what_is_gone_is_done_again_a_few_times_and_not_for_ever() -> None:
    progress = in_stage(BOOT)
    for _ in range(AGAINS):
        progress = after(COURSE, progress, Again(STAGE, "what was staged is gone"), NOW)
        assert (progress.stage, progress.failed) == (STAGE, "")
        progress = after(
            COURSE, after(COURSE, after(COURSE, progress, Done(), NOW), Done(), NOW), Done(), NOW
        )
        assert progress.stage == BOOT
    progress = after(COURSE, progress, Again(STAGE, "what was staged is gone"), NOW)
    assert (progress.stage, progress.failed) == (BACK, "what was staged is gone")


@pytest.mark.parametrize("stage", NAMES)
def test_an_abort_turns_back_what_has_not_been_told_to_reboot_and_nothing_else(stage: str) -> None:
    turned = turned_back(COURSE, in_stage(stage), NOW)
    if stage in ("look", "drain", "stage", "lock", "arm"):
        assert turned is not None
        assert to_its_end(turned).end is End.ABORTED
    else:
        assert turned is None


def test_what_is_remembered_is_kept_from_stage_to_stage() -> None:
    progress = through(
        Done({"from_version": "1.0"}), Done({"to_version": "1.1"}), Failed("no", facts={"x": "y"})
    )
    assert progress.facts == {"from_version": "1.0", "to_version": "1.1", "x": "y"}


_OUTCOMES = st.one_of(
    st.builds(Done, st.dictionaries(st.sampled_from(["a", "b"]), st.text(max_size=5))),
    st.builds(Failed, st.text(min_size=1, max_size=20), st.booleans()),
    st.builds(Waiting, st.text(max_size=20)),
    st.just(Again(STAGE, "gone")),
)


@given(st.lists(_OUTCOMES, max_size=40))
def test_whatever_comes_each_boundary_can_be_gone_on_from_and_leads_to_an_end(
    outcomes: list[Outcome],
) -> None:
    progress = begun(COURSE, NOW)
    for outcome in outcomes:
        if progress.end is not None:
            break
        if isinstance(outcome, Failed) and progress.stage in ("undrain", "release", "restore"):
            continue  # they wait for etcd, as long as it takes
        progress = after(COURSE, progress, outcome, NOW)
        assert progress.stage in NAMES
        # Another driver knows what is written, and nothing else.
        assert read_progress(progress_bytes(progress)).stage == progress.stage
        assert read_progress(progress_bytes(progress)).position is progress.position
    ended = to_its_end(progress)
    assert (ended.end in (End.DONE, End.ABORTED)) is not bool(ended.failed)
