"""Which host is best: scores, and heaps that give the best one without looking at all of them.

The score of a host for an instance is 0 minus

    its load          thousandths of CPU or memory reserved, the fuller of the two, and 10 for each instance
    200               for each instance of the same service on it
    1000              for each instance of the same service with its value of a label of Spread=
    -10 x weight      for each Prefer= that holds

and of hosts with one score the first by name is best. Only the load changes as others are placed, and
mostly it grows. So hosts are kept in a heap by load and preference, shared by all services that ask the
same of hosts; an entry whose host has become more loaded is put back where it belongs when it comes up.
The other two parts only ever add: the search ends at the first entry that could not win even without them.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush, heapreplace

from console.placement.host_index import HostSet, Sieve
from console.placement.instance import Instance
from console.placement.ledger import WEIGHT_OWN, WEIGHT_PREFER, WEIGHT_SPREAD, Ledger
from console.placement.policy import Policy, Preference
from console.placement.rules import obstacle

#: With so few hosts to choose from, looking at each is quicker than a heap.
FEW = 16
#: From so many instances on, a service that fills hosts by its own rules has a ranking of its own.
MANY = 100

Entry = tuple[int, int]  # load less preference, host
Best = tuple[int, int]  # what is lowest, host


class Rankings:
    """The rankings of one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._liked: dict[tuple[Preference, ...], dict[int, int]] = {}
        self._made: dict[tuple[int, tuple[Preference, ...], tuple[str, ...], int], _Ranking] = {}

    def best(self, instance: Instance) -> int | None:
        """The best host for an instance that is not placed; None if none will have it."""
        found = self._among(instance)
        if found is not None:
            return self._best_of(instance, found)
        return self._ranking(instance).best(instance)

    def cost(self, instance: Instance, host: int) -> int:
        """What the best host has least of: the score with its sign turned."""
        service = instance.service
        cost = self._ledger.load[host] - self.liked(instance.policy).get(host, 0)
        cost += WEIGHT_OWN * service.own.get(host, 0)
        for label, counts in service.spread.items():
            cost += WEIGHT_SPREAD * counts.get(self._ledger.label(label)[host], 0)
        return cost

    def liked(self, policy: Policy) -> dict[int, int]:
        """What the preferences give each host, where that is not 0."""
        if (found := self._liked.get(policy.prefer)) is None:
            found = self._liked[policy.prefer] = {}
            for preference in policy.prefer:
                hosts = self._ledger.index.all
                for group in preference.terms:
                    hosts &= self._ledger.index.holding(group)
                for host in hosts:
                    found[host] = found.get(host, 0) + WEIGHT_PREFER * preference.weight
        return found

    def _among(self, instance: Instance) -> HostSet | set[int] | None:
        """The hosts it can only be, where those are few."""
        takes = instance.sieve.takes
        if instance.groups:
            return takes.intersection(
                *({host for pattern in group for host in pattern.targets} for group in instance.groups)
            )
        if instance.policy.together and instance.service.total:
            return takes.intersection(instance.service.own)
        return takes if len(takes) <= FEW else None

    def _best_of(self, instance: Instance, hosts: HostSet | set[int]) -> int | None:
        best: Best | None = None
        for host in hosts:
            if obstacle(instance, host, self._ledger) is None:
                found = (self.cost(instance, host), host)
                if best is None or found < best:
                    best = found
        return None if best is None else best[1]

    def _ranking(self, instance: Instance) -> _Ranking:
        policy = instance.policy
        service = instance.service
        # Of a service with many instances and a limit a host, the hosts that have their number would come
        # up again and again.
        alone = service.limit is not None and policy.replicas >= MANY
        key = (id(instance.sieve), policy.prefer, policy.spread, id(service) if alone else 0)
        found = self._made.get(key)
        if found is None or (alone and found.outdated):
            found = self._made[key] = _Ranking(
                self._ledger,
                instance.sieve,
                self.liked(policy),
                policy.spread,
                service.limit if alone else None,
            )
        return found


class _Ranking:
    """Hosts of one sieve by load and preference: a heap for each combination of values of Spread='s labels.

    :param limit: of a ranking that one service has to itself: hosts with so many of it are left out for good.
    """

    def __init__(
        self,
        ledger: Ledger,
        sieve: Sieve,
        liked: dict[int, int],
        labels: tuple[str, ...],
        limit: int | None,
    ) -> None:
        self._limit = limit
        self._ledger = ledger
        self._liked = liked
        self._labels = labels
        values = [ledger.label(label) for label in labels]
        self._heap_of: dict[int, list[Entry]] = {}
        heaps: dict[tuple[str | None, ...], list[Entry]] = {}
        for host in sieve.takes:
            heap = heaps.setdefault(tuple(of[host] for of in values), [])
            heap.append((ledger.load[host] - liked.get(host, 0), host))
            self._heap_of[host] = heap
        for heap in heaps.values():
            heapify(heap)
        self._heaps = list(heaps.items())
        self._read = len(ledger.lowered)

    @property
    def outdated(self) -> bool:
        """Whether something was removed since, so that a host left out may have to be in again."""
        return self._read != len(self._ledger.lowered)

    def best(self, instance: Instance) -> int | None:
        self._catch_up()
        counts = instance.service.spread
        best: Best | None = None
        for values, heap in self._heaps:
            added = 0
            for label, value in zip(self._labels, values, strict=True):
                added += WEIGHT_SPREAD * counts[label].get(value, 0)
            best = self._search(instance, heap, added, best)
        return None if best is None else best[1]

    def _search(self, instance: Instance, heap: list[Entry], added: int, best: Best | None) -> Best | None:
        """The better of `best` and what this heap has, whose hosts all cost `added` more than they say."""
        ledger, load, liked = self._ledger, self._ledger.load, self._liked
        own, limit = instance.service.own, self._limit
        seen: list[Entry] = []
        while heap:
            entry = heap[0]
            least, host = entry
            now = load[host] - liked.get(host, 0) if liked else load[host]
            if least < now:
                heapreplace(heap, (now, host))
                continue
            if least > now or (seen and seen[-1] == entry):
                heappop(heap)  # another entry of the host stands where it belongs
                continue
            if best is not None and (least + added, host) >= best:
                break
            if limit is not None and own.get(host, 0) >= limit:
                heappop(heap)
                continue
            seen.append(heappop(heap))
            if obstacle(instance, host, ledger) is None:
                found = (least + added + WEIGHT_OWN * own.get(host, 0), host)
                if best is None or found < best:
                    best = found
        for entry in seen:
            heappush(heap, entry)
        return best

    def _catch_up(self) -> None:
        """Put in again the hosts whose load went down since: their entries stand too far behind."""
        lowered = self._ledger.lowered
        for host in set(lowered[self._read :]):
            if (heap := self._heap_of.get(host)) is not None:
                heappush(heap, (self._ledger.load[host] - self._liked.get(host, 0), host))
        self._read = len(lowered)
