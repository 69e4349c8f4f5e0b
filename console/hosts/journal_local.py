"""The journal of the machine the console itself runs on, read through libsystemd.

systemd-python is an extra. Without it, and where the journal is closed to the user and only sudo
could open it, the local journal goes through journalctl like any other host's.

libsystemd's reader blocks and is not safe for threads, so that all of it happens on one thread of
this module's own, a bounded step at a time; the next step is asked for only once the entries of the
last were handed on. Between steps nothing runs: the loop watches the journal's inotify descriptor.
The private methods of the reader (`_next`, `_get_all` …) are the ones without conversions, which would
lose bytes; the version is pinned.
"""

from __future__ import annotations

import asyncio
import errno
import os
import pwd
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from console.errors import Absent, AccessRefused, HostError, HostFailure
from console.hosts.export_format import FIELD_LIMIT, Entry
from console.hosts.journal_argv import check_boot, is_glob
from console.hosts.journal_follow import JournalSource
from console.hosts.journal_matches import boot_at, match_groups
from console.hosts.journal_open import BATCH, OpenJournal, Start
from console.hosts.journal_partials import Partials
from console.hosts.journal_pick import text_filter
from console.hosts.journal_record import FIELDS, Speaker, made
from console.hosts.journalctl import Journalctl
from console.hosts.transport import Transport
from console.model.log import Bookmark, LogQuery, LogRecord, absolute
from console.model.text import clean

_FOLDERS = (Path("/run/log/journal"), Path("/var/log/journal"))
#: The fields under which a unit's entries are found.
_UNIT_FIELDS = ("_SYSTEMD_UNIT", "UNIT", "OBJECT_SYSTEMD_UNIT", "COREDUMP_UNIT", "_SYSTEMD_SLICE")

#: Users whose names are known.
_USERS = 1000

#: Values kept of a field that repeats.
_REPEATS_KEPT = 64

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_T = TypeVar("_T")


def local_reader_available() -> bool:
    """Whether systemd-python is installed."""
    return find_spec("systemd") is not None and find_spec("systemd.journal") is not None


class LocalJournalSource(JournalSource):
    """`JournalSource` for the machine itself.

    :param folder: read the journal files there instead of the system's.
    """

    def __init__(
        self,
        host: str,
        query: LogQuery | None = None,
        *,
        resume: Bookmark | None = None,
        fields: Sequence[str] = (),
        room: Callable[[], Awaitable[None]] | None = None,
        folder: Path | None = None,
    ) -> None:
        super().__init__(host, query, resume=resume, fields=fields, room=room)
        self._folder = folder

    def _open(self, transport: Transport) -> AbstractAsyncContextManager[OpenJournal]:
        if self._folder is None and closed_to_us():
            return Journalctl.opened(transport)  # which asks for root, or refuses with what to do
        return LocalJournal.opened(transport.host, self._folder)


def closed_to_us() -> bool:
    """Whether the system has journal files that this process may not read."""
    try:
        machine = Path("/etc/machine-id").read_text().strip()
        folders = [folder / machine for folder in _FOLDERS if (folder / machine).is_dir()]
        files = [file for folder in folders for file in folder.iterdir() if file.suffix == ".journal"]
    except PermissionError:
        return True
    except OSError:
        return False  # no such file: nothing is closed, the journal is empty
    return not all(os.access(file, os.R_OK) for file in files)


class LocalJournal:
    """`OpenJournal` through libsystemd. Each question has a reader of its own, all on one thread."""

    def __init__(self, host: str, folder: Path | None, thread: ThreadPoolExecutor) -> None:
        self._host = host
        self._speaker = _this_machine(host)
        self._folder = folder
        self._thread = thread

    @classmethod
    @asynccontextmanager
    async def opened(cls, host: str, folder: Path | None = None) -> AsyncIterator[LocalJournal]:
        thread = ThreadPoolExecutor(1, thread_name_prefix=f"{host}: journal")
        try:
            yield cls(host, folder, thread)
        finally:
            # The step under way, if there is one, and the closing of its reader still run to their end.
            thread.shutdown(wait=False)

    @property
    def host(self) -> str:
        return self._host

    @property
    def speaker(self) -> Speaker:
        return self._speaker

    @property
    def clock_offset_s(self) -> float:
        return 0.0

    async def newest(self) -> str | None:
        def ask(reader: Any) -> str | None:
            reader.seek_tail()
            return reader._get_cursor() if reader._previous() else None

        return await self._ask(ask)

    async def onwards(self, cursor: str, count: int) -> list[str]:
        def ask(reader: Any) -> list[str]:
            reader.seek_cursor(cursor)
            found: list[str] = []
            while len(found) < count and reader._next():
                found.append(reader._get_cursor())
            return found

        return await self._ask(ask)

    async def boot_id(self, boot: str) -> str:
        check_boot(boot)

        def ask(reader: Any) -> list[str]:
            begun = {}
            for identity in reader.query_unique("_BOOT_ID"):
                reader.flush_matches()
                reader.add_match(f"_BOOT_ID={identity.hex}")
                reader.seek_head()
                if reader._next():
                    begun[identity.hex] = reader._get_realtime()
            return sorted(begun, key=lambda identity: begun[identity])

        found = boot_at(await self._ask(ask), boot)
        if found is None:
            raise Absent(f"the journal has no boot {boot}", host=self._host)
        return found

    async def look_back(self, query: LogQuery, fields: Sequence[str] = ()) -> AsyncGenerator[LogRecord, None]:
        wanted = text_filter(query.grep)
        boot_id = await self.boot_id(query.boot) if query.boot is not None else None
        known = await self._expanded(query)
        if known is None or query.lines == 0:
            return
        now = datetime.now(UTC)
        since, until = absolute(query.since, now), absolute(query.until, now)
        backwards = query.lines is not None
        newest: list[tuple[Entry, LogRecord]] = []
        partials = Partials()

        def begin(reader: Any) -> None:
            if backwards and until is None:
                reader.seek_tail()
            elif backwards and until is not None:
                reader.seek_realtime(_microseconds(until))
            elif since is not None:
                reader.seek_realtime(_microseconds(since))
            else:
                reader.seek_head()

        async with self._reader(known, boot_id, begin) as reader:
            step = reader._previous if backwards else reader._next
            while entries := await self.run(_entries, reader, step, (*FIELDS, *fields)):
                for entry in entries:
                    record = made(self._speaker, entry, fields)
                    beyond = since if backwards else until
                    if beyond is not None and (record.time < beyond if backwards else record.time > beyond):
                        break
                    if not backwards:
                        for line in partials.take(entry, record):
                            if wanted is None or wanted(line):
                                yield line
                    elif wanted is None or wanted(record):
                        newest.append((entry, record))
                        if len(newest) == query.lines:
                            break
                else:
                    continue
                break
        for entry, record in reversed(newest):
            for line in partials.take(entry, record):
                yield line
        for line in partials.flush():
            if backwards or wanted is None or wanted(line):
                yield line

    @asynccontextmanager
    async def follow(
        self, query: LogQuery, start: Start, *, boot_id: str | None, fields: Sequence[str]
    ) -> AsyncIterator[LocalStream]:
        def begin(reader: Any) -> None:
            reader.fileno()  # watch before the first look, so that no change falls between
            if start.cursor is not None:
                reader.seek_cursor(start.cursor)
            elif start.since is not None:
                reader.seek_realtime(_microseconds(start.since))
            else:
                reader.seek_head()

        async with self._reader(query, boot_id, begin, reports=True) as reader:
            yield LocalStream(self, reader, (*FIELDS, *fields))

    # -- the thread -------------------------------------------------------------------------

    async def run(self, work: Callable[..., _T], *arguments: Any) -> _T:
        """Do blocking work on the thread.

        :raises AccessRefused, HostFailure: the journal cannot be read.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)
        except PermissionError as error:
            raise AccessRefused(
                "the journal is closed to this user",
                host=self._host,
                hint="add the user to the group systemd-journal",
            ) from error
        except OSError as error:
            hint = "raise fs.inotify.max_user_instances" if error.errno == errno.EMFILE else None
            reason = error.strerror or str(error)
            raise HostFailure(f"the journal cannot be read: {reason}", host=self._host, hint=hint) from error

    async def _ask(self, question: Callable[[Any], _T]) -> _T:
        def ask() -> _T:
            with _new_reader(self._folder) as reader:
                return question(reader)

        return await self.run(ask)

    @asynccontextmanager
    async def _reader(
        self, query: LogQuery, boot_id: str | None, begin: Callable[[Any], None], *, reports: bool = False
    ) -> AsyncIterator[Any]:
        """A reader that stands where `begin` puts it, and filters."""
        opened: list[Any] = []

        def open_() -> None:
            reader = _new_reader(self._folder)
            opened.append(reader)
            for group in match_groups(query, boot_id, reports=reports):
                for number, term in enumerate(group):
                    if number:
                        reader.add_disjunction()
                    for match in term:
                        reader.add_match(match)
                reader.add_conjunction()
            begin(reader)

        try:
            await self.run(open_)
            yield opened[0]
        finally:
            self._thread.submit(lambda: [reader.close() for reader in opened])

    async def _expanded(self, query: LogQuery) -> LogQuery | None:
        """The query with globs replaced by what they match; None if nothing is left to look for."""
        units = await self._names(query.units, _UNIT_FIELDS)
        containers = await self._names(query.containers, ("CONTAINER_NAME",))
        images = await self._names(query.images, ("IMAGE_NAME",))
        asked = ((query.units, units), (query.containers, containers), (query.images, images))
        if any(names and not found for names, found in asked):
            return None
        return replace(query, units=units, containers=containers, images=images)

    async def _names(self, names: tuple[str, ...], fields: Iterable[str]) -> tuple[str, ...]:
        globs = [name for name in names if is_glob(name)]
        if not globs:
            return names

        def ask(reader: Any) -> set[str]:
            found = {value for field in fields for value in reader.query_unique(field)}
            return {value for value in found if isinstance(value, str)}

        known = await self._ask(ask)
        matched = {name for name in known if any(fnmatchcase(name, glob) for glob in globs)}
        return tuple(sorted(matched | {name for name in names if not is_glob(name)}))


class LocalStream:
    """`Stream` of a reader; wakes when the journal's files change."""

    def __init__(self, journal: LocalJournal, reader: Any, fields: Sequence[str]) -> None:
        self._journal = journal
        self._reader = reader
        self._fields = fields

    async def batch(self) -> list[Entry]:
        while True:
            entries, timeout = await self._journal.run(self._look)
            if entries:
                return entries
            await self._changed(timeout)

    async def fault(self) -> HostError:
        return HostFailure("the journal's reader has ended", host=self._journal.host)

    def _look(self) -> tuple[list[Entry], float | None]:
        """What there is, and how long to sleep if that is nothing; on the thread."""
        self._reader.process()
        entries = _entries(self._reader, self._reader._next, self._fields)
        milliseconds = self._reader.get_timeout_ms()
        return entries, milliseconds / 1000 if milliseconds >= 0 else None

    async def _changed(self, timeout: float | None) -> None:
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()
        descriptor = self._reader.fileno()
        loop.add_reader(descriptor, changed.set)
        try:
            async with asyncio.timeout(timeout):
                await changed.wait()
        except TimeoutError:
            pass  # some file systems tell of no change; libsystemd says how often to look there
        finally:
            loop.remove_reader(descriptor)


def _this_machine(host: str) -> Speaker:
    try:
        machine_id = Path("/etc/machine-id").read_text().strip() or None
    except OSError:
        machine_id = None
    users = {b"%d" % user.pw_uid: clean(user.pw_name) for user in reversed(pwd.getpwall()[:_USERS])}
    return Speaker(host, machine_id, users)


def _new_reader(folder: Path | None) -> Any:
    from systemd.journal import Reader

    reader = Reader(path=str(folder)) if folder else Reader()
    reader.data_threshold = FIELD_LIMIT + 128  # the default shortens values to 64 KiB without a word
    return reader


def _entries(reader: Any, step: Callable[[], bool], fields: Sequence[str]) -> list[Entry]:
    """The next entries, no more than a batch; on the thread."""
    entries: list[Entry] = []
    while len(entries) < BATCH and step():
        entries.append(_entry(reader, fields))
    return entries


def _entry(reader: Any, wanted: Sequence[str]) -> Entry:
    """The entry the reader stands at, bounded as the export parser bounds it."""
    cut = False
    try:
        everything = reader._get_all()
    except OSError as error:
        if error.errno not in (errno.EBADMSG, errno.EIO):
            raise
        everything, cut = {}, True  # damaged; journalctl goes on with the next one too
    fields: dict[bytes, bytes | list[bytes]] = {}
    for name in (*wanted, "_BOOT_ID"):
        value = everything.get(name)
        if isinstance(value, list):
            fields[name.encode()] = [each[:FIELD_LIMIT] for each in value[:_REPEATS_KEPT]]
            cut = cut or len(value) > _REPEATS_KEPT or any(len(each) > FIELD_LIMIT for each in value)
        elif value is not None:
            fields[name.encode()] = value[:FIELD_LIMIT]
            cut = cut or len(value) > FIELD_LIMIT
    fields[b"__CURSOR"] = reader._get_cursor().encode()
    fields[b"__REALTIME_TIMESTAMP"] = b"%d" % reader._get_realtime()
    fields[b"__MONOTONIC_TIMESTAMP"] = b"%d" % reader._get_monotonic()[0]
    return Entry(fields, cut)


def _microseconds(when: datetime) -> int:
    return (when - _EPOCH) // timedelta(microseconds=1)
