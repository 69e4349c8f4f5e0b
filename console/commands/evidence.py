"""`fleet evidence`: what an incident looked like, in one archive.

NAME/about.json                 when, which hosts, and what could not be read
NAME/hosts.json                 every host's row; NAME/troubles.json what was wrong, worst first
NAME/HOST/units.json            every unit; NAME/HOST/containers.json every container
NAME/HOST/units/UNIT.json       all properties of each unit that ails
NAME/HOST/containers/NAME.json  inspect of each container
NAME/HOST/journal.jsonl         warnings and worse, and all that ailing units said
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.commands import clock
from console.commands.archive import Archive, archive_at, file_name
from console.commands.asking import ask_each
from console.commands.command import Command, option
from console.commands.container import engine_of
from console.commands.parameters import OnHosts
from console.commands.picture import take
from console.commands.rows import CONTAINER, HOST_DETAIL, LOG, UNIT, plain
from console.commands.troubles import TROUBLE
from console.commands.unit import manager_of
from console.commands.values import INTEGER, PATH, SECONDS_OR_TIME
from console.errors import HostError, UsageError
from console.model.log import Gap, LogQuery, LogRecord
from console.model.wants import Wants

if TYPE_CHECKING:
    from console.commands.core import Core, View
    from console.commands.output import Output

_SINCE_S = 3600.0
_LINES = 20_000


@dataclass(frozen=True)
class FleetEvidence(OnHosts):
    """Put what an incident looks like now into one archive: states, failures, containers, journals.

    Nothing is changed on any host. The archive (.tar.gz) can be read by you alone: what containers
    were given in their environment stands in it. What could not be read is listed in its about.json.
    """

    words = ("fleet", "evidence")
    to: Path | None = option(PATH, "the archive to write: NAME.tar.gz; it must not be there yet")
    since: Any = option(
        SECONDS_OR_TIME, "journals from then on: 10m, or a time (default 1h)", default=_SINCE_S
    )
    lines: int = option(
        INTEGER, f"at most so many journal lines a host (default {_LINES})", short="-n", default=_LINES
    )

    async def run(self, core: Core, out: Output) -> None:
        if self.to is None:
            raise UsageError("fleet evidence: say where to", hint="--to FILE.tar.gz")
        async with archive_at(self.to.expanduser()) as archive, core.observe(self.on, Wants()) as view:
            missing = await self._gather(core, view, archive)
        for problem in missing:
            out.failed(problem)
        out.note(f"{archive.path}: {archive.count} files, {archive.size} bytes")

    async def _gather(self, core: Core, view: View, archive: Archive) -> list[HostError]:
        model = view.fleet.model
        hosts = list(view.hosts())
        failed: list[HostError] = list(view.missing)
        await archive.rows("hosts.json", (HOST_DETAIL.fields(host) for host in hosts))
        picture = take(core.config.name, model, hosts)
        await archive.rows("troubles.json", (TROUBLE.fields(trouble) for trouble in picture.troubles))
        away = {error.host for error in view.missing}
        names = [host.name for host in hosts if host.name not in away]

        async def one(host: str) -> None:
            await self._host(view, host, archive, failed.append)

        await ask_each(names, one, failed.append)
        await archive.json(
            "about.json",
            {
                "time": plain(clock.now()),
                "fleet": core.config.name,
                "hosts": [host.name for host in hosts],
                "since": self.since if isinstance(self.since, float) else plain(self.since),
                "not_read": [str(error) for error in failed],
            },
        )
        return failed

    async def _host(
        self, view: View, host: str, archive: Archive, failed: Callable[[HostError], None]
    ) -> None:
        model = view.fleet.model
        units = sorted(model.units(host), key=UNIT.sort)
        await archive.rows(f"{host}/units.json", (UNIT.fields(unit) for unit in units))
        containers = sorted(model.containers(host), key=CONTAINER.sort)
        await archive.rows(f"{host}/containers.json", (CONTAINER.fields(one) for one in containers))
        ailing = sorted(unit.name for unit in model.ailing_units(host))
        for name in ailing:
            try:
                properties = await manager_of(view, host).properties(name)
                await archive.json(f"{host}/units/{file_name(name)}.json", properties)
            except HostError as error:
                failed(error)
        for container in containers:
            try:
                found = await engine_of(view, container).inspect(container.id)
                await archive.json(f"{host}/containers/{file_name(container.name)}.json", found)
            except HostError as error:
                failed(error)
        try:
            await archive.rows(f"{host}/journal.jsonl", await self._journal(view, host, ailing), by_line=True)
        except HostError as error:
            failed(error)

    async def _journal(self, view: View, host: str, units: list[str]) -> list[dict[str, Any]]:
        """Warnings and worse, and all that the units said, each record once, oldest first."""
        queries = [LogQuery(priority=4, since=self.since, lines=self.lines)]
        if units:
            queries.append(LogQuery(units=tuple(units), since=self.since, lines=self.lines))
        found: dict[str, LogRecord | Gap] = {}
        for query in queries:
            async with aclosing(_read(view, host, query)) as records:
                async for record in records:
                    found[record.cursor if isinstance(record, LogRecord) else f"gap {len(found)}"] = record
        return [LOG.fields(record) for record in sorted(found.values(), key=_when)[-self.lines :]]


def _read(view: View, host: str, query: LogQuery) -> AsyncGenerator[LogRecord | Gap, None]:
    from console.hosts.journal import read_journal

    return read_journal(view.fleet.transport(host), query)


def _when(record: LogRecord | Gap) -> datetime:
    return record.time


COMMANDS: tuple[type[Command], ...] = (FleetEvidence,)
