"""What is placed where while a placement is worked out, in counters that make every rule a look-up.

A pattern of `Near=`, `Apart=` or `Replaces=` is matched with names once, when the ledger is made. From then
on two counters a pattern and host say how many instances there it means, and how many there hold it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping

from console.model.selector import glob_matches
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
        self.services = [Service(by_name[name], number) for number, name in enumerate(sorted(by_name))]
        self.instances: dict[str, Instance] = {}
        self.everywhere: dict[str, dict[int, Instance]] = {}  # of Global=yes: by host
        self._labels: dict[str, list[str | None]] = {}
        self._kinds: dict[str, Kind] = {}  # by the names of instances
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
        own = service.own
        if left := own.get(host, 0) + step:  # as _add, of which there would be one call more for each
            own[host] = left
        else:
            del own[host]
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
        kinds = self._make_kinds()
        self._tie(kinds)
        self._rank(kinds)
        replacing: list[Instance] = []
        for number, (name, kind) in enumerate(self._kinds.items()):
            if kind.policy.everywhere:
                self.everywhere[name] = {}
                continue
            instance = self.instances[name] = Instance(
                name, kind, self._hits.get(name, self._nothing), number
            )
            if kind.held.replaces:
                replacing.append(instance)
        for instance in replacing:
            instance.rivals = tuple(self._rivals(instance))

    def _make_kinds(self) -> list[Kind]:
        found: list[Kind] = []
        for service in self.services:
            policy = service.spec.policy
            names = service.spec.instances()
            if policy.varies or service.spec.others:
                others = dict(service.spec.others)
                for name in names:
                    own = others.get(name, policy).of(UnitName(name))
                    found.append(self._kind(service, own))
                    self._kinds[name] = found[-1]
            else:
                found.append(kind := self._kind(service, policy))
                for name in names:
                    self._kinds[name] = kind
        return found

    def _kind(self, service: Service, policy: Policy) -> Kind:
        return Kind(service, policy, self.index.sieve(policy), self._nothing)

    def _tie(self, kinds: Iterable[Kind]) -> None:
        """Give each kind the patterns that its policy holds."""
        names = _Names(self._kinds)
        for kind in kinds:
            policy = kind.policy
            if policy.near or policy.apart or policy.replaces:
                kind.held = self._ties(policy, names)
                kind.bound = True
            if policy.near:
                kind.groups = tuple(
                    tuple(self._patterns["near", text] for text in group) for group in policy.near
                )

    def _rank(self, kinds: Iterable[Kind]) -> None:
        self._set_levels(kinds)
        tiers: dict[tuple[int, int, int], list[Kind]] = {}
        for kind in kinds:
            tiers.setdefault(kind.tier, []).append(kind)
        for at, tier in enumerate(sorted(tiers)):
            for kind in tiers[tier]:
                kind.rank = at * len(self.services) + kind.service.number

    def _ties(self, policy: Policy, names: _Names) -> Ties:
        ties = Ties()
        near = tuple(text for group in policy.near for text in group) if policy.near else ()
        for role, texts in (("near", near), ("apart", policy.apart), ("replaces", policy.replaces)):
            if texts:
                found = getattr(ties, role)
                found += [self._pattern(role, text, names) for text in dict.fromkeys(texts)]
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

    def _set_levels(self, kinds: Iterable[Kind]) -> None:
        near: dict[str, set[str]] = {}
        for kind in kinds:
            if kind.policy.near:
                peers = near.setdefault(kind.service.name, set())
                for pattern in kind.held.near:
                    peers.update(self._kinds[name].service.name for name in pattern.meant)
        if not near:
            return
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


_GLOB = re.compile(r"[*?\[]")


class _Names:
    """Names in order, so that a pattern is tried only on those that begin as it does."""

    def __init__(self, names: Iterable[str]) -> None:
        self._sorted = sorted(names)
        self._known = set(self._sorted)

    def matching(self, pattern: str) -> list[str]:
        glob = _GLOB.search(pattern)
        if glob is None:
            return [pattern] if pattern in self._known else []
        literal = pattern[: glob.start()]
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
