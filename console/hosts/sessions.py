"""How many commands may run at once on one connection.

sshd counts exec channels against `MaxSessions` (10 by default; forwarded unix sockets are free)
and says no without a reason when there are too many. So the limit is learnt: a refusal while
others are open lowers it, and whoever comes next waits for a place. It is never lowered below what
was seen open at once: sshd forgets an ended session a moment after it has closed its channel, and
refuses one more in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from console.errors import AccessRefused

#: Two below sshd's default, so that the operator's own multiplexed sessions find room.
DEFAULT_LIMIT = 8


class Place:
    """One place held; `opened` once sshd has given the session."""

    def __init__(self, slots: SessionSlots) -> None:
        self._slots = slots
        self.is_open = False

    def opened(self) -> None:
        self.is_open = True
        self._slots.note_open(1)


class SessionSlots:
    """The places for commands on one connection."""

    def __init__(self, host: str, limit: int = DEFAULT_LIMIT) -> None:
        self._host = host
        self._limit = limit
        self._held = 0
        self._open = 0
        self._most_open = 1
        self._freed = asyncio.Condition()

    @property
    def limit(self) -> int:
        return self._limit

    @asynccontextmanager
    async def place(self, timeout: float) -> AsyncIterator[Place]:
        """Hold one place.

        :raises AccessRefused: none came free within `timeout` seconds.
        """
        async with self._freed:
            try:
                async with asyncio.timeout(timeout):
                    await self._freed.wait_for(lambda: self._held < self._limit)
            except TimeoutError:
                raise AccessRefused(
                    f"no session free: all {self._limit} that sshd allows are in use",
                    host=self._host,
                    hint="raise MaxSessions in its sshd_config",
                ) from None
            self._held += 1
        place = Place(self)
        try:
            yield place
        finally:
            async with self._freed:
                self._held -= 1
                if place.is_open:
                    self.note_open(-1)
                self._freed.notify()

    def note_open(self, change: int) -> None:
        """One session more, or one less, is open."""
        self._open += change
        self._most_open = max(self._most_open, self._open)

    def refused(self) -> bool:
        """sshd would not open one more, called by whoever holds that place.

        :return: whether waiting helps: others are held, and one of them may end.
        """
        others = self._held - 1
        if others >= 1:
            self._limit = max(self._most_open, min(self._limit, others))
        return others >= 1 or self._most_open > 1
