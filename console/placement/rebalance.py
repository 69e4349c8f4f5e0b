"""Rebalancing: moves that would even out the load, proposed and never made by themselves.

The scheduler moves nothing for a better place. This says what it would gain: instances of the most loaded
hosts, each to the best host there is for it now, if that is better by more than a move costs. Left where
they are: exclusive instances (a move of theirs is a gap), those on every host, and those that rules tie to
what is on their host (Near=, Replaces=).
"""

from __future__ import annotations

from collections.abc import Iterable

from console.placement.candidate import Candidate
from console.placement.host_index import HostIndex
from console.placement.instance import Instance
from console.placement.keeping import keep
from console.placement.ledger import Ledger
from console.placement.outcome import Change, Placed
from console.placement.ranking import Rankings
from console.placement.spec import Spec

#: What a move must gain at least, in points of the score: five instances' worth, or 5 % of a host.
MOVE_COST = 50


def rebalance(
    specs: Iterable[Spec],
    hosts: Iterable[Candidate],
    current: Iterable[Placed],
    *,
    most: int | None = None,
    move_cost: int = MOVE_COST,
) -> tuple[Change, ...]:
    """Moves that are worth their cost, in the order in which they are best made; each instance at most once.

    What is placed wrongly is left to `schedule`.

    :param most: so many moves at most.
    """
    ledger = Ledger(specs, HostIndex(hosts))
    keep(ledger, current)
    rankings = Rankings(ledger)
    names = [host.name for host in ledger.index.hosts]
    moves: list[Change] = []
    for instance in _heaviest_first(ledger):
        if most is not None and len(moves) >= most:
            break
        before = ledger.remove(instance)
        after = rankings.best(instance)
        gain = 0 if after is None else rankings.cost(instance, before) - rankings.cost(instance, after)
        if after is None or gain < max(1, move_cost):
            ledger.place(instance, before)
            continue
        ledger.place(instance, after)
        moves.append(
            Change(
                instance.service.name,
                instance.name,
                names[before],
                names[after],
                "rebalance",
                f"better by {gain}",
            )
        )
    return tuple(moves)


def _heaviest_first(ledger: Ledger) -> list[Instance]:
    """Those that may move: of the most loaded host first, and of one host the lowest in rank first."""
    hosts = sorted(range(len(ledger.on)), key=lambda host: -ledger.load[host])
    return [
        instance
        for host in hosts
        for instance in sorted(ledger.on[host], key=lambda instance: instance.order, reverse=True)
        if _may_move(instance)
    ]


def _may_move(instance: Instance) -> bool:
    policy = instance.policy
    if policy.exclusive or policy.everywhere or policy.together:
        return False
    return not (instance.groups or instance.hit.near or instance.held.replaces or instance.hit.replaces)
