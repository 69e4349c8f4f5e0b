"""A look back into the journal of one host: what `log show` shows.

The same lines in the same order as journalctl gives for the query on the host, with two
differences that are meant: a count with a range is the newest of the range (journalctl 252 takes
the oldest), and text is searched here, so that `lines` with `grep` are the newest lines that match,
however far back, at the price of carrying over what lies between.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from fnmatch import fnmatchcase

from console.errors import HostFailure
from console.hosts import journal_argv
from console.hosts.export_format import Entry
from console.hosts.journal_access import Access, failed, open_journal
from console.hosts.journal_entries import EntryReader
from console.hosts.journal_pick import text_filter
from console.hosts.journal_record import FIELDS, EntryError, record
from console.hosts.transport import Completed, Transport
from console.model.log import LogQuery, LogRecord

#: journalctl's complaint about a glob that no unit's name fits, which to us is an empty answer.
_NO_UNITS = b"Failed to add filter for units"


async def read_journal(
    transport: Transport, query: LogQuery, *, fields: Sequence[str] = ()
) -> AsyncGenerator[LogRecord, None]:
    """The records that `query` asks for, oldest first.

    Leave it with `contextlib.aclosing` unless it is read to its end. Without `lines` records come
    as they are read; with `lines` and a range or a text at most that many are held.

    :param fields: names of further fields to carry along in `LogRecord.fields`.
    :raises Absent: there is no journalctl, or no such boot.
    :raises AccessRefused: the journal is closed to us.
    :raises HostFailure: journalctl fails, or what it says cannot be read.
    :raises UsageError: `grep` is no regular expression, or `boot` no boot.
    """
    text_filter(query.grep)
    access = await open_journal(transport)
    async with aclosing(look_back(transport, access, query, fields)) as records:
        async for each in records:
            yield each


async def look_back(
    transport: Transport, access: Access, query: LogQuery, fields: Sequence[str] = ()
) -> AsyncGenerator[LogRecord, None]:
    """`read_journal` for a journal that is open already."""
    wanted = text_filter(query.grep)
    containers = await _containers(transport, access, query.containers)
    if query.lines == 0 or containers is None:
        return
    query = replace(query, containers=containers)
    ranged = query.since is not None or query.until is not None
    backwards = query.lines is not None and (ranged or wanted is not None)
    argv = journal_argv.look_back(
        replace(query, lines=None) if wanted else query, (*FIELDS, *fields), backwards=backwards
    )
    newest: list[LogRecord] = []
    async with transport.stream(argv, privileged=access.privileged) as reading:
        reader = EntryReader(transport.host, reading)
        while entries := await reader.batch():
            for entry in entries:
                each = made(transport.host, entry, fields)
                if wanted and not wanted(each):
                    continue
                if not backwards:
                    yield each
                else:
                    newest.append(each)
                    if len(newest) == query.lines:
                        break
            if backwards and len(newest) == query.lines:
                break
            await asyncio.sleep(0)
        else:
            _check_end(transport.host, await reader.end(), reader.pending)
    for each in reversed(newest):
        yield each


def made(host: str, entry: Entry, fields: Sequence[str] = ()) -> LogRecord:
    """`record`, with a fault of the host told as one."""
    try:
        return record(host, entry, fields)
    except EntryError as error:
        raise HostFailure(f"journalctl's output cannot be read: {error}", host=host) from error


async def _containers(transport: Transport, access: Access, names: tuple[str, ...]) -> tuple[str, ...] | None:
    """The names with globs replaced by what they match; None if nothing is left to look for."""
    if not any(map(journal_argv.is_glob, names)):
        return names
    argv = journal_argv.values_of("CONTAINER_NAME")
    end = await transport.run(argv, privileged=access.privileged)
    if fault := failed(transport.host, end):
        raise fault
    known = end.stdout.decode("utf-8", "replace").splitlines()
    return tuple(sorted(n for n in known if any(fnmatchcase(n, name) for name in names))) or None


def _check_end(host: str, end: Completed, pending: bool) -> None:
    if end.code != 0 and _NO_UNITS in end.stderr:
        return
    if fault := failed(host, end):
        raise fault
    if pending:
        raise HostFailure("journalctl's output broke off within an entry", host=host)
