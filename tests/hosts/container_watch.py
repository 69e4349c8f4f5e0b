"""A running containers source, and what a fleet's model would make of what it tells."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from console.hosts.containers import ContainersSource
from console.hosts.transport import Transport
from console.model.container import Container
from console.model.events import ContainersChanged, ContainersListed, Event


@dataclass
class Watched:
    """What a running source has told, put together as the fleet's model does."""

    source: ContainersSource
    task: asyncio.Task[None]
    events: list[Event] = field(default_factory=list)
    now: dict[str, Container] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    is_live: bool = False

    def emit(self, event: Event) -> None:
        self.events.append(event)
        self.news.set()
        if isinstance(event, ContainersListed):
            self.now = {each.name: each for each in event.containers}
        elif isinstance(event, ContainersChanged):
            gone = set(event.removed) | {each.id for each in event.changed}
            self.now = {name: each for name, each in self.now.items() if each.id not in gone}
            self.now |= {each.name: each for each in event.changed}

    def live(self) -> None:
        self.is_live = True
        self.news.set()

    async def until(self, condition: Callable[[], bool], within: float = 10.0) -> None:
        """Wait until what was told makes it true; a source that ends first ends the test."""
        async with asyncio.timeout(within):
            while not condition():
                self.news.clear()
                waiting = asyncio.create_task(self.news.wait())
                await asyncio.wait({waiting, self.task}, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                if self.task.done():
                    self.task.result()

    async def end(self, within: float = 10.0) -> None:
        """Wait for the source to raise."""
        async with asyncio.timeout(within):
            await self.task


@asynccontextmanager
async def watching(source: ContainersSource, transport: Transport) -> AsyncIterator[Watched]:
    """The source at work, from when it is live."""

    async def run() -> None:
        await source.run(transport, watched.emit, watched.live)

    watched = Watched(source, asyncio.create_task(asyncio.sleep(0)))
    watched.task = asyncio.create_task(run())
    try:
        await watched.until(lambda: watched.is_live)
        yield watched
    finally:
        watched.task.cancel()
        await asyncio.gather(watched.task, return_exceptions=True)
