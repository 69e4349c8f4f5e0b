"""The journals of many hosts in one order."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from console.model.log import Gap, LogRecord


async def merged(streams: Sequence[AsyncIterator[LogRecord | Gap]]) -> AsyncIterator[LogRecord | Gap]:
    """The records of many hosts by time; each stream's own order is never changed.

    A record that is older than its predecessor in its stream (a clock that went back) comes right
    after it.
    """
    heap: list[tuple[datetime, int, LogRecord | Gap]] = []

    async def take(index: int, after: datetime | None) -> None:
        record = await anext(streams[index], None)
        if record is not None:
            time = record.time if after is None else max(after, record.time)
            heapq.heappush(heap, (time, index, record))

    # All at once, so that the hosts work side by side.
    await asyncio.gather(*(take(index, None) for index in range(len(streams))))
    while heap:
        time, index, record = heapq.heappop(heap)
        yield record
        await take(index, time)
