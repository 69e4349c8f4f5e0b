"""The journals of the selected hosts, read side by side for one command."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from console.commands.command import option, switch
from console.commands.parameters import OnHosts
from console.commands.rows import LOG, LOG_IN_COLOR, RowKind
from console.commands.values import INTEGER, PRIORITY, SECONDS_OR_TIME, TEXT
from console.errors import HostError
from console.model.log import LogItem, LogQuery, LogRecord
from console.model.wants import Wants

if TYPE_CHECKING:
    from console.commands.core import Core, View
    from console.commands.merging import Dated
    from console.commands.output import Output
    from console.hosts.journalctl import Journalctl

#: What reading journals wants of a host: to be connected.
CONNECTED = Wants(units=False, containers=False, os=False)


@dataclass(frozen=True)
class OnJournals(OnHosts):
    """The filters that every look at journals has."""

    unit: tuple[str, ...] = option(TEXT, "only of this unit (again for more)", short="-u", many=True)
    container: tuple[str, ...] = option(TEXT, "only of this container (again for more)", many=True)
    image: tuple[str, ...] = option(TEXT, "only of containers of this image (docker's say it)", many=True)
    identifier: tuple[str, ...] = option(TEXT, "only of this syslog identifier", short="-t", many=True)
    priority: int | None = option(PRIORITY, "this priority and the more urgent ones", short="-p")
    since: float | datetime | None = option(SECONDS_OR_TIME, "from then on: 10m, or a time", short="-S")
    boot: str | None = option(TEXT, "of one boot: 0 this one, -1 the one before, or its id", short="-b")
    grep: str | None = option(TEXT, "only messages that hold this text", short="-g")
    lines: int | None = option(INTEGER, "the newest so many", short="-n")

    def query(self, **more: Any) -> LogQuery:
        """The filters as a query of one host's journal."""
        asked = LogQuery(
            units=self.unit,
            containers=self.container,
            images=self.image,
            identifiers=self.identifier,
            priority=self.priority,
            since=self.since,
            boot=self.boot,
            grep=self.grep,
            lines=self.lines,
        )
        return replace(asked, **more)


@dataclass(frozen=True)
class LookingBack(OnJournals):
    """A look at what is there."""

    until: float | datetime | None = option(SECONDS_OR_TIME, "up to then: 5m, or a time", short="-U")

    def query(self, **more: Any) -> LogQuery:
        return super().query(until=self.until, **more)


@dataclass(frozen=True)
class InColor(OnJournals):
    """Lines for a person."""

    keep_color: bool = switch("with the colours that messages were written in, on a terminal that has them")

    @property
    def row_kind(self) -> RowKind[LogItem]:
        return LOG_IN_COLOR if self.keep_color else LOG


@asynccontextmanager
async def reading(core: Core, command: OnJournals, out: Output) -> AsyncIterator[tuple[View, list[str]]]:
    """The hosts that a command is about and that answer; those that do not are told."""
    async with core.observe(command.on, CONNECTED) as view:
        missing = {error.host for error in view.missing}
        for error in view.missing:
            out.failed(error)
        yield view, [host.name for host in view.hosts() if host.name not in missing]


#: Asks one host's open journal.
Ask = Callable[["Journalctl"], AsyncGenerator[LogRecord, None]]


@asynccontextmanager
async def streams(
    view: View, hosts: list[str], ask: Ask, failed: Callable[[HostError], None]
) -> AsyncIterator[list[AsyncGenerator[Dated, None]]]:
    """The answer of each host, dated by our clock: the host's time less the offset of its clock.

    :param failed: told of a host that cannot go on; the others do.
    """
    from console.hosts.journalctl import Journalctl

    async def records(host: str) -> AsyncGenerator[Dated, None]:
        try:
            journal = await Journalctl.open(view.fleet.transport(host))
            offset = timedelta(seconds=journal.clock_offset_s)
            async with aclosing(ask(journal)) as found:
                async for record in found:
                    yield record.time - offset, record
        except HostError as error:
            failed(error)

    async with AsyncExitStack() as stack:
        opened = [records(host) for host in hosts]
        for stream in opened:
            await stack.enter_async_context(aclosing(stream))
        yield opened
