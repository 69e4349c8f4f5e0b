"""The event loop of a console that looks after many hosts.

When hundreds of hosts speak at once (a network that comes back, a daemon-reload everywhere), asyncio's own
loop takes what all of them said before anything else has its turn, and a key passes a dozen turns before it
is painted. This one takes a few at a time: a round of the loop is short whatever the hosts do.
"""

from __future__ import annotations

import asyncio
from asyncio.selector_events import _SelectorSocketTransport  # type: ignore[attr-defined]
from collections import deque
from selectors import DefaultSelector, SelectorKey
from typing import Any

#: Sockets served in one round of the loop. What is read from one sets off work in the rounds that follow,
#: some tenths of a millisecond while a host is connected.
AT_ONCE = 8


class FairSelector(DefaultSelector):
    """Tells of a few files that are ready at a time, and of the same again only after all others.

    :param at_once: of how many.
    """

    def __init__(self, at_once: int = AT_ONCE) -> None:
        super().__init__()
        self._at_once = at_once
        self._waiting: deque[tuple[SelectorKey, int]] = deque()

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        waiting = self._waiting
        if not waiting:
            waiting.extend(super().select(timeout))
        registered = self.get_map()
        served: list[tuple[SelectorKey, int]] = []
        while waiting and len(served) < self._at_once:
            ready = waiting.popleft()
            # One that is closed, or waited for otherwise by now, is told of anew if it is still ready.
            if registered.get(ready[0].fd) is ready[0]:
                served.append(ready)
        return served


class _Transport(_SelectorSocketTransport):  # type: ignore[misc]
    """asyncio's, which keeps a method of its own and so itself; this one lets go when it has ended."""

    def _call_connection_lost(self, exc: Exception | None) -> None:
        try:
            super()._call_connection_lost(exc)
        finally:
            self._read_ready_cb = _nothing_comes


class FairLoop(asyncio.SelectorEventLoop):
    """asyncio's own, with that selector, and transports that nothing is left of."""

    def __init__(self) -> None:
        super().__init__(FairSelector())

    def _make_socket_transport(
        self, sock: Any, protocol: Any, waiter: Any = None, *, extra: Any = None, server: Any = None
    ) -> _Transport:
        return _Transport(self, sock, protocol, waiter, extra, server)


def _nothing_comes() -> None:
    """What a transport reads that has ended."""


def fair_loop() -> asyncio.AbstractEventLoop:
    """A new loop of that kind, for `asyncio.Runner`."""
    return FairLoop()
