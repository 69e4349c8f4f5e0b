"""A look back into the journal of one host: what `log show` shows.

The same lines in the same order as journalctl gives for the query on the host, with two
differences that are meant: a count with a range is the newest of the range (journalctl 252 takes
the oldest), and text is searched here, so that `lines` with `grep` are the newest lines that match,
however far back, at the price of carrying over what lies between.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from console.hosts.journal_pick import text_filter
from console.hosts.journalctl import Journalctl
from console.hosts.transport import Transport
from console.model.log import LogQuery, LogRecord


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
    text_filter(query.grep)  # a mistake is told before anything is asked of the host
    async with Journalctl.opened(transport) as journal, aclosing(journal.look_back(query, fields)) as records:
        async for record in records:
            yield record
