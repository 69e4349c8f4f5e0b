"""Which hosts a lab shall have, given those it has and how many are wanted. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from console.errors import LabError

#: The kind of host whose hosts are members of one etcd.
ETCD = "etcd"
#: How many of those there may be.
ETCD_COUNTS = (0, 1, 3, 5)

#: The kinds of host there are. The name of a host is its kind and a number from 1.
KINDS = ("docker", "podman", "plain", "atomic", "rpm-ostree", "bootc", "update-engine", ETCD)

#: Those whose root is a layer over the image; the others boot a deployment of their own.
LAYERED = ("docker", "podman", "plain", ETCD)

#: A host's number is the last byte of its addresses.
FIRST_NUMBER, LAST_NUMBER = 11, 250

#: A working fleet, with an etcd to say what it is to run.
DEFAULT_HOSTS: Mapping[str, int] = {"docker": 3, "atomic": 1, ETCD: 1}


@dataclass(frozen=True, slots=True)
class Place:
    """One host of the lab, whatever state it is in. `number` is the last byte of its addresses."""

    name: str
    kind: str
    number: int


@dataclass(frozen=True, slots=True)
class Subnet:
    """The lab's networks: 198.18.`number`.0/24, which its users see, and 198.19.`number`.0/24, its own.

    Both are on the same wire. 198.18.0.0/15 is set aside for testing of networks (RFC 2544).
    """

    number: int

    def public(self, host: int) -> str:
        return str(IPv4Address(f"198.18.{self.number}.{host}"))

    def back(self, host: int) -> str:
        return str(IPv4Address(f"198.19.{self.number}.{host}"))

    @property
    def networks(self) -> tuple[str, str]:
        return (f"198.18.{self.number}.0/24", f"198.19.{self.number}.0/24")

    @property
    def registry(self) -> str:
        """The registry's `address:port`, on the bridge."""
        return f"{self.public(1)}:5000"

    @property
    def updates(self) -> str:
        """The `address:port` where atomic hosts find theirs, on the bridge."""
        return f"{self.public(1)}:8060"


@dataclass(frozen=True, slots=True)
class Converged:
    """`hosts` is what the lab shall be; `added` and `removed` are how it differs from what it is."""

    hosts: tuple[Place, ...]
    added: tuple[Place, ...]
    removed: tuple[Place, ...]


def converge(have: Sequence[Place], wanted: Mapping[str, int], *, exact: bool) -> Converged:
    """At least `wanted` hosts of each kind; with `exact`, that many and of no other kind.

    What exists is kept where it can be; the highest-numbered names go first.

    :raises LabError: an unknown kind, a count that cannot be, or more hosts than a lab has room for.
    """
    for kind, count in wanted.items():
        if kind not in KINDS:
            raise LabError(f"there is no kind of host called {kind}", hint=f"kinds are {', '.join(KINDS)}")
        if count < 0:
            raise LabError(f"{count} hosts of kind {kind} cannot be", hint="give 0 or more")
    check_members(wanted.get(ETCD, 0))
    kept: list[Place] = []
    added: list[Place] = []
    for kind in KINDS:
        count = wanted.get(kind, 0)
        there = sorted((host for host in have if host.kind == kind), key=lambda host: _ordinal(host.name))
        if exact:
            there = there[:count]
        kept += there
        names = {host.name for host in there}
        fresh = (f"{kind}{n}" for n in range(1, count + len(there) + 1))
        for name in fresh:
            if len(names) >= count:
                break
            if name not in names:
                names.add(name)
                added.append(Place(name, kind, 0))
    removed = [host for host in have if host not in kept]
    taken = {host.number for host in have}  # a removed host's number is not used again at once
    free = [number for number in range(FIRST_NUMBER, LAST_NUMBER + 1) if number not in taken]
    if len(added) > len(free):
        room = LAST_NUMBER - FIRST_NUMBER + 1
        raise LabError(f"no room for {len(added)} more hosts", hint=f"a lab holds {room}")
    numbered = [Place(host.name, host.kind, free[index]) for index, host in enumerate(added)]
    hosts = sorted(kept + numbered, key=lambda host: (KINDS.index(host.kind), _ordinal(host.name)))
    return Converged(tuple(hosts), tuple(numbered), tuple(removed))


def check_members(count: int) -> None:
    """Whether an etcd may have `count` members.

    :raises LabError: not in a lab.
    """
    if count not in ETCD_COUNTS:
        why = "1, 3 or 5: a majority must agree, so an even number can lose no more members than one fewer"
        raise LabError(f"an etcd of {count} members is no use", hint=why)


def _ordinal(name: str) -> int:
    return int("".join(letter for letter in name if letter.isdigit()))
