"""`audit …`: what was done from here, by whom, and the way back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from console.actions.audit import Record
from console.actions.audit_file import Trail, read_records
from console.commands import clock
from console.commands.command import Command, argument, option, switch
from console.commands.rows.change import RECORD, RECORD_DETAIL
from console.commands.values import INTEGER, SECONDS_OR_TIME
from console.errors import NothingSelected

if TYPE_CHECKING:
    from console.commands.core import Core
    from console.commands.output import Output

#: How often the file is looked at for more, in seconds.
_LOOK_EVERY_S = 0.5


def records(core: Core, out: Output) -> list[Record]:
    """What the state folder has, oldest first; a line that is none is told."""
    found, problems = read_records(core.state_folder)
    for problem in problems:
        out.note(str(problem))
    return found


def since(begin: float | datetime | None, found: list[Record]) -> list[Record]:
    """The records of then or later. `begin`: a time, or so many seconds ago."""
    if begin is None:
        return found
    at = begin if isinstance(begin, datetime) else clock.now() - timedelta(seconds=begin)
    return [record for record in found if record.time >= at]


@dataclass(frozen=True)
class AuditList(Command):
    """List what was done from here: each write, and each that was refused."""

    words = ("audit", "list")
    since: Any = option(SECONDS_OR_TIME, "from then on: 10m, or 2026-11-23T21:00")
    last: int | None = option(INTEGER, "only so many of the newest", short="-n")

    async def run(self, core: Core, out: Output) -> None:
        found = since(self.since, records(core, out))
        out.rows(RECORD, found[-self.last :] if self.last else found)


@dataclass(frozen=True)
class AuditShow(Command):
    """Show records whole: who, from where, the line, what became of each target, what undoes it."""

    words = ("audit", "show")
    ids: tuple[str, ...] = argument("ID", "of records; the newest if left out", many=True)

    async def run(self, core: Core, out: Output) -> None:
        out.rows(RECORD_DETAIL, chosen(records(core, out), self.ids))


@dataclass(frozen=True)
class AuditTail(Command):
    """Show the newest records, and go on with each that comes."""

    words = ("audit", "tail")
    last: int = option(INTEGER, "begin with so many (default 10)", short="-n", default=10)
    no_follow: bool = switch("end with the newest")

    async def run(self, core: Core, out: Output) -> None:
        trail = Trail(core.state_folder)
        trail.look()
        for record in list(trail.records.values())[-self.last :] if self.last else []:
            out.put(RECORD, record)
        while True:
            for problem in trail.problems():
                out.note(str(problem))
            if self.no_follow:
                return
            await asyncio.sleep(_LOOK_EVERY_S)
            for record in trail.look():
                out.put(RECORD, record)


def chosen(found: list[Record], ids: tuple[str, ...]) -> list[Record]:
    """The records of some ids, in the order asked for; the newest without any.

    :raises NothingSelected: one is not there.
    """
    by_id = {record.id: record for record in found}
    missing = [name for name in ids if name not in by_id]
    if missing or not found:
        raise NothingSelected(
            f"no audit record {', '.join(missing)}".rstrip(), hint="`quarterdeck audit list` has them"
        )
    return [by_id[name] for name in ids] if ids else found[-1:]


COMMANDS: tuple[type[Command], ...] = (AuditList, AuditShow, AuditTail)
