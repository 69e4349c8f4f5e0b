"""Preemption: whom to displace so that an instance fits.

Only instances of a lower class *and* a lower priority are displaced, only if the instance fits nowhere
without, and only so many as make it fit. One that others are near to stays, for they would have to go with
it; and so does one that the instance itself is to be near.
"""

from __future__ import annotations

from collections.abc import Iterable

from console.placement.instance import Instance
from console.placement.ledger import Ledger
from console.placement.ranking import Rankings
from console.placement.rules import blocked, short

Way = tuple[int, list[Instance]]


def cheapest_way(
    instance: Instance, ledger: Ledger, rankings: Rankings, hosts: Iterable[int] | None = None
) -> Way | None:
    """The host where least is displaced, and what; None if displacing does not help.

    Least is: the highest class displaced, then its priority, then how many, then the host's cost and name.

    :param hosts: of which hosts; all that take the instance if None.
    """
    if not (instance.cpu or instance.memory):
        return None
    best: tuple[tuple[int, int, int, int, int], list[Instance]] | None = None
    for host in instance.sieve.takes if hosts is None else hosts:
        if blocked(instance, host, ledger):
            continue
        victims = _victims(instance, host, ledger)
        if victims is None:
            continue
        rank = (
            max(victim.policy.qos.rank for victim in victims),
            max(victim.policy.priority for victim in victims),
            len(victims),
            rankings.cost(instance, host),
            host,
        )
        if best is None or rank < best[0]:
            best = (rank, victims)
    return None if best is None else (best[0][-1], best[1])


def _victims(instance: Instance, host: int, ledger: Ledger) -> list[Instance] | None:
    """The least that must go from a host for the instance to fit; None if that cannot be."""
    cpu = instance.cpu + ledger.cpu[host] - ledger.index.cpu[host] if instance.cpu else 0
    memory = instance.memory + ledger.memory[host] - ledger.index.memory[host] if instance.memory else 0
    if cpu <= 0 and memory <= 0:
        assert short(instance, host, ledger) is None
        return None  # it fits as it is
    lower = [
        other
        for other in ledger.on[host]
        if instance.outranks(other) and (other.cpu or other.memory) and not _is_peer(other, instance, host)
    ]
    lower.sort(key=lambda other: other.order, reverse=True)
    chosen: list[Instance] = []
    for other in lower:
        if cpu <= 0 and memory <= 0:
            break
        if (cpu > 0 and other.cpu) or (memory > 0 and other.memory):
            chosen.append(other)
            cpu -= other.cpu
            memory -= other.memory
    if cpu > 0 or memory > 0:
        return None
    # The last ones chosen may have made earlier ones needless; the highest are spared first.
    for other in reversed(chosen.copy()):
        if cpu + other.cpu <= 0 and memory + other.memory <= 0:
            chosen.remove(other)
            cpu += other.cpu
            memory += other.memory
    return chosen


def _is_peer(other: Instance, instance: Instance, host: int) -> bool:
    """Whether one that is there, or the instance itself, is near to the other."""
    return any(host in pattern.holders or pattern in instance.held.near for pattern in other.hit.near)
