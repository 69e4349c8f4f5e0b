"""A search for a text through one host's journal, from the newest line back.

    --header ──windows──▶ span, span, span … ──a few at a time──▶ records, the newest first

Each span is a journalctl of its own, and the host looks for the text as far as it can (`journal_text`): only
what may be meant comes over. What is found in a span waits until those before it are done. A host that cannot
look for text, or meets a damaged message at it, prints all of that span, and the text is looked for here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from console.errors import HostFailure
from console.hosts.journal_text import host_text
from console.hosts.journal_windows import Window, windows
from console.hosts.journalctl import Journalctl
from console.model.log import LogQuery, LogRecord, absolute

#: Spans of one host that are searched at the same time. Each takes one processor, and a host has other work.
_AT_ONCE = 2
#: Records of a span that are read before its turn has come.
_AHEAD = 16


class JournalSearch:
    """One search, and how far it has come.

    :param query: `grep` is what to find; what is given for `lines` does not count.
    :raises re.error: `grep` is no regular expression.
    """

    def __init__(self, journal: Journalctl, query: LogQuery) -> None:
        self._journal = journal
        self._query = replace(query, lines=None)
        self._text = host_text(query.grep) if query.grep is not None else None
        #: Entries to look through, about, and those that were.
        self.entries = self.passed = 0
        #: All that is not older was searched; by the host's clock.
        self.back_to: datetime | None = None

    async def found(self) -> AsyncGenerator[LogRecord, None]:
        """The records that are wanted, the newest first, as they are found; lines that were cut stay cut.

        :raises HostError: the host does not answer, or cannot be read on.
        """
        query = await self._journal.expanded(self._query)
        if query is None:
            return
        now = datetime.now(UTC) + timedelta(seconds=self._journal.clock_offset_s)
        since, until = absolute(query.since, now), absolute(query.until, now)
        left = deque(windows(await self._journal.headers() or (), since, until))
        self.entries = sum(span.entries for span in left)
        under_way: deque[tuple[Window, _Ahead]] = deque()
        try:
            while left or under_way:
                while left and len(under_way) < _AT_ONCE:
                    span = left.popleft()
                    under_way.append((span, _Ahead(self._within(span, query))))
                span, ahead = under_way[0]
                while (record := await ahead.next()) is not None:
                    yield record
                under_way.popleft()
                self.passed += span.entries
                self.back_to = span.since
        finally:
            for _, ahead in under_way:
                await ahead.close()

    async def _within(self, span: Window, query: LogQuery) -> AsyncGenerator[LogRecord, None]:
        """What is found in a span."""
        asked = replace(query, since=span.since, until=span.until)
        told: set[str] = set()  # of the moment that was come to
        at = span.until
        if self._text is not None:
            try:
                async with aclosing(self._journal.found(asked, backwards=True, text=self._text)) as found:
                    async for record in found:
                        if record.time != at:
                            at = record.time
                            told.clear()
                        told.add(record.cursor)
                        yield record
                return
            except HostFailure:
                # Read on by ourselves: what is wrong with the journal itself is told then.
                asked = replace(asked, until=at)
        async with aclosing(self._journal.found(asked, backwards=True)) as found:
            async for record in found:
                if record.cursor not in told:
                    yield record


class _Ahead:
    """Records that are read before they are asked for, a bounded number of them."""

    def __init__(self, records: AsyncGenerator[LogRecord, None]) -> None:
        self._queue: asyncio.Queue[LogRecord | Exception | None] = asyncio.Queue(_AHEAD)
        self._reading = asyncio.create_task(self._read(records))

    async def _read(self, records: AsyncGenerator[LogRecord, None]) -> None:
        try:
            async with aclosing(records):
                async for record in records:
                    await self._queue.put(record)
            await self._queue.put(None)
        except Exception as error:
            await self._queue.put(error)

    async def next(self) -> LogRecord | None:
        """The next of them; None after the last.

        :raises Exception: what reading them raised.
        """
        found = await self._queue.get()
        if isinstance(found, Exception):
            raise found
        return found

    async def close(self) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
