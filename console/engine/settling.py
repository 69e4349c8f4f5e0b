"""Whether hosts have had time to answer before the first placement. No I/O: times go in."""

from __future__ import annotations

from collections.abc import Mapping

from console.placement.candidate import Standing

#: Hosts have so many seconds to answer before the first placement, and as many after each that does, up to a
#: limit: a thousand do not come at once. Those that have not come by then take nothing yet.
SETTLE_S, MOST_S = 5.0, 30.0


class Settling:
    """:param now: when the hosts were first asked. Times are in seconds of one clock."""

    def __init__(self, now: float) -> None:
        self._began = self._came = now
        self._most = 0

    def look(self, standing: Mapping[str, Standing], now: float) -> None:
        """See who has come."""
        live = sum(each is Standing.LIVE for each in standing.values())
        if live > self._most:
            self._most, self._came = live, now

    def over(self, now: float) -> bool:
        """Whether it is not waited for any more."""
        return now - self._came >= SETTLE_S or now - self._began >= MOST_S
