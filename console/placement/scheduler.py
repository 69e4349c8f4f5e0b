"""The scheduler: `(specs, hosts, current) -> Placement`, a pure function.

What is placed stays where it is unless a rule of its own is broken there (`rules.py`); only what has no
host gets one, the best there is (`ranking.py`). Peers come before those near them, then higher classes,
then higher priorities, then names. So the same input gives the same placement whatever its order, a
placement given back as `current` gives itself, and a host more moves nothing (`rebalance.py` does).

Each instance is placed by itself, without looking ahead. One that others do not tie down (no Near=, Apart=,
Replaces=, MaxPerHost=) is pending only if no host has room for it as things stand. Ties may be placed so
that a later one has no host, where another choice would have left it one; it is then pending, and says why.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappop, heappush

from console.placement.candidate import Candidate
from console.placement.host_index import HostIndex
from console.placement.instance import Instance
from console.placement.keeping import keep
from console.placement.ledger import Ledger
from console.placement.outcome import Change, Pending, Placed, Placement
from console.placement.preemption import Preemption
from console.placement.ranking import Rankings
from console.placement.rules import obstacle
from console.placement.spec import Spec


def schedule(specs: Iterable[Spec], hosts: Iterable[Candidate], current: Iterable[Placed] = ()) -> Placement:
    """Where every instance is to be.

    :param specs: what is wanted; a service that is not to run is left out.
    :param hosts: all hosts of the fleet, also those that take nothing.
    :param current: where instances are now. One that no spec asks for is not counted anywhere, and told
        as a change to nowhere.
    """
    return _Run(Ledger(specs, HostIndex(hosts)), current).result()


#: How often what is pending is tried again while that changes anything. Once is mostly enough. Each time
#: something higher than before is placed, so it ends by itself; but nothing may hang on our being right.
_ROUNDS = 20


class _Run:
    """One working out of a placement."""

    def __init__(self, ledger: Ledger, current: Iterable[Placed]) -> None:
        self._ledger = ledger
        self._rankings = Rankings(ledger)
        self._preemption = Preemption(ledger)
        self._failed: set[object] = set()
        self._replaced_by: set[Instance] = set()
        self._dropped = keep(ledger, current)
        self._all = ledger.wanted()
        self._queue = [(instance.order, instance) for instance in self._all if instance.host is None]
        heapify(self._queue)

    def result(self) -> Placement:
        pending = self._place_all()
        # What was displaced may have left more room than was needed, and a peer may have come late.
        for _ in range(_ROUNDS):
            again = self._once_more(pending)
            if set(again) == set(pending):
                break
            pending = again
        told = tuple(self._told(pending))
        staying = self._stay(pending)
        left = told
        if staying:  # what stays counts for what is left
            left = tuple(self._told([one for one in pending if one.name not in staying]))
        return Placement(
            tuple(self._placed()),
            left,
            tuple(self._changes()),
            tuple(one for one in told if one.instance in staying),
        )

    # What is to be placed

    def _place_all(self) -> list[Instance]:
        pending: list[Instance] = []
        while self._queue:
            _, instance = heappop(self._queue)
            if instance.host is None and not self._place(instance):
                pending.append(instance)
        return pending

    def _once_more(self, pending: list[Instance]) -> list[Instance]:
        """Try again what is pending; what then is."""
        self._failed.clear()
        self._queue = [(instance.order, instance) for instance in pending]
        heapify(self._queue)
        return self._place_all()

    def _place(self, instance: Instance) -> bool:
        if instance.policy.everywhere:
            return self._place_on(instance, instance.number)
        if instance.held.replaces and instance not in self._replaced_by and self._replace(instance):
            return True
        shape = self._shape(instance)
        if shape in self._failed:
            return False
        host = self._rankings.best(instance)
        if host is not None:
            self._ledger.place(instance, host)
            return True
        if way := self._preemption.cheapest(instance):
            self._displace(instance, *way)
            return True
        if shape is not None:
            self._failed.add(shape)
        return False

    def _place_on(self, instance: Instance, host: int) -> bool:
        """Place an instance of a `Global=yes` service on its host, if that takes it."""
        if host not in instance.sieve.takes:
            return True  # not asked for there; nothing is missing
        if obstacle(instance, host, self._ledger) is None:
            self._ledger.place(instance, host)
            return True
        if way := self._preemption.cheapest(instance, (host,)):
            self._displace(instance, *way)
            return True
        return False

    def _displace(self, instance: Instance, host: int, victims: Iterable[Instance]) -> None:
        for victim in victims:
            self._evict(victim, "preempted", f"{instance.name} needs the room")
        self._ledger.place(instance, host)

    def _replace(self, instance: Instance) -> bool:
        """Take the best of the hosts where what it replaces is placed, if one will have it then."""
        names = {name for pattern in instance.held.replaces for name in pattern.meant}
        mutual = set(instance.rivals)
        victims: dict[int, list[Instance]] = {}
        for name in sorted(names):
            other = self._ledger.instances.get(name)
            if other is None or other in mutual or other is instance or other.host is None:
                continue
            if other.host in instance.sieve.takes:
                victims.setdefault(other.host, []).append(other)
        best: tuple[int, int] | None = None
        for host, there in victims.items():
            gone = [one for victim in there for one, _ in self._take_off(victim)]
            if obstacle(instance, host, self._ledger) is None:
                found = (self._rankings.cost(instance, host), host)
                best = found if best is None else min(best, found)
            for one in gone:
                self._ledger.place(one, host)
        if best is None:
            return False
        self._replaced_by.add(instance)
        for victim in victims[best[1]]:
            self._evict(victim, "replaced", f"{instance.name} replaces it there")
        self._ledger.place(instance, best[1])
        return True

    def _evict(self, instance: Instance, rule: str, detail: str) -> None:
        """Take an instance off its host and put it in the queue, and those that were near it there."""
        for one, cause in self._take_off(instance):
            near = ("near", f"{cause.name} is no longer there") if cause else None
            one.why = near or (rule, detail)
            heappush(self._queue, (one.order, one))

    def _take_off(
        self, instance: Instance, cause: Instance | None = None
    ) -> list[tuple[Instance, Instance | None]]:
        """Remove an instance, and those that were near it there; each with the one that it goes with.

        Nothing, where it has gone with another already.
        """
        if instance.host is None:
            return []
        host = self._ledger.remove(instance)
        gone = [(instance, cause)]
        if any(host in pattern.holders for pattern in instance.hit.near):
            for other in list(self._ledger.on[host]):
                if other.groups and other.host is not None and self._is_alone(other, host):
                    gone += self._take_off(other, instance)
        return gone

    def _is_alone(self, instance: Instance, host: int) -> bool:
        """Whether nothing is on its host any more that it is to be near."""
        self._ledger.remove(instance)
        rule = obstacle(instance, host, self._ledger)
        self._ledger.place(instance, host)
        return rule == "near"

    def _stay(self, pending: Iterable[Instance]) -> frozenset[str]:
        """Leave where it is what is to leave its host and has no other; the names of these instances."""
        stayed: set[str] = set()
        for instance in sorted(pending, key=lambda instance: instance.order):
            host = None if instance.record is None else self._ledger.index.at.get(instance.record.host)
            if host in instance.sieve.bears and obstacle(instance, host, self._ledger) is None:
                self._ledger.place(instance, host)
                stayed.add(instance.name)
        return frozenset(stayed)

    def _shape(self, instance: Instance) -> object:
        """What instances that fail alike have in common; None where that cannot be said."""
        policy = instance.policy
        if policy.near or policy.together or policy.replaces:
            return None
        if instance.plain and policy.max_per_host is None:
            return (id(instance.sieve), policy.cpu, policy.memory, policy.qos, policy.priority)
        return (id(instance.service), id(policy), *map(id, instance.hit))

    # What came of it

    def _placed(self) -> Iterable[Placed]:
        for instance in self._all:
            if instance.host is not None:
                record = instance.record
                host = self._name(instance.host)
                if record is not None and record.host == host:
                    yield record
                else:
                    yield Placed(instance.service.name, instance.name, host)

    def _changes(self) -> Iterable[Change]:
        changes = self._dropped
        for instance in self._all:
            before = None if instance.record is None else instance.record.host
            after = None if instance.host is None else self._name(instance.host)
            if before != after:
                changes.append(Change(instance.service.name, instance.name, before, after, *instance.why))
        return sorted(changes, key=lambda change: (change.service, change.instance, change.before or ""))

    def _told(self, pending: list[Instance]) -> Iterable[Pending]:
        tallies: dict[object, tuple[tuple[str, int], ...]] = {}
        for instance in sorted(pending, key=lambda instance: (instance.service.name, instance.number)):
            if instance.policy.everywhere:
                host = instance.number
                rule = obstacle(instance, host, self._ledger)
                yield Pending(
                    instance.service.name,
                    instance.name,
                    self._name(host),
                    ((rule, 1),) if rule else (),
                )
                continue
            shape = self._shape(instance)
            if shape is None or (tally := tallies.get(shape)) is None:
                tally = self._tally(instance)
                if shape is not None:
                    tallies[shape] = tally
            yield Pending(instance.service.name, instance.name, None, tally)

    def _tally(self, instance: Instance) -> tuple[tuple[str, int], ...]:
        counts: dict[str, int] = {}
        for host in self._ledger.index.all:
            stage = None
            if host not in instance.sieve.takes:
                stage = instance.sieve.failed(host, new=True)
            rule = stage.rule if stage else obstacle(instance, host, self._ledger)
            if rule:
                counts[rule] = counts.get(rule, 0) + 1
        return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def _name(self, host: int) -> str:
        return self._ledger.index.hosts[host].name
