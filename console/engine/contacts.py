"""Which hosts can be reached, since when not, and which are given up. No I/O: states and times go in."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from console.model.host import Host
from console.model.state import Source, State
from console.placement.candidate import Standing

#: Without contact for so long a host is given up. Seconds.
DEAD_AFTER_S = 15.0

#: An engine asks its hosts for a sign of life this often: what it takes to notice that there is none is
#: part of the time after which they are given up. Seconds.
KEEPALIVE_S = 1.5
_NOTICED_S = 3 * KEEPALIVE_S  # at the third that is not answered

#: A host that is given up so often within so many seconds takes nothing new.
_FLAPS, _FLAPPING_S = 3, 600.0

#: States in which nothing is heard of a host; in the others it, or who is there in its place, says no.
_SILENT = frozenset({State.CONNECTING, State.UNREACHABLE, State.STALE})


class Contacts:
    """All hosts of a fleet. Times are in seconds of one clock."""

    def __init__(self) -> None:
        self._silent: dict[str, float] = {}
        self._lost: set[str] = set()
        self._losses: dict[str, deque[float]] = {}

    def look(self, host: Host, now: float, *, read: bool) -> Standing:
        """What a host is to placement now.

        :param read: whether it is known what it runs of ours.
        """
        if host.state is State.LIVE:
            self._silent.pop(host.name, None)
            self._lost.discard(host.name)
            units = host.sources.get(Source.UNITS)
            whole = read and units is not None and units.state is State.LIVE
            return Standing.LIVE if whole else Standing.SILENT
        if host.state not in _SILENT:
            return Standing.LOST if host.name in self._lost else Standing.SILENT
        since = self._silent.setdefault(host.name, now)
        if host.name not in self._lost and now - since >= DEAD_AFTER_S - _NOTICED_S:
            self._lost.add(host.name)
            self._losses.setdefault(host.name, deque(maxlen=_FLAPS)).append(now)
        return Standing.LOST if host.name in self._lost else Standing.SILENT

    def keep(self, hosts: Collection[str]) -> None:
        """Forget hosts that are not the fleet's any more."""
        for name in self._silent.keys() - set(hosts):
            del self._silent[name]
        self._lost &= set(hosts)

    @property
    def silent(self) -> dict[str, float]:
        """Hosts without contact, and since when."""
        return dict(self._silent)

    @property
    def lost(self) -> frozenset[str]:
        """Hosts that were given up."""
        return frozenset(self._lost)

    def flapping(self, host: str, now: float) -> bool:
        """Whether it comes and goes."""
        losses = self._losses.get(host)
        return losses is not None and len(losses) == _FLAPS and now - losses[0] < _FLAPPING_S
