"""What must be typed to get in is asked before the screen is taken, and not over it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from console.fleet.fleet import Fleet

if TYPE_CHECKING:
    from console.hosts.secrets import Ask, Secret

#: How long the screen waits for hosts to say whether they want something typed, in seconds.
PATIENCE_S = 1.0


class Questions:
    """Passes questions on until the screen is taken; from then on nobody can be asked."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._open: set[asyncio.Future[None]] = set()
        self._closed = False

    async def __call__(self, question: str) -> Secret | None:
        if self._closed:
            return None
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._open.add(answered)
        try:
            return await self._ask(question)
        finally:
            self._open.discard(answered)
            if not answered.done():
                answered.set_result(None)

    async def settle(self, fleet: Fleet, patience: float = PATIENCE_S) -> None:
        """Wait until every host has answered, or `patience` is over and nothing is being asked."""
        await fleet.settled(patience)
        while self._open:
            await asyncio.wait(self._open)
            await fleet.settled(patience)
        self._closed = True
