"""The `journal` source of the machine the console itself runs on, read through libsystemd.

systemd-python is an extra. Without it the local journal goes through journalctl like any other
host's (`sources.py` decides), at the price of a process.

The reader is not safe for threads and blocks, so that it lives on one thread of this module's own;
each step there takes at most `_WAIT_S`, and the next is asked for only once its entries were handed
on: a slow taker holds the reading back, and nothing is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from console.errors import AccessRefused, HostFailure, UsageError
from console.hosts.export_format import Entry
from console.hosts.journal import made
from console.hosts.journal_entries import BATCH
from console.hosts.journal_pick import text_filter
from console.hosts.journal_record import FIELDS, dropped
from console.hosts.source import Emit
from console.hosts.transport import Transport
from console.model.events import Logged
from console.model.log import Gap, LogQuery, LogRecord

_WAIT_S = 0.25


def local_reader_available() -> bool:
    """Whether systemd-python is installed."""
    return find_spec("systemd") is not None and find_spec("systemd.journal") is not None


class LocalJournalSource:
    """`SourceRun` for this machine's journal; resumes after its last entry when run again.

    :param folder: read the journal files there instead of the system's.
    :raises UsageError: `query` has an `until`, or its `grep` is no regular expression.
    """

    def __init__(self, host: str, query: LogQuery | None = None, *, folder: Path | None = None) -> None:
        query = query or LogQuery()
        if query.until is not None:
            raise UsageError("a log that is followed has no end", hint="use `log show` for a range")
        self._host = host
        self._query = query
        self._folder = folder
        self._text = text_filter(query.grep)
        self._cursor: str | None = None

    async def run(self, transport: Transport, emit: Emit, live: Callable[[], None]) -> NoReturn:
        """See `SourceRun`. `transport` is not needed: the journal is on this machine."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="journal") as thread:
            journal = await loop.run_in_executor(thread, self._open)
            try:
                if gap := await loop.run_in_executor(thread, self._place, journal):
                    emit(Logged(self._host, (gap,)))
                told = False
                while True:
                    entries = await loop.run_in_executor(thread, _step, journal)
                    if items := self._wanted(entries):
                        emit(Logged(self._host, tuple(items)))
                    if entries:
                        self._cursor = _text(entries[-1].first(b"__CURSOR"))
                    if not told and len(entries) < BATCH:
                        told = True
                        live()
            finally:
                await loop.run_in_executor(thread, journal.close)

    # -- on the thread ----------------------------------------------------------------------

    def _open(self) -> Any:
        from systemd import journal

        # Text as the bytes that it is: what it means is decided where every journal is read.
        raw = dict.fromkeys(FIELDS, bytes)
        meta = {"__REALTIME_TIMESTAMP": int, "__MONOTONIC_TIMESTAMP": tuple}
        try:
            reader = journal.Reader(
                path=str(self._folder) if self._folder else None, converters={**raw, **meta}
            )
        except PermissionError as error:
            raise AccessRefused(
                "the journal is closed to this user", host=self._host, hint="join the group systemd-journal"
            ) from error
        except OSError as error:
            raise HostFailure(f"the journal cannot be opened: {error.strerror}", host=self._host) from error
        if self._query.priority is not None:
            reader.log_level(self._query.priority)
        for name in self._query.identifiers:
            reader.add_match(SYSLOG_IDENTIFIER=name)
        return reader

    def _place(self, reader: Any) -> Gap | None:
        """Stand before the first entry to tell; a gap if the one to resume after is gone."""
        if self._cursor is not None:
            reader.seek_cursor(self._cursor)
            first = reader.get_next()
            if first and first["__CURSOR"] == self._cursor:
                return None
            reader.get_previous()
            return Gap(self._host, datetime.now(UTC), "no longer in the host's journal", after=self._cursor)
        since = self._query.since
        if since is not None:
            moment = (
                since.timestamp() if isinstance(since, datetime) else datetime.now(UTC).timestamp() - since
            )
            reader.seek_realtime(moment)
            return None
        reader.seek_tail()
        # seek_tail stands behind the last entry only after one step back.
        for _ in range(max(1, (self._query.lines or 0) + 1)):
            if not reader.get_previous():
                reader.seek_head()
                break
        return None

    # -- pure -------------------------------------------------------------------------------

    def _wanted(self, entries: Sequence[Entry]) -> list[LogRecord | Gap]:
        items: list[LogRecord | Gap] = []
        for entry in entries:
            record = made(self._host, entry)
            if gap := dropped(self._host, entry, record):
                items.append(gap)
            if (
                _fits(record.unit, self._query.units, ".service")
                and _fits(record.container, self._query.containers)
                and (self._text is None or self._text(record))
            ):
                items.append(record)
        return items


def _step(reader: Any) -> list[Entry]:
    """The next entries, or none if none came within `_WAIT_S`."""
    entries: list[Entry] = []
    while len(entries) < BATCH and (fields := reader.get_next()):
        entries.append(Entry({name.encode(): _bytes(value) for name, value in fields.items()}))
    if not entries:
        reader.wait(_WAIT_S)
    return entries


def _bytes(value: Any) -> bytes | list[bytes]:
    """A field of the reader as the export format has it."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, list):
        return [item if isinstance(item, bytes) else str(item).encode() for item in value]
    if isinstance(value, tuple):  # monotonic time: microseconds and boot id
        value = value[0]
    if hasattr(value, "hex") and not isinstance(value, int | float | str):
        value = value.hex  # an id
    return str(value).encode()


def _text(value: bytes | None) -> str | None:
    return value.decode("utf-8", "replace") if value is not None else None


def _fits(name: str | None, patterns: tuple[str, ...], suffix: str = "") -> bool:
    if not patterns:
        return True
    return name is not None and any(
        fnmatchcase(name, pattern) or name == pattern + suffix for pattern in patterns
    )
