"""`log …`: the journals of many hosts as one."""

from __future__ import annotations

from collections import deque
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from console.commands.command import Command, option, switch
from console.commands.grammar import format_command
from console.commands.log_reading import CONNECTED, InColor, LookingBack, reading, streams
from console.commands.values import DURATION, format_duration
from console.model.log import LogRecord

if TYPE_CHECKING:
    from console.commands.core import Core, View
    from console.commands.log_bookmarks import Bookmarks
    from console.commands.output import Output

#: What `log show` shows when neither a number nor a time was said.
_DEFAULT_LINES = 100
#: What `log follow` shows of the past before it goes on.
_DEFAULT_TAIL = 10
#: With `--resume`: how often, in seconds, the place is kept while lines come, and while none do.
_KEPT_EVERY_S, _IDLE_S = 0.05, 30.0


@dataclass(frozen=True)
class LogShow(InColor, LookingBack):
    """Show journal records of the selected hosts, merged by time.

    Without `--lines` or a range the newest 100. Each host's own order is kept; across hosts a line's
    place is its time by the clock of this machine.
    """

    words = ("log", "show")

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.merging import merged

        lines = self.lines
        if lines is None and self.since is None and self.until is None and self.boot is None:
            lines = _DEFAULT_LINES
        query = self.query(lines=lines)
        async with (
            reading(core, self, out) as (view, hosts),
            streams(view, hosts, lambda journal: journal.look_back(query), out.failed) as found,
        ):
            newest = deque[LogRecord](maxlen=lines)
            with out.listing(self.row_kind) as add:
                async for record in merged(found):
                    if lines is None:
                        add(record)
                    else:
                        newest.append(record)
                for record in newest:
                    add(record)


@dataclass(frozen=True)
class LogFollow(InColor):
    """Follow the journals of the selected hosts, merged by time; each host's own order is kept.

    Begins with the newest 10, or with `--lines` or `--since`. Lines of several hosts are held back for a
    moment (`--hold`), so that older ones of others can come first; one that comes later still is shown
    where it comes, marked late. Nothing is left out: what a host lost, or we could not see, is a line
    that says so, and a host that writes faster than its lines are taken is read more slowly. With
    `--resume` the same line goes on where it was ended, on each host.
    """

    words = ("log", "follow")
    hold: float | None = option(DURATION, "how long a line waits for those of other hosts (300ms)")
    resume: bool = switch("go on where the same line was ended before")

    async def run(self, core: Core, out: Output) -> None:
        with self._bookmarks(core) as kept:
            async with core.observe(self.on, CONNECTED, wait=False) as view:
                await self._follow(core, view, out, kept)

    def _bookmarks(self, core: Core) -> AbstractContextManager[Bookmarks | None]:
        """Where to go on; None if that was not asked for."""
        if not self.resume:
            return nullcontext()
        from console.commands.log_bookmarks import bookmarks_of

        query = replace(self, resume=False, hold=None, lines=None, since=None, keep_color=False)
        return bookmarks_of(core.state_folder, core.fleet_mark, format_command(query))

    async def _follow(self, core: Core, view: View, out: Output, kept: Bookmarks | None) -> None:
        from console.fleet.follow import Slow
        from console.fleet.merge import HOLD_S

        lines = _DEFAULT_TAIL if self.lines is None and self.since is None else self.lines
        hold_s = HOLD_S if self.hold is None else self.hold
        hosts = [host.name for host in core.candidates(self.on) if host.name in view.fleet.sessions]
        if len(hosts) > 1:
            out.note(f"{len(hosts)} hosts by time, lines held back {format_duration(hold_s)}")
        told: dict[str, str] = {}
        async with view.fleet.follow_journal(
            hosts,
            self.query(lines=lines),
            hold_s=hold_s,
            slow=Slow.WAIT,
            resume=kept.hosts if kept else None,
        ) as tail:
            while True:
                batch = await tail.batch(_KEPT_EVERY_S if kept else 0, idle=_IDLE_S if kept else None)
                for item in batch.records:
                    if view.includes(item.host):
                        out.put(self.row_kind, item)
                if kept:
                    kept.save(tail.bookmarks())
                for name in sorted(batch.hosts):
                    status = tail.statuses[name]
                    if status.reason and told.get(name) != status.reason and view.includes(name):
                        out.note(f"{name}: {status.state}: {status.reason}")
                    told[name] = status.reason or ""


COMMANDS: tuple[type[Command], ...] = (LogShow, LogFollow)
