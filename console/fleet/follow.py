"""The journals of some hosts, followed for as long as somebody looks at them.

    session (connection) ──JournalSource──▶ JournalTail ──batches──▶ one log view

The connections are the fleet's own; what is opened for a view is one journalctl a host, and it ends
with the view. A reader that is slower than the hosts neither holds them up nor fills the memory:
what it has not taken is bounded, and what found no place is counted. The host that said most
loses first, so that a flood on one host does not hide another's few lines.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate, chain

from console.hosts.session import HostSession
from console.hosts.sources import journal_source
from console.model.events import Event, Logged
from console.model.log import Gap, LogQuery, LogRecord
from console.model.state import State, Status

#: Records held for a reader that has not taken them yet.
PENDING = 20_000
#: Seconds that the first records are held back, so that hosts that answer together are merged by time.
GATHER_S = 1.0


@dataclass(frozen=True, slots=True)
class TailBatch:
    """What came since the last batch.

    :param records: in the order of their arrival, the first ones by time; each host's own order holds.
    :param dropped: how many older ones found no place, with those that dropped gaps told of.
    :param hosts: those whose status changed.
    """

    records: Sequence[LogRecord | Gap]
    dropped: int = 0
    hosts: frozenset[str] = frozenset()


class JournalTail:
    """One reader's end of some hosts' journals. Made by `following`.

    Iterate over it, or take a `batch` at a time.
    """

    def __init__(self, hosts: Iterable[str], *, pending: int = PENDING, gather_s: float = GATHER_S) -> None:
        now = datetime.now(UTC)
        self._statuses = {host: Status(State.CONNECTING, now) for host in hosts}
        self._pending = _Pending(pending)
        self._changed: set[str] = set()
        self._some = asyncio.Event()
        self._gather_s = gather_s
        self._gathering = len(self._statuses) > 1
        self._by_time = self._gathering
        self._timer: asyncio.TimerHandle | None = None

    @property
    def statuses(self) -> Mapping[str, Status]:
        """How each host's journal is: connecting, live, stale and so on, since when and why."""
        return self._statuses

    async def batch(self, pause: float = 0.1, *, idle: float | None = None) -> TailBatch:
        """Wait for something, gather what comes within `pause` seconds, and hand it over.

        :param idle: seconds after which an empty batch comes.
        """
        try:
            async with asyncio.timeout(idle):
                await self._some.wait()
        except TimeoutError:
            return TailBatch(())
        if pause > 0:
            await asyncio.sleep(pause)
        self._some.clear()
        hosts, self._changed = frozenset(self._changed), set()
        if self._gathering:
            return TailBatch((), 0, hosts)
        records, dropped = self._pending.take(by_time=self._by_time)
        self._by_time = False
        return TailBatch(records, dropped, hosts)

    async def __aiter__(self) -> AsyncIterator[TailBatch]:
        while True:
            yield await self.batch()

    # -- being told -------------------------------------------------------------------------

    def take(self, event: Event) -> None:
        """Hold what a host's journal says until the reader comes. Never blocks."""
        if not isinstance(event, Logged):
            return
        self._pending.put(event.host, event.records)
        if not self._gathering:
            self._some.set()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._gather_s, self._gathered)

    def told(self, host: str, status: Status) -> None:
        """The journal of `host` is now as `status` says."""
        self._statuses[host] = status
        self._changed.add(host)
        self._some.set()
        if self._gathering and all(each.state.settled for each in self._statuses.values()):
            self._gathered()

    def close(self) -> None:
        """The reader is gone."""
        if self._timer is not None:
            self._timer.cancel()

    def _gathered(self) -> None:
        self._gathering = False
        self.close()
        self._some.set()


class _Pending:
    """Records on their way to a reader, at most `limit` of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._hosts: dict[str, deque[tuple[int, Sequence[LogRecord | Gap]]]] = {}
        self._sizes: dict[str, int] = {}
        self._size = 0
        self._number = 0
        self._dropped = 0

    def put(self, host: str, records: Sequence[LogRecord | Gap]) -> None:
        self._hosts.setdefault(host, deque()).append((self._number, records))
        self._number += 1
        self._add(host, len(records))
        while self._size > self._limit:
            self._drop(max(self._sizes, key=self._sizes.__getitem__), self._size - self._limit)

    def take(self, *, by_time: bool) -> tuple[Sequence[LogRecord | Gap], int]:
        """All that is held, and how many were dropped before it."""
        if by_time:
            records = merged_by_time([[*_records(chunks)] for chunks in self._hosts.values()])
        else:
            records = [*_records(sorted(chain.from_iterable(self._hosts.values()), key=lambda c: c[0]))]
        dropped, self._dropped = self._dropped, 0
        self._hosts, self._sizes, self._size = {}, {}, 0
        return records, dropped

    def _drop(self, host: str, excess: int) -> None:
        """Drop the oldest of a host, at most one chunk of it."""
        number, records = self._hosts[host].popleft()
        gone, rest = records[:excess], records[excess:]
        if rest:
            self._hosts[host].appendleft((number, rest))
        self._add(host, -len(gone))
        self._dropped += sum((item.count or 1) if isinstance(item, Gap) else 1 for item in gone)

    def _add(self, host: str, count: int) -> None:
        self._sizes[host] = self._sizes.get(host, 0) + count
        self._size += count


def _records(chunks: Iterable[tuple[int, Sequence[LogRecord | Gap]]]) -> Iterator[LogRecord | Gap]:
    return chain.from_iterable(records for _, records in chunks)


def merged_by_time(streams: Iterable[Sequence[LogRecord | Gap]]) -> list[LogRecord | Gap]:
    """Streams as one by time, without changing the order within any of them.

    A record older than one before it in its stream (a clock that went back) stays right behind that one.
    """
    keyed: list[tuple[datetime, LogRecord | Gap]] = []
    for stream in streams:
        keyed += zip(accumulate((record.time for record in stream), max), stream, strict=True)
    keyed.sort(key=lambda pair: pair[0])
    return [record for _, record in keyed]


@asynccontextmanager
async def following(
    sessions: Iterable[HostSession], query: LogQuery, *, pending: int = PENDING
) -> AsyncIterator[JournalTail]:
    """Follow the journals of some hosts until the block is left; then nothing of it runs anywhere.

    A host that is not connected is followed once it is; one that went away is resumed where it was.

    :param pending: records held for the reader at most.
    :raises UsageError: the query cannot be followed.
    """
    sources = [(session, journal_source(session.config, query)) for session in sessions]
    tail = JournalTail((session.name for session, _ in sources), pending=pending)

    async def keep() -> None:
        async with asyncio.TaskGroup() as group:
            for session, source in sources:
                told = _teller(tail, session.name)
                group.create_task(session.attach("log view", source, tail.take, told))

    keeping = asyncio.create_task(keep(), name="log view")
    try:
        yield tail
    finally:
        tail.close()
        keeping.cancel()
        await asyncio.wait([keeping])
        if not keeping.cancelled():
            keeping.result()


def _teller(tail: JournalTail, host: str) -> Callable[[Status], None]:
    return lambda status: tail.told(host, status)
