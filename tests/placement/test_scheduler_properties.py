"""What holds of every placement, whatever the specs and hosts."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from console.model.selector import KeyTerm
from console.placement import ranking
from console.placement.candidate import Candidate, Standing
from console.placement.outcome import Placed, Placement
from console.placement.policy import AnyOf, Policy, Preference, QoS
from console.placement.rebalance import rebalance
from console.placement.scheduler import schedule
from console.placement.spec import Spec
from console.placement.why import why
from tests.placement.build import GIB, violations

_NAMES = ("a", "b", "c", "d", "e")
_ZONES = ("x", "y", "z")


def terms() -> st.SearchStrategy[AnyOf]:
    one = st.builds(
        KeyTerm, key=st.just("zone"), value=st.sampled_from((*_ZONES, "*")), negated=st.booleans()
    )
    return st.lists(one, min_size=1, max_size=2).map(tuple)


def patterns() -> st.SearchStrategy[str]:
    return st.sampled_from([f"{name}@*.service" for name in _NAMES] + ["*@1.service", "*"])


def groups(of: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[tuple[str, ...], ...]]:
    return st.lists(of.map(lambda text: (text,)), max_size=1).map(tuple)


def policies(*, ties: bool = True) -> st.SearchStrategy[Policy]:
    """Policies; without ties none that makes one instance depend on where another is."""
    few = st.lists(patterns(), max_size=1).map(tuple)
    nothing: st.SearchStrategy[tuple[str, ...]] = st.just(())
    return st.builds(
        Policy,
        replicas=st.integers(0, 4),
        require=st.lists(terms(), max_size=1).map(tuple),
        prefer=st.lists(
            st.builds(Preference, weight=st.sampled_from((-50, 30, 100)), terms=terms().map(lambda t: (t,))),
            max_size=1,
        ).map(tuple),
        near=groups(patterns().filter(lambda text: text != "*")) if ties else st.just(()),
        together=st.booleans() if ties else st.just(False),
        apart=few if ties else nothing,
        replaces=few if ties else nothing,
        spread=st.sampled_from(((), ("zone",))),
        max_per_host=st.sampled_from((None, 1, 2)) if ties else st.none(),
        qos=st.sampled_from(QoS),
        cpu=st.sampled_from((0, 500, 1000, 3000)),
        memory=st.sampled_from((0, GIB, 3 * GIB)),
        priority=st.sampled_from((10, 50, 90)),
    )


def fleets(most: int = 5) -> st.SearchStrategy[list[Candidate]]:
    one = st.builds(
        Candidate,
        name=st.sampled_from([f"h{number}" for number in range(most * 2)]),
        labels=st.sampled_from([{"zone": zone} for zone in _ZONES] + [{}]),
        standing=st.sampled_from((Standing.LIVE,) * 5 + tuple(Standing)),
        cpu=st.sampled_from((1000, 4000, 4000)),
        memory=st.sampled_from((2 * GIB, 8 * GIB)),
        reserved_cpu=st.sampled_from((0, 100)),
        cordoned=st.sampled_from((False, False, False, True)),
        drained=st.sampled_from((None, None, None, "r-2f9c")),
        pressure=st.sampled_from((None, None, None, "memory 40 %")),
    )
    return st.lists(one, max_size=most, unique_by=lambda candidate: candidate.name)


def _mixed(name: str, policy: Policy, first: Policy | None) -> Spec:
    """A template whose first instance is of another revision, while a rollout goes on."""
    others = () if first is None else ((f"{name}@1.service", first.beside(policy)),)
    return Spec(f"{name}@.service", policy, others=others)


def services(*, ties: bool = True) -> st.SearchStrategy[list[Spec]]:
    """Templates `a@` to `e@`, some with a first instance of its own policy; `global.service` now and then."""
    pairs = st.tuples(policies(ties=ties), st.one_of(st.none(), policies(ties=ties)))
    some = st.lists(pairs, max_size=len(_NAMES)).map(
        lambda found: [_mixed(name, *pair) for name, pair in zip(_NAMES, found, strict=False)]
    )
    everywhere = policies(ties=ties).map(
        lambda policy: Spec(
            "global.service",
            replace(policy, replicas=1, everywhere=True, near=(), together=False, replaces=(), spread=()),
        )
    )
    return st.builds(lambda specs, more: [*specs, *more], some, st.lists(everywhere, max_size=1))


#: Where things are before: anything goes, also what no spec asks for.
BEFORE = st.lists(
    st.builds(
        lambda name, number, host: Placed(f"{name}@.service", f"{name}@{number}.service", f"h{host}"),
        st.sampled_from(_NAMES),
        st.integers(1, 4),
        st.integers(0, 9),
    ),
    max_size=12,
    unique_by=lambda placed: placed.instance,
)


@given(services(), fleets(), BEFORE)
@settings(max_examples=120, deadline=None)
def test_no_rule_is_broken_and_every_instance_is_accounted_for(
    specs: list[Spec], fleet: list[Candidate], before: list[Placed]
) -> None:
    placement = schedule(specs, fleet, before)
    assert violations(specs, fleet, placement.placed) == []
    placed = {one.instance for one in placement.placed}
    nowhere = {one.instance for one in placement.pending}
    wanted = {name for one in specs if not one.policy.everywhere for name in one.instances()}
    assert wanted == (placed | nowhere) - {"global.service"}
    assert not (placed & nowhere) - {"global.service"}


@given(services(), fleets(), BEFORE)
@settings(max_examples=120, deadline=None)
def test_a_placement_given_back_gives_itself(
    specs: list[Spec], fleet: list[Candidate], before: list[Placed]
) -> None:
    placement = schedule(specs, fleet, before)
    again = schedule(specs, fleet, placement.placed)
    assert again.changes == ()
    assert (again.placed, again.pending) == (placement.placed, placement.pending)


@given(services(), fleets(), BEFORE, st.randoms(use_true_random=False))
@settings(max_examples=120, deadline=None)
def test_the_order_of_what_is_given_makes_no_difference(
    specs: list[Spec], fleet: list[Candidate], before: list[Placed], chance: random.Random
) -> None:
    expected = schedule(specs, fleet, before)
    for given_ones in (specs, fleet, before):
        chance.shuffle(given_ones)
    assert schedule(specs, fleet, before) == expected


@contextmanager
def heaps() -> Iterator[None]:
    """Let the best host be found by heaps, and services have their own, however few hosts there are."""
    few, many = ranking.FEW, ranking.MANY
    ranking.FEW, ranking.MANY = 0, 2
    try:
        yield
    finally:
        ranking.FEW, ranking.MANY = few, many


@given(services(), fleets(8), BEFORE)
@settings(max_examples=250, deadline=None)
def test_heaps_find_the_host_that_looking_at_each_finds(
    specs: list[Spec], fleet: list[Candidate], before: list[Placed]
) -> None:
    expected = schedule(specs, fleet, before)
    moves = rebalance(specs, fleet, expected.placed, move_cost=10)
    with heaps():
        assert schedule(specs, fleet, before) == expected
        assert rebalance(specs, fleet, expected.placed, move_cost=10) == moves


@given(st.lists(st.integers(0, 5), min_size=20, max_size=40), st.sampled_from((None, 2, 4)))
@settings(max_examples=60, deadline=None)
def test_heaps_stay_right_while_instances_are_taken_off_hosts(at: list[int], most: int | None) -> None:
    fleet = [Candidate(f"h{number:02}") for number in range(9)]
    specs = [
        Spec("a@.service", Policy(replicas=len(at), max_per_host=most)),
        Spec("b@.service", Policy(replicas=len(at))),
    ]
    placed = [
        Placed(f"{name}@.service", f"{name}@{number}.service", f"h{host:02}")
        for name in "ab"
        for number, host in enumerate(at, 1)
    ]
    settled = schedule(specs, fleet, placed)
    moves = rebalance(specs, fleet, settled.placed, move_cost=1)
    with heaps():
        assert schedule(specs, fleet, placed) == settled
        assert rebalance(specs, fleet, settled.placed, move_cost=1) == moves


@given(services(), fleets(), st.sampled_from(_ZONES))
@settings(max_examples=120, deadline=None)
def test_a_host_that_joins_moves_nothing(specs: list[Spec], fleet: list[Candidate], zone: str) -> None:
    placement = schedule(specs, fleet)
    joined = Candidate("new", {"zone": zone}, cpu=64000, memory=256 * GIB)
    after = schedule(specs, [*fleet, joined], placement.placed)
    assert set(placement.placed) <= set(after.placed)
    assert {change.after for change in after.changes} <= {"new", *(one.name for one in fleet)}
    assert all(change.before is None for change in after.changes)


@given(services(), fleets())
@settings(max_examples=120, deadline=None)
def test_a_lost_host_moves_only_what_was_on_it_or_is_tied_to_that(
    specs: list[Spec], fleet: list[Candidate]
) -> None:
    placement = schedule(specs, fleet)
    for lost in fleet:
        after = schedule(
            specs,
            [replace(one, standing=Standing.LOST) if one is lost else one for one in fleet],
            placement.placed,
        )
        for change in after.changes:
            if change.before is not None and change.before != lost.name:
                assert change.rule in {"near", "preempted", "replaced"}


def _takes(host: Candidate) -> bool:
    """Whether it takes what is new."""
    return host.standing is Standing.LIVE and not (host.cordoned or host.drained or host.pressure)


@given(services(ties=False), fleets(), BEFORE)
@settings(max_examples=150, deadline=None)
def test_what_stays_on_a_drained_host_was_there_and_no_other_will_have_it(
    specs: list[Spec], fleet: list[Candidate], before: list[Placed]
) -> None:
    drained = {host.name for host in fleet if host.drained}
    bound = {one.name for one in specs if one.policy.everywhere or one.policy.host}
    placement = schedule(specs, fleet, before)
    there = {one.instance for one in placement.placed if one.host in drained and one.service not in bound}
    assert there == {one.instance for one in placement.staying}
    assert there <= {one.instance for one in before if one.host in drained}
    for name in there:
        verdicts = why(specs, fleet, placement.placed, name)
        assert [one.verdict for one in verdicts if one.verdict == "fits"] == []


@given(services(ties=False), fleets())
@settings(max_examples=150, deadline=None)
def test_without_ties_an_instance_is_pending_only_if_no_host_has_room_for_it(
    specs: list[Spec], fleet: list[Candidate]
) -> None:
    placement = schedule(specs, fleet)
    for each in placement.pending:
        if each.host is None:
            verdicts = why(specs, fleet, placement.placed, each.instance)
            assert all(verdict.verdict == "excluded" for verdict in verdicts)
            more = Placed(each.service, each.instance, "")
            for candidate in fleet:
                if not _takes(candidate):
                    continue
                placed = [*placement.placed, replace(more, host=candidate.name)]
                assert violations(specs, fleet, placed), f"{each.instance} would fit on {candidate.name}"


@given(services(ties=False), fleets())
@settings(max_examples=120, deadline=None)
def test_where_nothing_is_reserved_an_instance_is_placed_if_any_host_by_itself_would_do(
    specs: list[Spec], fleet: list[Candidate]
) -> None:
    """Against trying every host for every instance, one at a time."""
    light = [
        replace(
            one,
            policy=replace(one.policy, cpu=0, memory=0),
            others=tuple((name, replace(policy, cpu=0, memory=0)) for name, policy in one.others),
        )
        for one in specs
    ]
    takes = [each for each in fleet if _takes(each)]
    expected = {
        name
        for one in light
        for name in one.instances()
        if any(violations([one], fleet, [Placed(one.name, name, each.name)]) == [] for each in takes)
    }
    assert {one.instance for one in schedule(light, fleet).placed} == expected


@given(st.integers(0, 12), st.integers(1, 3), st.integers(0, 4))
@settings(deadline=None)
def test_a_limit_a_host_lets_as_many_run_as_there_is_room_for(replicas: int, most: int, count: int) -> None:
    fleet = [Candidate(f"h{number}") for number in range(count)]
    placement = schedule([Spec("a@.service", Policy(replicas=replicas, max_per_host=most))], fleet)
    assert len(placement.placed) == min(replicas, most * count)


@given(services(), fleets(), BEFORE)
@settings(max_examples=150, deadline=None)
def test_nobody_is_displaced_by_his_like_or_by_a_lower_one(
    specs: list[Spec], fleet: list[Candidate], before: list[Placed]
) -> None:
    by_instance = {name: one.policy_of(name) for one in specs for name in one.instances()}
    placement = schedule(specs, fleet, before)
    placed = {one.instance for one in placement.placed}
    for change in placement.changes:
        if change.rule == "preempted":
            winner = change.detail.partition(" ")[0]
            mine, theirs = by_instance[change.instance], by_instance[winner]
            assert mine.qos.rank < theirs.qos.rank
            assert mine.priority < theirs.priority
            # For nothing: the winner runs, or was itself displaced by a higher one.
            assert winner in placed or any(
                other.instance == winner and other.rule == "preempted" for other in placement.changes
            )


@given(services(), fleets(), BEFORE)
@settings(max_examples=150, deadline=None)
def test_the_explanation_agrees_with_the_placement(
    specs: list[Spec], fleet: list[Candidate], before: list[Placed]
) -> None:
    placement = schedule(specs, fleet, before)
    for one in placement.placed:
        (here,) = (
            verdict
            for verdict in why(specs, fleet, placement.placed, one.instance)
            if verdict.host == one.host
        )
        stays = one.instance in {each.instance for each in placement.staying}
        assert (here.verdict, here.rule) == ("placed", "drained" if stays else None)
    for each in placement.pending:
        if each.host is None:
            verdicts = why(specs, fleet, placement.placed, each.instance)
            assert {verdict.verdict for verdict in verdicts} <= {"excluded"}
            tally = {rule: 0 for rule, _ in each.rules}
            for verdict in verdicts:
                assert verdict.rule is not None
                tally[verdict.rule] += 1
            assert tally == dict(each.rules)


@given(services(), fleets())
@settings(max_examples=120, deadline=None)
def test_rebalancing_breaks_no_rule_and_comes_to_an_end(specs: list[Spec], fleet: list[Candidate]) -> None:
    placement = schedule(specs, fleet)
    moves = rebalance(specs, fleet, placement.placed, move_cost=10)
    moved = {move.instance: move.after for move in moves if move.after is not None}
    placed = [
        replace(one, host=moved[one.instance]) if one.instance in moved else one for one in placement.placed
    ]
    assert violations(specs, fleet, placed) == []
    assert len(moved) == len(moves)
    assert not [change for change in schedule(specs, fleet, placed).changes if change.before is not None]


def test_a_placement_is_the_same_in_another_process() -> None:
    """Hashes of strings differ between processes; nothing may hang on them."""
    code = "from tests.placement.test_scheduler_properties import sample\nprint(sample())"
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1


def sample() -> Placement:
    """A placement with a bit of everything in it."""
    fleet = [Candidate(f"h{n}", {"zone": _ZONES[n % 3]}, cpu=4000, memory=8 * GIB) for n in range(12)]
    specs = [
        Spec("a@.service", Policy(replicas=7, cpu=500, spread=("zone",))),
        Spec("b@.service", Policy(replicas=5, apart=("b@*.service", "c@*.service"), memory=GIB)),
        Spec("c@.service", Policy(replicas=4, cpu=1000, max_per_host=2)),
        Spec("d@.service", Policy(replicas=3, near=(("c@*.service",),))),
        Spec("global.service", Policy(everywhere=True, cpu=100)),
    ]
    return schedule(specs, fleet)
