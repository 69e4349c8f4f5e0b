"""Brakes: what looks like a fault of the registry or of the network, and not like anybody's wish. Pure.

While one holds, nothing that runs is stopped for want of a wish that it run; what is to be started is.
Those of a registry and of many lost hosts stay until a person says `engine resume`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from console.engine.assigning import Marks, Registry

#: Hosts that fall silent within so many seconds of each other do so for one cause.
TOGETHER_S = 30.0

#: So many at least, and so great a share of all.
_SOME = 2
_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Silence:
    """A host without contact, that has instances.

    :param since: in seconds of any clock that all of them are told by.
    :param lost: whether it was given up.
    """

    host: str
    since: float
    lost: bool


def registry_brake(registry: Registry, marks: Marks) -> str | None:
    """Why what etcd says cannot be all that was wanted; None if it can.

    A service that is destroyed leaves its placements, which the engine takes away one by one, and remembers.
    Units that neither a service nor a placement speaks of are left where keys were lost.
    """
    known = {one.instance for one in registry.assigned}
    ours = unknown = 0
    for there in marks.values():
        for name, mark in there.items():
            ours += 1
            unknown += (
                name not in known and mark.service not in registry.services and name not in registry.dismissed
            )
    if unknown and not registry.services and not registry.assigned:
        return f"etcd has no service and no placement, and hosts run {unknown} units of this fleet"
    if unknown >= _SOME and unknown >= ours * _SHARE:
        return f"etcd knows nothing of {unknown} of the {ours} units of this fleet that hosts run"
    return None


def loss_brake(silences: Iterable[Silence], hosts: Collection[str]) -> tuple[str | None, str | None]:
    """Of hosts that fall silent together: why to wait a moment, and why to stop until a person says so.

    :param hosts: all of the fleet.
    """
    silences = sorted(silences, key=lambda each: each.since)
    together = _most_within(silences)
    if not _many(len(together), len(hosts)):
        return None, None
    names = ", ".join(each.host for each in together[:8])
    told = f"{len(together)} of {len(hosts)} hosts fell silent within {TOGETHER_S:g} s: {names}"
    lost = [each for each in together if each.lost]
    return told, told if _many(len(lost), len(hosts)) else None


def _most_within(silences: list[Silence]) -> list[Silence]:
    """The most that fell silent within `TOGETHER_S` of each other."""
    best: list[Silence] = []
    for at, first in enumerate(silences):
        found = [each for each in silences[at:] if each.since - first.since <= TOGETHER_S]
        if len(found) > len(best):
            best = found
    return best


def _many(count: int, all_: int) -> bool:
    return count >= _SOME and count >= all_ * _SHARE
