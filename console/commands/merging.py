"""The journals of many hosts in one order."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import datetime

from console.model.log import LogRecord

#: When something was written by our clock, and what.
Dated = tuple[datetime, LogRecord]


async def merged(streams: Sequence[AsyncIterator[Dated]]) -> AsyncIterator[LogRecord]:
    """The records of many hosts by time; each stream's own order is never changed.

    A record that is older than its predecessor in its stream (a clock that went back) comes right
    after it. Of each stream one record is held.
    """
    heap: list[tuple[datetime, int, LogRecord]] = []

    async def take(index: int, after: datetime | None) -> None:
        dated = await anext(streams[index], None)
        if dated is not None:
            time, record = dated
            heapq.heappush(heap, (time if after is None else max(after, time), index, record))

    # All at once, so that the hosts work side by side.
    await asyncio.gather(*(take(index, None) for index in range(len(streams))))
    while heap:
        time, index, record = heapq.heappop(heap)
        yield record
        await take(index, time)


async def as_found(streams: Sequence[AsyncIterator[Dated]]) -> AsyncGenerator[LogRecord, None]:
    """The records of many hosts as each of them brings them; none waits for another."""
    found: asyncio.Queue[LogRecord | Exception | None] = asyncio.Queue(1)

    async def bring(stream: AsyncIterator[Dated]) -> None:
        try:
            async for _, record in stream:
                await found.put(record)
            await found.put(None)
        except Exception as error:
            await found.put(error)

    bringing = [asyncio.create_task(bring(stream)) for stream in streams]
    try:
        left = len(bringing)
        while left:
            match await found.get():
                case None:
                    left -= 1
                case Exception() as error:
                    raise error
                case record:
                    yield record
    finally:
        for task in bringing:
            task.cancel()
        await asyncio.gather(*bringing, return_exceptions=True)
