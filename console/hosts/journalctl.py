"""A host's journal through its journalctl."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from fnmatch import fnmatchcase

from console.errors import Absent, HostError, HostFailure
from console.hosts import journal_argv
from console.hosts.export_format import Entry, ExportError, ExportParser
from console.hosts.journal_access import Access, failed, find_access
from console.hosts.journal_open import BATCH, Start
from console.hosts.journal_pick import text_filter
from console.hosts.journal_record import FIELDS, made
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

    @classmethod
    @asynccontextmanager
    async def opened(cls, transport: Transport) -> AsyncIterator[Journalctl]:
        """Find out how the journal can be read; see `find_access` for what it raises."""
        yield cls(transport, await find_access(transport))

    @property
    def host(self) -> str:
        return self._transport.host

    @property
    def clock_offset_s(self) -> float:
        return self._access.clock_offset_s

    async def newest(self) -> str | None:
        entries = await self._entries(journal_argv.newest())
        return made(self.host, entries[-1]).cursor if entries else None

    async def onwards(self, cursor: str, count: int) -> list[str]:
        entries = await self._entries(journal_argv.onwards(cursor, count))
        return [made(self.host, entry).cursor for entry in entries]

    async def boot_id(self, boot: str) -> str:
        entries = await self._entries(journal_argv.boot_of(boot))
        if not entries:
            raise Absent(f"the journal has no boot {boot}", host=self.host)
        return made(self.host, entries[0]).boot_id

    async def look_back(self, query: LogQuery, fields: Sequence[str] = ()) -> AsyncGenerator[LogRecord, None]:
        wanted = text_filter(query.grep)
        containers = await self._containers(query.containers)
        if query.lines == 0 or containers is None:
            return
        query = replace(query, containers=containers)
        ranged = query.since is not None or query.until is not None
        backwards = query.lines is not None and (ranged or wanted is not None)
        argv = journal_argv.look_back(
            replace(query, lines=None) if wanted else query, (*FIELDS, *fields), backwards=backwards
        )
        newest: list[LogRecord] = []
        async with self._transport.stream(argv, privileged=self._access.privileged) as reading:
            reader = EntryReader(self.host, reading)
            while entries := await reader.batch():
                for entry in entries:
                    record = made(self.host, entry, fields)
                    if wanted and not wanted(record):
                        continue
                    if not backwards:
                        yield record
                    else:
                        newest.append(record)
                        if len(newest) == query.lines:
                            break
                if backwards and len(newest) == query.lines:
                    break
                await asyncio.sleep(0)
            else:
                _check_end(self.host, await reader.end(), reader.pending)
        for record in reversed(newest):
            yield record

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

    async def _entries(self, argv: Sequence[str]) -> list[Entry]:
        try:
            return ExportParser().feed((await self._output(argv)).stdout)
        except ExportError as error:
            raise HostFailure(f"journalctl's output cannot be read: {error}", host=self.host) from error

    async def _output(self, argv: Sequence[str]) -> Completed:
        end = await self._transport.run(argv, privileged=self._access.privileged)
        if fault := failed(self.host, end):
            raise fault
        return end

    async def _containers(self, names: tuple[str, ...]) -> tuple[str, ...] | None:
        """The names with globs replaced by what they match; None if nothing is left to look for."""
        if not any(map(journal_argv.is_glob, names)):
            return names
        text = (await self._output(journal_argv.values_of("CONTAINER_NAME"))).stdout
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


def _check_end(host: str, end: Completed, pending: bool) -> None:
    if end.code != 0 and _NO_UNITS in end.stderr:
        return
    if fault := failed(host, end):
        raise fault
    if pending:
        raise HostFailure("journalctl's output broke off within an entry", host=host)
