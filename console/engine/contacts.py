"""Which hosts can be reached, since when not, and which are given up. No I/O: states and times go in."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from console.hosts.keepalive import Keepalive
from console.model.host import Host
from console.model.state import Source, State
from console.placement.candidate import Standing

#: Without contact for so long a host is given up. Seconds.
DEAD_AFTER_S = 15.0

#: How an engine asks its hosts for signs of life: what it takes to notice that there are none is part of the
#: time after which they are given up.
KEEPALIVE = Keepalive(1.5, 2)

#: A host that is given up so often within so many seconds takes nothing new.
_FLAPS, _FLAPPING_S = 3, 600.0

#: States in which nothing is heard of a host; in the others it, or who is there in its place, says no.
_SILENT = frozenset({State.CONNECTING, State.UNREACHABLE, State.STALE})


@dataclass(slots=True)
class _Silence:
    """Of one host.

    :param counted: seconds of it that are held against the host.
    :param seen: when it was last looked at.
    """

    since: float
    seen: float
    counted: float = 0.0


class Contacts:
    """All hosts of a fleet. Times are in seconds of one clock, which stands still while we hear nothing."""

    def __init__(self) -> None:
        self._silent: dict[str, _Silence] = {}
        self._lost: set[str] = set()
        self._losses: dict[str, deque[float]] = {}

    def look(self, host: Host, now: float, *, read: bool, waiting: bool = False) -> Standing:
        """What a host is to placement now.

        :param read: whether it is known what it runs of ours.
        :param waiting: whether it waits for its turn to be connected to: it was not asked then.
        """
        if host.state is State.LIVE:
            self._silent.pop(host.name, None)
            self._lost.discard(host.name)
            units = host.sources.get(Source.UNITS)
            whole = read and units is not None and units.state is State.LIVE
            return Standing.LIVE if whole else Standing.SILENT
        if host.state in _SILENT and host.name not in self._lost:
            self._count(host, now, waiting=waiting)
        return Standing.LOST if host.name in self._lost else Standing.SILENT

    def _count(self, host: Host, now: float, *, waiting: bool) -> None:
        silence = self._silent.setdefault(host.name, _Silence(now, now))
        if not waiting:
            silence.counted += now - silence.seen
        silence.seen = now
        # One that was never reached is not given up before its first connection has come to nothing.
        if host.state.settled and silence.counted >= DEAD_AFTER_S - KEEPALIVE.noticed_s:
            self._lost.add(host.name)
            self._losses.setdefault(host.name, deque(maxlen=_FLAPS)).append(now)

    def keep(self, hosts: Collection[str]) -> None:
        """Forget hosts that are not the fleet's any more."""
        for name in self._silent.keys() - set(hosts):
            del self._silent[name]
        self._lost &= set(hosts)

    @property
    def silent(self) -> dict[str, float]:
        """Hosts without contact, and since when."""
        return {host: silence.since for host, silence in self._silent.items()}

    @property
    def lost(self) -> frozenset[str]:
        """Hosts that were given up."""
        return frozenset(self._lost)

    def flapping(self, host: str, now: float) -> bool:
        """Whether it comes and goes."""
        losses = self._losses.get(host)
        return losses is not None and len(losses) == _FLAPS and now - losses[0] < _FLAPPING_S
