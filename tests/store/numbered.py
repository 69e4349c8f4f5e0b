"""Numbered changes: one who writes them and knows exactly what was written, and two who read along."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass, field

from console.errors import Conflict, FateUnknown, StoreUnreachable
from console.store import guarded
from console.store.client import Etcd
from console.store.mirror import mirror
from console.store.values import Entry, Event, Span
from console.store.watch import watch

SPAN = Span.under("/quarterdeck/numbered/")
_KEYS = 100

#: Until a reader has come to the end, or a writer has got on. Seconds.
PATIENCE_S = 120.0

#: A change: its revision, its key, the number it wrote.
Change = tuple[int, str, bytes]


class Progress:
    """Something that others wait for to get on."""

    def __init__(self) -> None:
        self._moved = asyncio.Event()

    def moved(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def next(self) -> None:
        await self._moved.wait()


@dataclass
class Writer:
    """Writes as many numbers as it is allowed to.

    :ivar written: what is in etcd, in its order.
    :ivar unknown: how many writes ended without an answer.
    :ivar longest: seconds between two writes, at worst.
    """

    etcd: Etcd
    written: list[Change] = field(default_factory=list)
    unknown: int = 0
    longest: float = 0.0
    _allowed: int = 0
    _progress: Progress = field(default_factory=Progress)

    async def goes_on(self, count: int) -> None:
        """Allow `count` more, and wait until they are written."""
        self._allowed += count
        self._progress.moved()
        async with asyncio.timeout(PATIENCE_S):
            while len(self.written) < self._allowed:
                await self._progress.next()

    async def run(self) -> None:
        known: dict[str, Entry] = {}
        last = time.monotonic()
        while True:
            number = len(self.written)
            if number >= self._allowed:
                await self._progress.next()
                last = time.monotonic()
                continue
            key, value = f"{SPAN.key}{number % _KEYS:02}", b"%d" % number
            known[key] = await self._write(key, value, known.get(key))
            self.written.append((known[key].modified, key, value))
            self.longest = max(self.longest, time.monotonic() - last)
            last = time.monotonic()
            self._progress.moved()

    async def _write(self, key: str, value: bytes, before: Entry | None) -> Entry:
        while True:
            try:
                revision = await guarded.put(self.etcd, key, value, before, told=self._told)
                return Entry(key, value, 0, revision, 0)
            except (Conflict, FateUnknown, StoreUnreachable):
                before = await self._look(key)
                if before is not None and before.value == value:
                    return before

    async def _look(self, key: str) -> Entry | None:
        while True:
            try:
                return await self.etcd.get(key)
            except StoreUnreachable:
                pass

    def _told(self, unknown: FateUnknown) -> None:
        self.unknown += 1


@dataclass
class Reader:
    """Keeps all events that it has seen."""

    events: list[Event] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    standing: asyncio.Event = field(default_factory=asyncio.Event)
    _progress: Progress = field(default_factory=Progress)

    async def watches(self, etcd: Etcd, after: int) -> None:
        async with aclosing(watch(etcd, SPAN, after)) as batches:
            async for events in batches:
                self._saw(events)

    async def mirrors(self, etcd: Etcd) -> None:
        async with aclosing(mirror(etcd, SPAN, self.entries)) as batches:
            async for events in batches:
                self._saw(events)

    async def has_seen(self, revision: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not self.events or self.events[-1].revision < revision:
                await self._progress.next()

    def changes(self) -> list[Change]:
        """What was new in what it saw: that a key was moved on as it is, to settle a fate, is left out."""
        last: dict[str, bytes] = {}
        found = []
        for event in self.events:
            assert event.entry
            if last.get(event.key) != event.entry.value:
                found.append((event.revision, event.key, event.entry.value))
            last[event.key] = event.entry.value
        return found

    def _saw(self, events: tuple[Event, ...]) -> None:
        self.events += events
        self.standing.set()
        self._progress.moved()
