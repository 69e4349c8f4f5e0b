"""How many commands may run at once on one connection.

sshd counts exec channels against `MaxSessions` (10 by default; forwarded unix sockets are free)
and says no without a reason when there are too many. So the limit is learnt: a refusal while
others are open lowers it to what is open, and whoever comes next waits for a place.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from console.errors import AccessRefused

#: Two below sshd's default, so that the operator's own multiplexed sessions find room.
DEFAULT_LIMIT = 8


class SessionSlots:
    """The places for commands on one connection."""

    def __init__(self, host: str, limit: int = DEFAULT_LIMIT) -> None:
        self._host = host
        self._limit = limit
        self._open = 0
        self._freed = asyncio.Condition()

    @property
    def limit(self) -> int:
        return self._limit

    @asynccontextmanager
    async def place(self, timeout: float) -> AsyncIterator[None]:
        """Hold one place.

        :raises AccessRefused: none came free within `timeout` seconds.
        """
        async with self._freed:
            try:
                async with asyncio.timeout(timeout):
                    await self._freed.wait_for(lambda: self._open < self._limit)
            except TimeoutError:
                raise AccessRefused(
                    f"no session free: all {self._limit} that sshd allows are in use",
                    host=self._host,
                    hint="raise MaxSessions in its sshd_config",
                ) from None
            self._open += 1
        try:
            yield
        finally:
            async with self._freed:
                self._open -= 1
                self._freed.notify()

    def refused(self) -> bool:
        """sshd would not open one more, called by whoever holds that place.

        :return: whether waiting helps: others are open, and one of them may end.
        """
        others = self._open - 1
        if others < 1:
            return False
        self._limit = max(1, min(self._limit, others))
        return True
