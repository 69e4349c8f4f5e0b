"""What is done for each difference between what is wanted and what is, and what holds whatever they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.model.unit import Health, Unit
from console.placement.candidate import Standing
from console.placement.mark import Mark, Root
from console.placement.reconcile import (
    Phase,
    Reconciled,
    Sight,
    Step,
    Todo,
    Want,
    reconcile,
    refusal_key,
)

WEB = "web@1.service"
RUN: Root = "/run"
ETC: Root = "/etc"


def want(
    host: str = "h1", *, epoch: int = 1, revision: int = 1, launched: bool = True, root: Root = RUN
) -> Want:
    return Want("web@.service", WEB, host, epoch, revision, launched, root)


def mark(*, epoch: int = 1, revision: int = 1, launched: bool = True, root: Root = RUN) -> Mark:
    return Mark("f-1", "web@.service", revision, epoch, launched, root)


def unit(host: str, active: str, health: Health = Health.OK, restarts: int | None = None) -> Unit:
    return Unit(host, WEB, "loaded", active, "any", "", health=health, restarts=restarts)


def sight(host: str = "h1", has: Mark | None = None, active: str | None = None, **more: object) -> Sight:
    units = {} if active is None else {WEB: unit(host, active)}
    made = Sight(host, Standing.LIVE, {} if has is None else {WEB: has}, units)
    return replace(made, **more)  # type: ignore[arg-type]


def steps(found: Reconciled) -> dict[str, Step]:
    return {host: one.step for host, todo in found.todo.items() for one in todo}


def phase(found: Reconciled) -> Phase:
    (condition,) = found.conditions
    return condition.phase


#: What is wanted, what the host has and how the unit is there: what is done, and how the instance is.
WANTED: list[tuple[Want, Mark | None, str | None, Step | None, Phase]] = [
    (want(), None, None, Step.START, Phase.PLACED),
    (want(launched=False), None, None, Step.WRITE, Phase.PLACED),
    (want(), mark(), "active", None, Phase.RUNNING),
    (want(), mark(), "activating", None, Phase.STARTING),
    (want(), mark(), "failed", None, Phase.FAILED),
    (want(), mark(), "inactive", None, Phase.STOPPED),
    (want(), mark(), None, None, Phase.STOPPED),
    (want(), mark(launched=False), None, Step.START, Phase.STARTING),
    (want(launched=False), mark(), "active", Step.HALT, Phase.PLACED),
    (want(launched=False), mark(launched=False), None, None, Phase.PLACED),
    (want(revision=2), mark(), "active", Step.STOP, Phase.PLACED),
    (want(revision=2), mark(), "deactivating", None, Phase.PLACED),
    (want(revision=2), mark(), "inactive", Step.START, Phase.PLACED),
    (want(root=ETC), mark(), "active", Step.STOP, Phase.RUNNING),
    (want(root=ETC), mark(), None, Step.START, Phase.STOPPED),
    (want(epoch=2), mark(), "active", Step.WRITE, Phase.RUNNING),
]


@pytest.mark.parametrize(("wanted", "has", "active", "step", "state"), WANTED)
def test_one_that_is_wanted(
    wanted: Want, has: Mark | None, active: str | None, step: Step | None, state: Phase
) -> None:
    found = reconcile([wanted], [sight("h1", has, active)])
    assert steps(found) == ({} if step is None else {"h1": step})
    assert phase(found) is state


@pytest.mark.parametrize(
    ("active", "step"),
    [
        ("active", Step.STOP),
        ("activating", Step.STOP),
        ("deactivating", None),
        ("inactive", Step.REMOVE),
        ("failed", Step.REMOVE),
        (None, Step.REMOVE),
    ],
)
def test_one_that_is_wanted_nowhere_is_stopped_and_then_removed(
    active: str | None, step: Step | None
) -> None:
    found = reconcile([], [sight("h1", mark(), active)])
    assert steps(found) == ({} if step is None else {"h1": step})
    assert steps(reconcile([], [sight("h1", mark(), active)], unplacing=False)) == {}


@pytest.mark.parametrize("active", [None, "inactive", "activating", "failed"])
def test_the_old_copy_runs_until_the_new_one_does(active: str | None) -> None:
    moved = [want("h2", epoch=2)]
    old = sight("h1", mark(), "active")
    new = sight("h2", mark(epoch=2), active, fresh=frozenset({WEB}))
    assert "h1" not in steps(reconcile(moved, [old, new]))
    running = sight("h2", mark(epoch=2), "active")
    assert steps(reconcile(moved, [old, running])) == {"h1": Step.STOP}


def test_of_two_copies_the_one_of_the_older_placement_goes() -> None:
    both = [sight("h1", mark(), "active"), sight("h2", mark(epoch=2), "active")]
    assert steps(reconcile([want("h2", epoch=2)], both)) == {"h1": Step.STOP}


def test_one_that_moves_says_from_where() -> None:
    found = reconcile([want("h2", epoch=2)], [sight("h1", mark(), "active"), sight("h2")])
    assert (found.conditions[0].phase, found.conditions[0].reason) == (Phase.MOVING, "runs on h1 until then")


def test_one_of_every_host_is_no_copy_of_the_others() -> None:
    each = [replace(want(host), everywhere=True) for host in ("h1", "h2")]
    assert steps(reconcile(each, [sight(host, mark(), "active") for host in ("h1", "h2")])) == {}
    assert steps(reconcile(each[:1], [sight(host, mark(), "active") for host in ("h1", "h2")])) == {
        "h2": Step.STOP
    }


def test_what_is_refused_is_not_tried_again_and_says_why() -> None:
    refused = {refusal_key(want()): "Refusing."}
    found = reconcile([want()], [sight(refused=refused)])
    assert (steps(found), found.conditions[0].reason) == ({}, "Refusing.")
    assert steps(reconcile([want(revision=2)], [sight(refused=refused)])) == {"h1": Step.START}


def test_what_failed_is_started_again_when_that_is_asked_for() -> None:
    assert steps(reconcile([want()], [sight("h1", mark(), "failed", again=frozenset({WEB}))])) == {
        "h1": Step.START
    }


def test_what_systemd_restarts_is_failing_and_says_how_often() -> None:
    restarting = sight("h1", mark(), units={WEB: unit("h1", "activating", Health.RECOVERING, 3)})
    (condition,) = reconcile([want()], [restarting]).conditions
    assert (condition.phase, condition.reason) == (Phase.FAILING, "systemd restarts it, 3 times by now")


def test_what_is_spared_is_left_as_it_is() -> None:
    found = reconcile([], [sight("h1", mark(), "active")], spared={("h1", WEB)})
    assert steps(found) == {}


@pytest.mark.parametrize(
    ("standing", "state"),
    [(Standing.LOST, Phase.LOST), (Standing.SILENT, Phase.PLACED), (Standing.FOREIGN, Phase.FAILED)],
)
def test_a_host_that_cannot_be_acted_on_is_left_alone(standing: Standing, state: Phase) -> None:
    found = reconcile([want()], [sight("h1", standing=standing)])
    assert (steps(found), phase(found)) == ({}, state)


# -- whatever there is --------------------------------------------------------------------------

HOSTS = ("h1", "h2", "h3")
ACTIVE = ("active", "inactive", "failed", "activating", None)

marks = st.builds(
    mark,
    epoch=st.integers(1, 3),
    revision=st.integers(1, 2),
    launched=st.booleans(),
    root=st.sampled_from([RUN, ETC]),
)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Want], list[Sight]]:
    """One instance, wanted on some host or nowhere, and hosts with any copies of it."""
    wanted = draw(
        st.none()
        | st.builds(
            want,
            host=st.sampled_from(HOSTS),
            epoch=st.integers(1, 3),
            revision=st.integers(1, 2),
            launched=st.booleans(),
            root=st.sampled_from([RUN, ETC]),
        )
    )
    seen = []
    for host in HOSTS:
        has = draw(st.none() | marks)
        active = None if has is None else draw(st.sampled_from(ACTIVE))
        known = draw(st.sampled_from([True, True, False]))
        one = sight(host, has, active, standing=draw(st.sampled_from([Standing.LIVE, *Standing])))
        seen.append(one if known else replace(one, marks=None))
    return ([] if wanted is None else [wanted]), seen


def carried_out(seen: Sight, todo: Iterable[Todo]) -> Sight:
    """The host once a step is done there, and systemd has followed."""
    assert seen.marks is not None
    has, units = dict(seen.marks), dict(seen.units)
    for one in todo:
        if one.step is Step.REMOVE:
            del has[one.unit]
            units.pop(one.unit, None)
        elif one.step is not Step.STOP and one.want is not None:
            of = one.want
            has[one.unit] = Mark("f-1", of.service, of.revision, of.epoch, of.launched, of.root)
        if one.step is Step.START:
            units[one.unit] = unit(seen.host, "active")
        elif one.step in (Step.STOP, Step.HALT):
            units.pop(one.unit, None)
    return replace(seen, marks=has, units=units)


@given(worlds())
def test_it_comes_to_an_end_and_then_there_is_nothing_to_do(world: tuple[list[Want], list[Sight]]) -> None:
    wanted, seen = world
    for _ in range(8):
        found = reconcile(wanted, seen)
        if not found.todo:
            break
        seen = [carried_out(one, found.todo.get(one.host, ())) for one in seen if one.host in found.todo] + [
            one for one in seen if one.host not in found.todo
        ]
    assert reconcile(wanted, seen).todo == {}
    for one in wanted:
        here = next(each for each in seen if each.host == one.host)
        if here.standing is Standing.LIVE and here.marks is not None:
            assert here.marks[WEB] == Mark(
                "f-1", one.service, one.revision, one.epoch, one.launched, one.root
            )


@given(worlds())
def test_a_host_that_is_not_known_is_never_touched(world: tuple[list[Want], list[Sight]]) -> None:
    wanted, seen = world
    known = {one.host for one in seen if one.standing is Standing.LIVE and one.marks is not None}
    assert reconcile(wanted, seen).todo.keys() <= known


@given(worlds())
def test_no_copy_that_runs_is_stopped_before_the_one_that_is_wanted_runs(
    world: tuple[list[Want], list[Sight]],
) -> None:
    wanted, seen = world
    found = reconcile(wanted, seen)
    for one in wanted:
        stopped = [host for host, step in steps(found).items() if step is Step.STOP and host != one.host]
        if one.launched and stopped:
            assert phase(found) is Phase.RUNNING


@given(worlds())
def test_with_the_brakes_on_nothing_is_stopped_or_removed(world: tuple[list[Want], list[Sight]]) -> None:
    wanted, seen = world
    done = set(steps(reconcile(wanted, seen, unplacing=False)).values())
    assert done <= {Step.START, Step.WRITE}


ALONE = replace(want(), exclusive=True)


def test_an_exclusive_one_is_started_on_its_hosts_lease_only() -> None:
    assert steps(reconcile([ALONE], [sight()])) == {}
    assert steps(reconcile([ALONE], [sight()], leased={("h1", WEB)})) == {"h1": Step.START}
    found = reconcile([ALONE], [sight()], unwound={"h1": "sudo says no"})
    assert phase(found) is Phase.FAILED, "so that another host is tried"


@pytest.mark.parametrize("active", ["active", "activating", "deactivating"])
def test_an_exclusive_one_is_not_started_while_another_host_has_it(active: str) -> None:
    other = sight("h2", mark(), active)
    found = steps(reconcile([ALONE], [sight(), other], leased={("h1", WEB)}))
    assert "h1" not in found
    assert found.get("h2") is (None if active == "deactivating" else Step.STOP), "and that one goes first"


def test_an_exclusive_one_that_is_to_be_elsewhere_is_stopped_where_it_is() -> None:
    leaving = replace(ALONE, leaving=True)
    found = reconcile([leaving], [sight("h1", mark(), "active")], leased={("h1", WEB)})
    assert steps(found) == {"h1": Step.STOP}
    assert phase(found) is Phase.MOVING
    down = reconcile([leaving], [sight("h1", mark(), "inactive")], leased={("h1", WEB)})
    assert steps(down) == {"h1": Step.REMOVE}


#: From revision 1 to 2 without a stop: how the unit is, and what is done.
EASED: list[tuple[frozenset[int], str | None, Step]] = [
    (frozenset(), "active", Step.WRITE),
    (frozenset({1}), "active", Step.RELOAD),
    (frozenset({1}), "activating", Step.WRITE),
    # What does not run takes nothing over.
    (frozenset({1}), "failed", Step.START),
    (frozenset({1}), None, Step.START),
]


@pytest.mark.parametrize(("told", "active", "step"), EASED)
def test_a_text_that_what_runs_takes_over_stops_nothing(
    told: frozenset[int], active: str | None, step: Step
) -> None:
    eased = replace(want(revision=2), eased=frozenset({1}), told=told)
    assert steps(reconcile([eased], [sight("h1", mark(), active)])) == {"h1": step}


def test_what_is_to_be_elsewhere_on_its_host_or_stopped_is_not_eased() -> None:
    eased = replace(want(revision=2), eased=frozenset({1}))
    for other in (replace(eased, root=ETC), replace(eased, service="app.service")):
        assert steps(reconcile([other], [sight("h1", mark(), "active")])) == {"h1": Step.STOP}
    older = sight("h1", mark(revision=0), "active")
    assert steps(reconcile([eased], [older])) == {"h1": Step.STOP}, "only from revision 1"
