"""How well an engine hears, by what it says to itself: a clock that stands still while it hears nothing.

To an engine that is stopped, starved of its processor, or busy with five hundred hosts that come at once,
every host is silent, and none of them is lost for that. So a byte goes over sockets of our own again and
again, and waits its turn as what hosts say does (`fleet/loop.py` serves a few sockets at a time): for as long
as it is later than usual, nothing was heard of anybody.
"""

from __future__ import annotations

import asyncio
import socket
from typing import NoReturn

#: Between two bytes, and how late one may be without meaning anything. Seconds.
EVERY_S, USUAL_S = 0.5, 0.25


class Ear:
    """The clock. It goes by the loop's own, and is kept by `listen`."""

    def __init__(self) -> None:
        self._deaf = 0.0
        self._due: float | None = None  # when the byte that is next is there at the latest, as usual

    def clock(self, now: float) -> float:
        """`now`, of the loop's clock, less all the time in which nothing was heard."""
        return now - self._deaf - self._late(now)

    def _late(self, now: float) -> float:
        return 0.0 if self._due is None else max(0.0, now - self._due)

    async def listen(self) -> NoReturn:
        """Keep the clock, until cancelled."""
        loop = asyncio.get_running_loop()
        heard = asyncio.Event()
        mouth, ear = socket.socketpair()
        with mouth, ear:
            mouth.setblocking(False)
            ear.setblocking(False)

            def hear() -> None:
                ear.recv(1)
                heard.set()

            loop.add_reader(ear, hear)
            try:
                while True:
                    heard.clear()
                    self._due = loop.time() + EVERY_S + USUAL_S
                    await asyncio.sleep(EVERY_S)
                    mouth.send(b".")
                    await heard.wait()
                    self._deaf += self._late(loop.time())
            finally:
                loop.remove_reader(ear)
                self._due = None
