"""Preemption: whom to displace so that an instance fits.

Only instances of a lower class *and* a lower priority are displaced, only if the instance fits nowhere
without, and only so many as make it fit. One that others are near to stays, for they would have to go with
it; and so does one that the instance itself is to be near.
"""

from __future__ import annotations

from collections.abc import Iterable

from console.placement.instance import Instance
from console.placement.ledger import Ledger
from console.placement.rules import blocked

#: What a way costs, and is compared by: the highest class displaced, the highest priority, how many, the
#: host's load, the host.
Cost = tuple[int, int, int, int, int]
Way = tuple[Cost, list[Instance]]

#: What the ways of two instances hang on, where neither is to be near anything.
_Shape = tuple[int, int, int, int]


class Preemption:
    """Ways to make room on the hosts of one ledger. A host is looked at again only after it has changed."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[_Shape, dict[int, tuple[int, Way | None]]] = {}
        policies = [service.spec.policy for service in ledger.services]
        self._lowest_class = min((policy.qos.rank for policy in policies), default=0)
        self._lowest_priority = min((policy.priority for policy in policies), default=0)

    def cheapest(
        self, instance: Instance, hosts: Iterable[int] | None = None
    ) -> tuple[int, list[Instance]] | None:
        """The host where least is displaced, and what; None if displacing does not help.

        :param hosts: of which hosts; all that take the instance if None.
        """
        policy = instance.policy
        if policy.qos.rank <= self._lowest_class or policy.priority <= self._lowest_priority:
            return None  # nothing at all is below it
        if not (instance.cpu or instance.memory):
            return None
        best: Way | None = None
        for host in instance.sieve.takes if hosts is None else hosts:
            way = self._way(instance, host)
            if way is None or (best is not None and way[0] >= best[0]):
                continue
            if blocked(instance, host, self._ledger) is None:
                best = way
        return None if best is None else (best[0][-1], best[1])

    def _way(self, instance: Instance, host: int) -> Way | None:
        if instance.held.near:
            return _make(instance, host, self._ledger)
        policy = instance.policy
        shape = (instance.cpu, instance.memory, policy.qos.rank, policy.priority)
        known = self._known.setdefault(shape, {})
        version = self._ledger.version[host]
        if (found := known.get(host)) is None or found[0] != version:
            found = known[host] = (version, _make(instance, host, self._ledger))
        return found[1]


def _make(instance: Instance, host: int, ledger: Ledger) -> Way | None:
    """The least that must go from a host for the instance to have room; None if that cannot be."""
    if ledger.index.cpu[host] < instance.cpu or ledger.index.memory[host] < instance.memory:
        return None
    cpu = instance.cpu + ledger.cpu[host] - ledger.index.cpu[host] if instance.cpu else 0
    memory = instance.memory + ledger.memory[host] - ledger.index.memory[host] if instance.memory else 0
    chosen: list[Instance] = []
    for other in sorted(ledger.on[host], key=lambda other: other.order, reverse=True):
        if cpu <= 0 and memory <= 0:
            break
        helps = (cpu > 0 and other.cpu) or (memory > 0 and other.memory)
        if helps and instance.outranks(other) and not _is_peer(other, instance, host):
            chosen.append(other)
            cpu -= other.cpu
            memory -= other.memory
    if cpu > 0 or memory > 0 or not chosen:
        return None
    # The last ones chosen may have made earlier ones needless; the highest are spared first.
    for other in reversed(chosen.copy()):
        if cpu + other.cpu <= 0 and memory + other.memory <= 0:
            chosen.remove(other)
            cpu += other.cpu
            memory += other.memory
    cost = (
        max(other.policy.qos.rank for other in chosen),
        max(other.policy.priority for other in chosen),
        len(chosen),
        ledger.load[host],
        host,
    )
    return cost, chosen


def _is_peer(other: Instance, instance: Instance, host: int) -> bool:
    """Whether one that is there, or the instance itself, is near to the other."""
    return any(host in pattern.holders or pattern in instance.held.near for pattern in other.hit.near)
