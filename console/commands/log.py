"""`log …`: the journals of many hosts as one."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from console.commands.command import Command, option
from console.commands.parameters import OnHosts
from console.commands.rows import LOG
from console.commands.values import INTEGER, PRIORITY, SECONDS_OR_TIME, TEXT
from console.errors import HostError
from console.model.log import Gap, LogQuery, LogRecord
from console.model.state import Source
from console.model.wants import Wants

if TYPE_CHECKING:
    from console.commands.core import Core, View
    from console.commands.output import Output

#: What `log show` shows when neither a number nor a time was said.
_DEFAULT_LINES = 100
#: What `log follow` shows of the past before it goes on.
_DEFAULT_TAIL = 10


@dataclass(frozen=True)
class _Journal(OnHosts):
    """The filters that both have."""

    unit: tuple[str, ...] = option(TEXT, "only of this unit (again for more)", short="-u", many=True)
    container: tuple[str, ...] = option(TEXT, "only of this container (again for more)", many=True)
    identifier: tuple[str, ...] = option(TEXT, "only of this syslog identifier", short="-t", many=True)
    priority: int | None = option(PRIORITY, "this priority and the more urgent ones", short="-p")
    since: float | datetime | None = option(SECONDS_OR_TIME, "from then on: 10m, or a time", short="-S")
    grep: str | None = option(TEXT, "only messages that hold this text", short="-g")
    lines: int | None = option(INTEGER, "the newest so many", short="-n")

    def query(self, **more: Any) -> LogQuery:
        """The filters as a query of one host's journal."""
        return LogQuery(
            units=self.unit,
            containers=self.container,
            identifiers=self.identifier,
            priority=self.priority,
            since=self.since,
            grep=self.grep,
            **more,
        )


@dataclass(frozen=True)
class LogShow(_Journal):
    """Show journal records of the selected hosts, merged by time.

    Without `--lines` or `--since` the newest 100. Each host's own order is kept.
    """

    words = ("log", "show")
    until: float | datetime | None = option(SECONDS_OR_TIME, "up to then: 5m, or a time", short="-U")
    boot: str | None = option(TEXT, "of one boot: 0 this one, -1 the one before, or its id", short="-b")

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.merging import merged
        from console.hosts.journal import read_journal

        lines = self.lines
        if lines is None and self.since is None and self.until is None and self.boot is None:
            lines = _DEFAULT_LINES
        query = self.query(until=self.until, boot=self.boot, lines=lines)
        only_connected = Wants(units=False, containers=False, os=False)
        async with core.observe(self.on, only_connected) as view, AsyncExitStack() as reading:
            missing = {error.host for error in view.missing}
            for error in view.missing:
                out.failed(error)

            async def records(host: str) -> AsyncGenerator[LogRecord | Gap, None]:
                try:
                    async with aclosing(read_journal(view.fleet.transport(host), query)) as found:
                        async for record in found:
                            yield record
                except HostError as error:
                    out.failed(error)

            streams = [records(host.name) for host in view.hosts() if host.name not in missing]
            for stream in streams:
                await reading.enter_async_context(aclosing(stream))
            newest = deque[LogRecord | Gap](maxlen=lines)
            with out.listing(LOG) as add:
                async for record in merged(streams):
                    if lines is None:
                        add(record)
                    else:
                        newest.append(record)
                for record in newest:
                    add(record)


@dataclass(frozen=True)
class LogFollow(_Journal):
    """Follow the journals of the selected hosts, each host's lines in its own order.

    Begins with the newest 10, or with `--lines` or `--since`. What a host lost, or we could not
    see, is a line that says so.
    """

    words = ("log", "follow")

    async def run(self, core: Core, out: Output) -> None:
        lines = self.lines
        if lines is None and self.since is None:
            lines = _DEFAULT_TAIL
        wants = Wants(units=False, containers=False, os=False, journal=self.query(lines=lines))
        async with core.observe(self.on, wants, wait=False) as view:
            await self._follow(view, out)

    async def _follow(self, view: View, out: Output) -> None:
        model = view.fleet.model
        feed = model.feed(logs=None)
        told: dict[str, str] = {}
        try:
            while True:
                batch = await feed.batch(pause=0)
                for record in batch.logs:
                    if view.includes(record.host):
                        out.put(LOG, record)
                for name in sorted(batch.hosts):
                    host = model.host(name)
                    status = host.sources.get(Source.JOURNAL, host.status)
                    if status.reason and told.get(name) != status.reason and view.includes(name):
                        out.note(f"{name}: {status.state}: {status.reason}")
                    told[name] = status.reason or ""
        finally:
            model.leave(feed)


COMMANDS: tuple[type[Command], ...] = (LogShow, LogFollow)
