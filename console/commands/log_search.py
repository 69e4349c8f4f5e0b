"""`log search` and `log context`: find a line in the journals of a fleet, and read what is around it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from console.commands.asking import ask_each
from console.commands.command import Command, argument, switch
from console.commands.log_reading import InColor, LookingBack, reading, streams
from console.commands.progress import progress
from console.commands.rows import LOG, Cell, RowKind
from console.commands.rows.log import log_lines
from console.errors import NothingSelected, UsageError
from console.model.log import LogItem, LogQuery, LogRecord

if TYPE_CHECKING:
    from console.commands.core import Core, View
    from console.commands.merging import Dated
    from console.commands.output import Output
    from console.hosts.journal_search import JournalSearch
    from console.hosts.journalctl import Journalctl

#: Lines that `log search` finds, and that `log context` shows before and after, where none was said.
_FOUND, _AROUND = 100, 10
#: Lines of another host that are shown beside a context, at most.
_BESIDE = 1000


@dataclass(frozen=True)
class LogSearch(InColor, LookingBack):
    """Find a text in the journals of the selected hosts: the newest lines first, each as it is found.

    TEXT is a regular expression; without a capital in it case does not count. Ends after `--lines` (100).
    Hosts are searched side by side and none waits for another: each one's lines come newest first. While
    it goes on it tells how far back it is.
    """

    words = ("log", "search")
    text: str = argument("TEXT", "what to find", required=True)

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.merging import as_found
        from console.hosts.journal_pick import text_filter
        from console.hosts.journal_search import JournalSearch

        if self.grep is not None:
            raise UsageError("log search: the text is its argument", hint="log search TEXT")
        text_filter(self.text)
        left = _FOUND if self.lines is None else self.lines
        query = self.query(grep=self.text, lines=None)

        searches: list[JournalSearch] = []

        def ask(journal: Journalctl) -> AsyncGenerator[LogRecord, None]:
            searches.append(search := JournalSearch(journal, query))
            return search.found()

        with out.listing(self.row_kind) as add:
            if left == 0:
                return
            async with (
                reading(core, self, out) as (view, hosts),
                streams(view, hosts, ask, out.failed) as found,
                progress(out, lambda: how_far(searches)),
                aclosing(as_found(found)) as records,
            ):
                async for record in records:
                    add(record)
                    left -= 1
                    if left == 0:
                        return


@dataclass(frozen=True)
class LogContext(InColor):
    """Show the lines before and after one line of a journal, which its cursor names.

    A line's cursor is in `log show -o json` and its like. `--lines` (10) are shown before it and as many
    after it. The host need not be said: it is the one whose journal has the line. Filters say which lines
    around it are shown; with `--fleet` those of all selected hosts from the same time are among them.
    """

    words = ("log", "context")
    cursor: str = argument("CURSOR", "the line's cursor", required=True)
    fleet: bool = switch("with what the other hosts wrote meanwhile")

    async def run(self, core: Core, out: Output) -> None:
        if self.since is not None or self.boot is not None:
            raise UsageError("log context: the cursor says when", hint="say how many --lines")
        count = _AROUND if self.lines is None else self.lines
        query = self.query(lines=count + 1)
        async with reading(core, self, out) as (view, hosts):
            journals = await _opened(view, hosts, out)
            journal, line = await self._find(journals, out)
            before = [record async for record in journal.found(query, backwards=True, cursor=self.cursor)]
            after = [record async for record in journal.found(query, cursor=self.cursor)]
            shown = [
                *_others(before, line, count)[::-1],
                line,
                *_others(after, line, count),
            ]
            if self.fleet:
                others = [other for other in journals if other is not journal]
                shown = await self._beside(journal, shown, others, out)
            with out.listing(_around(line, self.row_kind)) as add:
                for record in shown:
                    add(record)

    async def _find(self, journals: Sequence[Journalctl], out: Output) -> tuple[Journalctl, LogRecord]:
        """The journal that has the line, and the line.

        :raises NothingSelected: none has.
        """
        from console.hosts.journal_cursor import same_entry

        async def ask(journal: Journalctl) -> tuple[Journalctl, LogRecord] | None:
            # A cursor of another journal is taken by journalctl without a word, and leads somewhere.
            async with aclosing(journal.found(LogQuery(lines=1), cursor=self.cursor)) as found:
                async for record in found:
                    if same_entry(record.cursor, self.cursor):
                        return journal, record
            return None

        for answer in await ask_each(journals, ask, out.failed):
            if answer is not None:
                return answer
        raise NothingSelected(
            "no selected host has the line of this cursor",
            hint="its journal may have been vacuumed; cursors are shown by log show -o json",
        )

    async def _beside(
        self, journal: Journalctl, shown: Sequence[LogRecord], others: Sequence[Journalctl], out: Output
    ) -> list[LogRecord]:
        """The lines, and among them those that the other hosts wrote in the same time."""
        from console.commands.merging import merged

        ours = timedelta(seconds=journal.clock_offset_s)
        begin, end = shown[0].time - ours, shown[-1].time - ours

        async def ask(other: Journalctl) -> list[Dated]:
            offset = timedelta(seconds=other.clock_offset_s)
            query = self.query(since=begin + offset, until=end + offset, lines=_BESIDE)
            found = [(record.time - offset, record) async for record in other.look_back(query)]
            if len(found) == _BESIDE:
                out.note(f"{other.host}: the newest {_BESIDE} lines of that time; it wrote more")
            return found

        lists = [[(record.time - ours, record) for record in shown]]
        lists += await ask_each(others, ask, out.failed)
        return [record async for record in merged([_each(found) for found in lists])]


def how_far(searches: Sequence[JournalSearch]) -> str:
    """How far back a search has come, on the host that is least far."""
    passed, entries = (sum(search.passed for search in searches), sum(search.entries for search in searches))
    told = f"{passed:,} of about {entries:,} lines searched"
    under_way = [search.back_to for search in searches if search.passed < search.entries]
    moments = [moment for moment in under_way if moment is not None]
    if len(moments) < len(under_way) or not moments:
        return told
    return f"{told}, back to {max(moments):%Y-%m-%d %H:%M:%S} everywhere"


async def _opened(view: View, hosts: Sequence[str], out: Output) -> list[Journalctl]:
    from console.hosts.journalctl import Journalctl

    return await ask_each(hosts, lambda host: Journalctl.open(view.fleet.transport(host)), out.failed)


def _others(found: Sequence[LogRecord], line: LogRecord, count: int) -> list[LogRecord]:
    """Those that are not the line itself, `count` at most."""
    return [record for record in found if record.cursor != line.cursor][:count]


async def _each(found: Sequence[Dated]) -> AsyncGenerator[Dated, None]:
    for dated in found:
        yield dated


def _around(line: LogRecord, kind: RowKind[LogItem]) -> RowKind[LogItem]:
    """Rows of which the one that was asked for is pointed at."""
    lines = kind.text or log_lines

    def text(record: LogItem) -> list[tuple[Cell, ...]]:
        sign = Cell("▶" if record is line else " ")
        return [(sign, *cells) for cells in lines(record)]

    return replace(LOG, text=text)


COMMANDS: tuple[type[Command], ...] = (LogSearch, LogContext)
