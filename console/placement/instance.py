"""What the scheduler works with: services, their instances, and the patterns that tie them to each other."""

from __future__ import annotations

from collections.abc import Iterator

from console.placement.host_index import Sieve
from console.placement.outcome import Placed
from console.placement.policy import Policy
from console.placement.policy_values import own_patterns
from console.placement.spec import Spec
from console.placement.unit_name import UnitName

_NEW = ("new", "")
_NUMBERS = 32  # bits of an instance's number in its order
_NO_SPREAD: dict[str, dict[str | None, int]] = {}  # of most services, and never written to


class Pattern:
    """A pattern in one role, with what it means and who holds it, by host."""

    __slots__ = ("holders", "meant", "targets", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.targets: dict[int, int] = {}  # placed instances that it means
        self.holders: dict[int, int] = {}  # placed instances that have it in their policy
        self.meant: set[str] = set()  # names


class Service:
    """A service and how many of its instances are where."""

    __slots__ = ("level", "limit", "name", "number", "own", "spec", "spread", "total")

    def __init__(self, spec: Spec, number: int) -> None:
        self.spec = spec
        self.name = spec.name
        self.number = number  # among all, by name
        self.own: dict[int, int] = {}
        self.total = 0
        self.spread = _NO_SPREAD
        if spec.policy.spread:
            self.spread = {label: {} for label in spec.policy.spread}
        self.level = 0  # 0, or one more than the services it is near to
        #: How many of it one host may have, by its own rules; None if any number.
        self.limit = spec.policy.max_per_host
        if spec.policy.apart and _is_apart_from_itself(spec):
            self.limit = 1


def _is_apart_from_itself(spec: Spec) -> bool:
    if "@." not in spec.name:  # most are no templates, which is soon seen
        return spec.name in spec.policy.apart
    return not set(own_patterns(UnitName(spec.name))).isdisjoint(spec.policy.apart)


class Ties:
    """Patterns by role: those that a policy holds, or those that mean a name."""

    __slots__ = ("apart", "near", "replaces")

    def __init__(self) -> None:
        self.near: list[Pattern] = []
        self.apart: list[Pattern] = []
        self.replaces: list[Pattern] = []

    def __bool__(self) -> bool:
        return bool(self.near or self.apart or self.replaces)

    def __iter__(self) -> Iterator[Pattern]:
        yield from self.near
        yield from self.apart
        yield from self.replaces


class Kind:
    """What instances of one service that have one policy have in common. The ledger fills in what is tied."""

    __slots__ = ("bound", "cpu", "groups", "held", "memory", "most", "policy", "rank", "service", "sieve")

    def __init__(self, service: Service, policy: Policy, sieve: Sieve, held: Ties) -> None:
        self.service = service
        self.policy = policy
        self.sieve = sieve
        self.held = held
        self.groups: tuple[tuple[Pattern, ...], ...] = ()  # of Near=: any of each
        self.cpu = policy.cpu
        self.memory = policy.memory
        self.most = policy.max_per_host
        self.bound = policy.together
        #: Who goes first: peers before those that are near them, then by class, by priority, by name.
        self.rank = 0

    @property
    def tier(self) -> tuple[int, int, int]:
        """Its rank, but for the name."""
        return (self.service.level, -self.policy.qos.rank, -self.policy.priority)


class Instance:
    """One instance; `host` is where it is placed, None while it is not."""

    __slots__ = (
        "cpu",
        "hit",
        "host",
        "kind",
        "memory",
        "name",
        "number",
        "order",
        "plain",
        "record",
        "rivals",
        "service",
        "sieve",
        "why",
    )

    def __init__(self, name: str, kind: Kind, hit: Ties, number: int) -> None:
        self.name = name
        self.kind = kind
        self.hit = hit
        self.number = number  # among all, or of Global=yes the host's
        self.order = kind.rank << _NUMBERS | number  # one number, so that thousands are soon sorted
        self.service = kind.service
        self.sieve = kind.sieve
        self.cpu = kind.cpu
        self.memory = kind.memory
        self.plain = not (kind.bound or hit)  # no rule ties it to others
        self.host: int | None = None
        self.record: Placed | None = None  # where it was
        self.rivals: tuple[Instance, ...] = ()  # it replaces them, and they it: only one of them runs
        self.why = _NEW

    @property
    def policy(self) -> Policy:
        return self.kind.policy

    @property
    def held(self) -> Ties:
        return self.kind.held

    @property
    def groups(self) -> tuple[tuple[Pattern, ...], ...]:
        return self.kind.groups

    def outranks(self, other: Instance) -> bool:
        """Whether it may displace the other: of a higher class, and of a higher priority."""
        mine, theirs = self.policy, other.policy
        return mine.qos.rank > theirs.qos.rank and mine.priority > theirs.priority
