"""A host's journal through its journalctl."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from fnmatch import fnmatchcase

from console.errors import Absent, HostError, HostFailure
from console.hosts import journal_argv
from console.hosts.export_format import Entry, ExportError, ExportParser
from console.hosts.journal_access import Access, failed, find_access
from console.hosts.journal_header import FileHeader, headers
from console.hosts.journal_open import BATCH, Start
from console.hosts.journal_partials import Partials, is_part
from console.hosts.journal_pick import message_filter, text_filter
from console.hosts.journal_record import FIELDS, Speaker, made
from console.hosts.journal_text import HostText
from console.hosts.transport import Completed, Reading, Transport
from console.model.log import LogQuery, LogRecord
from console.model.text import clean

#: journalctl's complaint about a glob that no unit's name fits, which to us is an empty answer.
_NO_UNITS = b"Failed to add filter for units"
#: Parsed without a pause; some 300 entries, a few milliseconds.
_PIECE = 32 * 1024


class Journalctl:
    """`OpenJournal` on a connection."""

    def __init__(self, transport: Transport, access: Access) -> None:
        self._transport = transport
        self._access = access
        self._speaker = Speaker(transport.host, access.machine_id, access.users)

    @classmethod
    async def open(cls, transport: Transport) -> Journalctl:
        """Find out how the journal can be read; see `find_access` for what it raises."""
        return cls(transport, await find_access(transport))

    @classmethod
    @asynccontextmanager
    async def opened(cls, transport: Transport) -> AsyncIterator[Journalctl]:
        """`open`, as one opens what has to be closed."""
        yield await cls.open(transport)

    @property
    def speaker(self) -> Speaker:
        return self._speaker

    @property
    def host(self) -> str:
        return self._transport.host

    @property
    def clock_offset_s(self) -> float:
        return self._access.clock_offset_s

    async def newest(self) -> str | None:
        entries = await self._few(journal_argv.newest())
        return made(self.host, entries[-1]).cursor if entries else None

    async def headers(self) -> list[FileHeader] | None:
        """What is in the journal's files; None if that cannot be made out."""
        return headers((await self._output(journal_argv.file_headers())).stdout)

    async def onwards(self, cursor: str, count: int) -> list[str]:
        entries = await self._few(journal_argv.onwards(cursor, count))
        return [made(self.host, entry).cursor for entry in entries]

    async def boot_id(self, boot: str) -> str:
        entries = await self._few(journal_argv.boot_of(boot))
        if not entries:
            raise Absent(f"the journal has no boot {boot}", host=self.host)
        return made(self.host, entries[0]).boot_id

    async def look_back(self, query: LogQuery, fields: Sequence[str] = ()) -> AsyncGenerator[LogRecord, None]:
        wanted = text_filter(query.grep)
        ranged = query.since is not None or query.until is not None
        partials = Partials()
        if query.lines is not None and (ranged or wanted is not None):
            async with aclosing(self._found(query, fields, backwards=True)) as found:
                newest = [pair async for pair in found]
            for entry, record in reversed(newest):
                # Where text is looked for, what is between two parts may be missing.
                for line in partials.take(entry, record) if wanted is None else [_part(entry, record)]:
                    yield line
            for line in partials.flush():
                yield line
            return
        asked = await self.expanded(query)
        if query.lines == 0 or asked is None:
            return
        async with aclosing(self.entries(journal_argv.look_back(asked, (*FIELDS, *fields)))) as batches:
            async for entries in batches:
                for entry in entries:
                    for record in partials.take(entry, made(self._speaker, entry, fields)):
                        if wanted is None or wanted(record):
                            yield record
        for record in partials.flush():
            if wanted is None or wanted(record):
                yield record

    async def found(
        self,
        query: LogQuery,
        fields: Sequence[str] = (),
        *,
        backwards: bool = False,
        cursor: str | None = None,
        text: HostText | None = None,
    ) -> AsyncGenerator[LogRecord, None]:
        """The first `query.lines` records that fit, as they are found.

        The parts of a line that an engine cut stay parts, marked as cut: going back, a last one shows
        only after it.

        :param backwards: go back, from the newest one or from the cursor.
        :param cursor: begin there, that entry included.
        :param text: have the host look for it first; see `journal_text`.
        """
        async with aclosing(
            self._found(query, fields, backwards=backwards, cursor=cursor, text=text)
        ) as found:
            async for entry, record in found:
                yield _part(entry, record)

    async def _found(
        self,
        query: LogQuery,
        fields: Sequence[str],
        *,
        backwards: bool,
        cursor: str | None = None,
        text: HostText | None = None,
    ) -> AsyncGenerator[tuple[Entry, LogRecord], None]:
        wanted = message_filter(query.grep)
        asked = await self.expanded(query)
        if query.lines == 0 or asked is None:
            return
        argv = journal_argv.look_back(
            replace(asked, lines=None) if wanted else asked,
            (*FIELDS, *fields),
            backwards=backwards,
            cursor=cursor,
            text=text,
        )
        left = query.lines
        async with aclosing(self.entries(argv, text is not None)) as batches:
            async for entries in batches:
                for entry in entries:
                    if wanted and not wanted(entry):
                        continue
                    yield entry, made(self._speaker, entry, fields)
                    if left is not None:
                        left -= 1
                        if left == 0:
                            return

    async def whole_entries(self, query: LogQuery) -> AsyncGenerator[list[Entry], None]:
        """All that there is of the entries that `query` asks for, oldest first.

        Entries without the text that is looked for are among them; those with it are `query.lines`.
        """
        asked = await self.expanded(query)
        if query.lines == 0 or asked is None:
            return
        ranged = asked.since is not None or asked.until is not None
        if asked.lines is not None and (ranged or asked.grep is not None):
            # The newest of them are found from the end: the first of them is where to begin.
            async with aclosing(self.found(asked, backwards=True)) as found:
                places = [record.cursor async for record in found]
            if not places:
                return
            count = asked.lines if asked.grep is None else None
            argv = journal_argv.look_back(replace(asked, since=None, lines=count), None, cursor=places[-1])
        else:
            argv = journal_argv.look_back(asked, None)
        async with aclosing(self.entries(argv)) as batches:
            async for entries in batches:
                yield entries

    async def entries(
        self, argv: Sequence[str], searching: bool = False
    ) -> AsyncGenerator[list[Entry], None]:
        """What a journalctl that ends by itself prints, some entries at a time.

        :param searching: it looks for a text, and ends as grep does where it finds none.
        """
        async with self._transport.stream(argv, privileged=self._access.privileged) as reading:
            reader = EntryReader(self.host, reading)
            while entries := await reader.batch():
                yield entries
                await asyncio.sleep(0)
            end = await reader.end()
            found_none = searching and end.code == 1 and not end.stderr and not reader.pending
            if not found_none:
                _check_end(self.host, end, reader.pending)

    @asynccontextmanager
    async def follow(
        self, query: LogQuery, start: Start, *, boot_id: str | None, fields: Sequence[str]
    ) -> AsyncIterator[EntryReader]:
        argv = journal_argv.follow(
            query,
            machine_id=self._access.machine_id,
            cursor=start.cursor,
            since=start.since,
            boot_id=boot_id,
            fields=(*FIELDS, *fields),
        )
        async with self._transport.stream(argv, privileged=self._access.privileged) as reading:
            yield EntryReader(self.host, reading)

    async def _few(self, argv: Sequence[str]) -> list[Entry]:
        try:
            return ExportParser().feed((await self._output(argv)).stdout)
        except ExportError as error:
            raise HostFailure(f"journalctl's output cannot be read: {error}", host=self.host) from error

    async def _output(self, argv: Sequence[str]) -> Completed:
        end = await self._transport.run(argv, privileged=self._access.privileged)
        if fault := failed(self.host, end):
            raise fault
        return end

    async def expanded(self, query: LogQuery) -> LogQuery | None:
        """The query with globs replaced by what they match; None if nothing is left to look for."""
        containers = await self._names("CONTAINER_NAME", query.containers)
        images = await self._names("IMAGE_NAME", query.images)
        if containers is None or images is None:
            return None
        return replace(query, containers=containers, images=images)

    async def _names(self, field: str, names: tuple[str, ...]) -> tuple[str, ...] | None:
        if not any(map(journal_argv.is_glob, names)):
            return names
        text = (await self._output(journal_argv.values_of(field))).stdout
        known = text.decode("utf-8", "replace").splitlines()
        return tuple(sorted(n for n in known if any(fnmatchcase(n, name) for name in names))) or None


class EntryReader:
    """`Stream` of a running journalctl; nothing is read ahead of what is asked for."""

    def __init__(self, host: str, reading: Reading) -> None:
        self._host = host
        self._reading = reading
        self._parser = ExportParser()
        self._parsed: deque[Entry] = deque()
        self._raw: deque[bytes] = deque()

    async def batch(self) -> list[Entry]:
        while not self._parsed:
            if not self._raw:
                data = await self._reading.read()
                if not data:
                    return []
                self._raw.extend(data[i : i + _PIECE] for i in range(0, len(data), _PIECE))
            else:
                await asyncio.sleep(0)
            try:
                self._parsed.extend(self._parser.feed(self._raw.popleft()))
            except ExportError as error:
                raise HostFailure(f"journalctl's output cannot be read: {error}", host=self._host) from error
        if len(self._parsed) <= BATCH:
            entries = list(self._parsed)
            self._parsed.clear()
            return entries
        return [self._parsed.popleft() for _ in range(BATCH)]

    async def end(self) -> Completed:
        """How journalctl ended; after an empty batch."""
        return await self._reading.wait()

    async def fault(self) -> HostError:
        """A follower that ends has failed, with exit code 0 too."""
        end = await self.end()
        if end.code == 127:
            return Absent("journalctl is not installed", host=self._host)
        words = clean(end.complaint, 200)
        hint = None
        if "watch descriptors" in words or "inotify" in words:
            hint = "raise fs.inotify.max_user_instances on the host"
        return HostFailure(f"journalctl no longer follows: {words}", host=self._host, hint=hint)

    @property
    def pending(self) -> bool:
        """Whether the output broke off within an entry."""
        return self._parser.pending


def _part(entry: Entry, record: LogRecord) -> LogRecord:
    return replace(record, cut=True) if is_part(entry) else record


def _check_end(host: str, end: Completed, pending: bool) -> None:
    if end.code != 0 and _NO_UNITS in end.stderr:
        return
    if fault := failed(host, end):
        raise fault
    if pending:
        raise HostFailure("journalctl's output broke off within an entry", host=host)
