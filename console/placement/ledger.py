"""What is placed where while a placement is worked out, in counters that make every rule a look-up.

A pattern of `Near=`, `Apart=` or `Replaces=` is matched with names once, when the ledger is made. From then
on two counters a pattern and host say how many instances there it means, and how many there hold it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping

from console.model.selector import glob_matches, is_glob
from console.placement.host_index import HostIndex
from console.placement.instance import Instance, Kind, Pattern, Service, Ties
from console.placement.policy import Policy
from console.placement.spec import Spec
from console.placement.unit_name import UnitName

#: A score is the negative of these, summed (docs/spec.md has them for users).
WEIGHT_COUNT = 10  # for each instance on the host
WEIGHT_OWN = 200  # for each of the same service there
WEIGHT_SPREAD = 1000  # for each of the same service with the same value of a label of Spread=
WEIGHT_PREFER = 10  # for each point of a preference's weight


class Ledger:
    """Counters of everything placed, kept by `place` and `remove`.

    :param specs: of any order; of two with one name the last counts.
    """

    def __init__(self, specs: Iterable[Spec], index: HostIndex) -> None:
        self.index = index
        size = len(index.hosts)
        self.on: list[dict[Instance, None]] = [{} for _ in range(size)]
        self.cpu = [0] * size
        self.memory = [0] * size
        #: How loaded a host is: thousandths of what is reserved, and ten for each instance.
        self.load = [0] * size
        self.version = [0] * size  # of a host: another one after each change
        #: Hosts whose load went down, in that order: a ranking reads on from where it was.
        self.lowered: list[int] = []
        by_name = {spec.name: spec for spec in specs}
        self.services = [Service(by_name[name]) for name in sorted(by_name)]
        self.instances: dict[str, Instance] = {}
        self.everywhere: dict[str, dict[int, Instance]] = {}  # of Global=yes: by host
        self._labels: dict[str, list[str | None]] = {}
        self._policies: dict[str, tuple[Service, Policy]] = {}
        self._kinds: dict[str, Kind] = {}
        self._held: dict[int, Ties] = {}
        self._patterns: dict[tuple[str, str], Pattern] = {}
        self._hits: dict[str, Ties] = {}
        self._nothing = Ties()
        self._prepare()

    def place(self, instance: Instance, host: int) -> None:
        """Count an instance that is not placed as placed on a host."""
        self.put(instance, host)
        self._weigh(host)

    def put(self, instance: Instance, host: int) -> None:
        """As `place`, for many at a time: `weigh` is to follow before anything is ranked."""
        instance.host = host
        self.on[host][instance] = None
        self.cpu[host] += instance.cpu
        self.memory[host] += instance.memory
        self.version[host] += 1
        self._count(instance, host, 1)

    def weigh(self) -> None:
        for host in self.index.all:
            self._weigh(host)

    def remove(self, instance: Instance) -> int:
        """Count a placed instance as not placed; where it was."""
        host = instance.host
        assert host is not None
        instance.host = None
        del self.on[host][instance]
        self.cpu[host] -= instance.cpu
        self.memory[host] -= instance.memory
        self._weigh(host)
        self.version[host] += 1
        self.lowered.append(host)
        self._count(instance, host, -1)
        return host

    def on_host(self, name: str, host: int) -> Instance:
        """The instance of a `Global=yes` service for one host, made when it is first asked for."""
        found = self.everywhere[name]
        if host not in found:
            found[host] = Instance(name, self._kinds[name], self._hits.get(name, self._nothing), host)
        return found[host]

    def wanted(self) -> list[Instance]:
        """All that are to be, by service and number; of `Global=yes` one for each host it is for."""
        for name in self.everywhere:
            for host in self._kinds[name].sieve.takes:
                self.on_host(name, host)
        if not self.everywhere:
            return list(self.instances.values())
        every = list(self.instances.values())
        for made in self.everywhere.values():
            every += made.values()
        return sorted(every, key=lambda instance: (instance.service.name, instance.number))

    def _count(self, instance: Instance, host: int, step: int) -> None:
        service = instance.service
        service.total += step
        _add(service.own, host, step)
        if service.spread:
            for label, counts in service.spread.items():
                value = self.label(label)[host]
                counts[value] = counts.get(value, 0) + step
        if instance.plain:
            return
        for pattern in instance.held:
            _add(pattern.holders, host, step)
        for pattern in instance.hit:
            _add(pattern.targets, host, step)

    def label(self, label: str) -> list[str | None]:
        """What each host has for a label of `Spread=`."""
        if (found := self._labels.get(label)) is None:
            found = self._labels[label] = self.index.values(label)
        return found

    def _weigh(self, host: int) -> None:
        cpu, memory = self.index.cpu[host], self.index.memory[host]
        fullest = 1000 * self.cpu[host] // cpu if cpu > 0 else 0
        if memory > 0 and (filled := 1000 * self.memory[host] // memory) > fullest:
            fullest = filled
        self.load[host] = fullest + WEIGHT_COUNT * len(self.on[host])

    def _prepare(self) -> None:
        """Make every instance, and match every pattern with every name once."""
        replacing: list[Instance] = []
        for service in self.services:
            policy = service.spec.policy
            varies = policy.varies
            for name in service.spec.instances():
                self._policies[name] = (service, policy.of(UnitName(name)) if varies else policy)
        names = _Names(self._policies)
        for _, policy in self._policies.values():
            if id(policy) not in self._held:
                self._held[id(policy)] = self._ties(policy, names)
        self._set_levels()
        kind: Kind | None = None
        for number, (name, (service, policy)) in enumerate(self._policies.items()):
            if kind is None or kind.service is not service or kind.policy is not policy:
                kind = self._kind(service, policy)
            if policy.everywhere:
                self.everywhere[name] = {}
                self._kinds[name] = kind
            else:
                self.instances[name] = Instance(name, kind, self._hits.get(name, self._nothing), number)
                if kind.held.replaces:
                    replacing.append(self.instances[name])
        for instance in replacing:
            instance.rivals = tuple(self._rivals(instance))

    def _kind(self, service: Service, policy: Policy) -> Kind:
        groups: tuple[tuple[Pattern, ...], ...] = ()
        if policy.near:
            groups = tuple(tuple(self._patterns["near", text] for text in group) for group in policy.near)
        return Kind(service, policy, self.index.sieve(policy), self._held[id(policy)], groups)

    def _ties(self, policy: Policy, names: _Names) -> Ties:
        if not (policy.near or policy.apart or policy.replaces):
            return self._nothing
        ties = Ties()
        near = (text for group in policy.near for text in group)
        for role, texts in (("near", near), ("apart", policy.apart), ("replaces", policy.replaces)):
            getattr(ties, role).extend(self._pattern(role, text, names) for text in dict.fromkeys(texts))
        return ties

    def _pattern(self, role: str, text: str, names: _Names) -> Pattern:
        if (found := self._patterns.get((role, text))) is None:
            found = self._patterns[role, text] = Pattern(text)
            for name in names.matching(text):
                found.meant.add(name)
                getattr(self._hits.setdefault(name, Ties()), role).append(found)
        return found

    def _rivals(self, instance: Instance) -> Iterable[Instance]:
        for pattern in instance.held.replaces:
            for name in sorted(pattern.meant):
                other = self.instances.get(name)
                if (
                    other
                    and other is not instance
                    and any(p in instance.hit.replaces for p in other.held.replaces)
                ):
                    yield other

    def _set_levels(self) -> None:
        near: dict[str, set[str]] = {}
        for service, policy in self._policies.values():
            if policy.near:
                peers = near.setdefault(service.name, set())
                for pattern in self._held[id(policy)].near:
                    peers.update(self._policies[name][0].name for name in pattern.meant)
        found = levels(near)
        for service in self.services:
            service.level = found.get(service.name, 0)


def levels(near: Mapping[str, Collection[str]]) -> dict[str, int]:
    """How deep each service stands: 0, or one more than the deepest of those it is near to.

    A circle is cut where it is entered, by name. Not recursive: a chain may be as long as there are services.
    """
    found: dict[str, int] = {}
    for start in sorted(near):
        stack = [start]
        entered: set[str] = set()
        while stack:
            name = stack[-1]
            peers = sorted(near.get(name, ()))
            waiting = [peer for peer in peers if peer not in found and peer not in entered]
            entered.add(name)
            if waiting and name not in found:
                stack += waiting
                continue
            stack.pop()
            if name not in found:
                found[name] = 1 + max((found[peer] for peer in peers if peer in found), default=-1)
    return found


class _Names:
    """Names in order, so that a pattern is tried only on those that begin as it does."""

    def __init__(self, names: Iterable[str]) -> None:
        self._sorted = sorted(names)
        self._known = set(self._sorted)

    def matching(self, pattern: str) -> list[str]:
        if not is_glob(pattern):
            return [pattern] if pattern in self._known else []
        literal = pattern
        for char in "*?[":
            literal = literal.partition(char)[0]
        found = []
        at = bisect_left(self._sorted, literal)
        while at < len(self._sorted) and (name := self._sorted[at]).startswith(literal):
            if glob_matches(pattern, name):
                found.append(name)
            at += 1
        return found


def _add(counts: dict[int, int], host: int, step: int) -> None:
    left = counts.get(host, 0) + step
    if left:
        counts[host] = left
    else:
        del counts[host]
