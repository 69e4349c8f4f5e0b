"""The journals of some hosts, followed for as long as somebody looks at them.

    session (connection) ──JournalSource──▶ Merge ──batches──▶ one reader

The connections are the fleet's own; what is opened for a reader is one journalctl a host, and it ends
with the reader. A reader that is slower than the hosts neither fills the memory nor loses what a flood on
one host would push out of another's lines. There are two ways to be slow:

    Slow.SKIP    what is held is bounded; beyond it the oldest lines of the host that has most are
                 skipped, and a line in their place counts them and says what to ask for to see them
    Slow.WAIT    each host is read only as fast as its lines are taken: its journalctl waits, and the
                 journal on the host keeps what comes meanwhile
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING

from console.fleet.merge import HOLD_S, Merge
from console.hosts.session import HostSession
from console.hosts.sources import journal_source
from console.model.events import Event, Logged
from console.model.log import Bookmark, LogItem, LogQuery
from console.model.state import State, Status

if TYPE_CHECKING:
    from console.hosts.journal_follow import JournalSource

#: Lines held for a reader that has not taken them yet.
PENDING = 20_000
#: And of one host, however many there are, before its journalctl waits.
_LEAST_ROOM = 200


class Slow(Enum):
    """What becomes of lines that come faster than they are taken."""

    SKIP = auto()
    WAIT = auto()


@dataclass(frozen=True, slots=True)
class TailBatch:
    """What is due since the last batch.

    :param records: by time, with each host's own order kept; see `merge`.
    :param hosts: those whose status changed.
    """

    records: Sequence[LogItem]
    hosts: frozenset[str] = frozenset()


class JournalTail:
    """One reader's end of some hosts' journals. Made by `following`.

    Iterate over it, or take a `batch` at a time.

    :param hold_s: seconds a line waits for older ones of other hosts.
    :param pending: lines held at most, about.
    """

    def __init__(
        self,
        hosts: Iterable[str],
        *,
        query: LogQuery | None = None,
        hold_s: float = HOLD_S,
        slow: Slow = Slow.SKIP,
        pending: int = PENDING,
    ) -> None:
        now = datetime.now(UTC)
        self._statuses = {host: Status(State.CONNECTING, now) for host in hosts}
        self._began, self._began_at = now, time.monotonic()
        self._merge = Merge(
            self._statuses,
            now,
            query=query,
            hold_s=hold_s,
            limit=pending if slow is Slow.SKIP else None,
            room=max(pending // max(len(self._statuses), 1), _LEAST_ROOM),
        )
        self._changed: set[str] = set()
        self._some = asyncio.Event()
        self._taken = asyncio.Event()
        self._sources: dict[str, JournalSource] = {}
        self._bookmarks: dict[str, Bookmark] = {}

    @property
    def statuses(self) -> Mapping[str, Status]:
        """How each host's journal is: connecting, live, stale and so on, since when and why."""
        return self._statuses

    @property
    def hold_s(self) -> float:
        """Seconds a line waits for older ones of other hosts; it may be changed at any time."""
        return self._merge.hold_s

    @hold_s.setter
    def hold_s(self, seconds: float) -> None:
        self._merge.hold_s = seconds
        self._some.set()

    async def batch(self, pause: float = 0.1, *, idle: float | None = None) -> TailBatch:
        """Wait until something is due, gather what comes within `pause` seconds, and hand it over.

        :param idle: seconds after which an empty batch comes.
        """
        over = None if idle is None else time.monotonic() + idle
        while True:
            due = self._merge.due_in(self._now())
            if not self._changed and due != 0:
                waits = [due] if due is not None else []
                waits += [max(over - time.monotonic(), 0.0)] if over is not None else []
                try:
                    async with asyncio.timeout(min(waits, default=None)):
                        await self._some.wait()
                except TimeoutError:
                    pass  # something is due by now, or nothing came
            self._some.clear()
            if over is not None and time.monotonic() >= over:
                return self._batch()
            if self._changed or self._merge.due_in(self._now()) == 0:
                if pause > 0:
                    await asyncio.sleep(pause)
                if (batch := self._batch()).records or batch.hosts:
                    return batch

    def _batch(self) -> TailBatch:
        records = self._merge.take(self._now())
        if records:
            self._taken.set()
        hosts, self._changed = frozenset(self._changed), set()
        return TailBatch(records, hosts)

    async def __aiter__(self) -> AsyncIterator[TailBatch]:
        while True:
            yield await self.batch()

    def bookmarks(self) -> Mapping[str, Bookmark]:
        """Where each host is to be gone on with, once all that was handed over is safe.

        Hosts of which nothing is known yet are not in it.
        """
        for host, source in self._sources.items():
            if source.holding and self._merge.holds(host):
                continue  # the part that is held may be older than what was given out
            if not self._merge.holds(host):
                # The source has read past lines that were not wanted; nothing of them is to be read again.
                mark = source.bookmark()
            elif (taken := self._merge.taken(host)) is not None:
                mark = Bookmark(taken.cursor, self._heard(host), True)
            else:
                continue
            if mark is not None:
                self._bookmarks[host] = mark
        return self._bookmarks

    def _heard(self, host: str) -> int | None:
        before = self._bookmarks.get(host)
        return before.heard_until_us if before else None

    # -- being told -------------------------------------------------------------------------

    def take(self, event: Event, offset_s: float = 0.0) -> None:
        """Hold what a host's journal says until the reader comes. Never blocks.

        :param offset_s: the host's clock minus ours.
        """
        if isinstance(event, Logged):
            self._merge.put(event.host, event.records, self._now(), offset_s)
            self._some.set()

    async def room(self, host: str) -> None:
        """Wait until more of the host's lines are wanted."""
        while not self._merge.has_room(host):
            self._taken.clear()
            await self._taken.wait()

    def told(self, host: str, status: Status) -> None:
        """The journal of `host` is now as `status` says."""
        self._statuses[host] = status
        self._changed.add(host)
        if status.state is State.LIVE:
            self._merge.present(host)
        elif status.state is not State.CONNECTING:
            self._merge.gone(host)
        self._some.set()

    def reads(self, host: str, source: JournalSource, resume: Bookmark | None) -> None:
        """The host's lines come from `source`, which began at `resume`."""
        self._sources[host] = source
        if resume is not None:
            self._bookmarks[host] = resume

    def _now(self) -> datetime:
        """Our time, by a clock that does not jump."""
        return self._began + timedelta(seconds=time.monotonic() - self._began_at)


@asynccontextmanager
async def following(
    sessions: Iterable[HostSession],
    query: LogQuery,
    *,
    hold_s: float = HOLD_S,
    slow: Slow = Slow.SKIP,
    pending: int = PENDING,
    resume: Mapping[str, Bookmark] | None = None,
    offset: Callable[[str], float | None] = lambda host: None,
) -> AsyncIterator[JournalTail]:
    """Follow the journals of some hosts until the block is left; then nothing of it runs anywhere.

    A host that is not connected is followed once it is; one that went away is resumed where it was.

    :param hold_s, slow, pending: see `JournalTail`.
    :param resume: where to go on with hosts that were followed before.
    :param offset: what is known now of a host's clock minus ours, in seconds; where that is nothing, the
        journal's own first measure counts.
    :raises UsageError: the query cannot be followed.
    """
    sessions = list(sessions)
    resume = resume or {}
    tail = JournalTail(
        (session.name for session in sessions), query=query, hold_s=hold_s, slow=slow, pending=pending
    )
    sources = [
        journal_source(
            session.config,
            query,
            resume.get(session.name),
            _roomer(tail, session.name) if slow is Slow.WAIT else None,
        )
        for session in sessions
    ]

    async def keep() -> None:
        async with asyncio.TaskGroup() as group:
            for session, source in zip(sessions, sources, strict=True):
                tail.reads(session.name, source, resume.get(session.name))
                group.create_task(
                    session.attach(
                        "log view", source, _taker(tail, source, offset), _teller(tail, session.name)
                    )
                )

    keeping = asyncio.create_task(keep(), name="log view")
    try:
        yield tail
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])
        if not keeping.cancelled():
            keeping.result()


def _roomer(tail: JournalTail, host: str) -> Callable[[], Awaitable[None]]:
    return lambda: tail.room(host)


def _taker(
    tail: JournalTail, source: JournalSource, offset: Callable[[str], float | None]
) -> Callable[[Event], None]:
    def take(event: Event) -> None:
        known = offset(event.host)
        tail.take(event, source.clock_offset_s if known is None else known)

    return take


def _teller(tail: JournalTail, host: str) -> Callable[[Status], None]:
    return lambda status: tail.told(host, status)
