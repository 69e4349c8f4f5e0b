"""`audit …`: what was done from here, by whom, and the way back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from console.actions.audit import DONE, FAILED, INTERRUPTED, REFUSED, Record
from console.actions.audit_file import Trail, read_records
from console.commands import clock
from console.commands.command import Command, argument, option, switch
from console.commands.rows.change import RECORD, RECORD_DETAIL
from console.commands.values import INTEGER, SECONDS_OR_TIME
from console.errors import NothingSelected, StoreError

if TYPE_CHECKING:
    from console.commands.core import Core
    from console.commands.output import Output
    from console.fleet.memory import Memory

#: How often the file is looked at for more, in seconds.
_LOOK_EVERY_S = 0.5

#: Outcomes after which nothing more comes of a record.
_ENDED = (DONE, FAILED, REFUSED, INTERRUPTED)


async def records(
    core: Core, told: Callable[[str], None], begin: float | datetime | None = None
) -> list[Record]:
    """What the state folder has, and all consoles of the fleet in etcd, oldest first.

    :param told: takes what is no record, and that etcd does not answer.
    :param begin: only those of then or later: a time, or so many seconds ago.
    """
    at = begin if begin is None or isinstance(begin, datetime) else clock.now() - timedelta(seconds=begin)
    found, problems = await asyncio.to_thread(read_records, core.state_folder)
    for problem in problems:
        told(str(problem))
    if core.memory is not None:
        from console.actions.audit_etcd import merged
        from console.actions.audit_etcd import read_records as read_from_etcd

        try:
            theirs, wrong = await read_from_etcd(core.memory.etcd, at)
        except StoreError as error:
            told(f"{error}; shown is what was done from here")
        else:
            for text in wrong:
                told(text)
            found = merged(found, theirs)
    return found if at is None else [record for record in found if record.time >= at]


@dataclass(frozen=True)
class AuditList(Command):
    """List what was done: each write, and each that was refused; by all consoles that share an etcd."""

    words = ("audit", "list")
    since: Any = option(SECONDS_OR_TIME, "from then on: 10m, or 2026-11-23T21:00")
    last: int | None = option(INTEGER, "only so many of the newest", short="-n")

    async def run(self, core: Core, out: Output) -> None:
        found = await records(core, out.note, self.since)
        out.rows(RECORD, found[-self.last :] if self.last else found)


@dataclass(frozen=True)
class AuditShow(Command):
    """Show records whole: who, from where, the line, what became of each target, what undoes it."""

    words = ("audit", "show")
    ids: tuple[str, ...] = argument("ID", "of records; the newest if left out", many=True)

    async def run(self, core: Core, out: Output) -> None:
        out.rows(RECORD_DETAIL, chosen(await records(core, out.note), self.ids))


@dataclass(frozen=True)
class AuditTail(Command):
    """Show the newest records, and go on with each that comes."""

    words = ("audit", "tail")
    last: int = option(INTEGER, "begin with so many (default 10)", short="-n", default=10)
    no_follow: bool = switch("end with the newest")

    async def run(self, core: Core, out: Output) -> None:
        found = await records(core, out.note)
        for record in found[-self.last :] if self.last else []:
            out.put(RECORD, record)
        if self.no_follow:
            return
        known = {record.id: record.outcome for record in found}
        coming: asyncio.Queue[Record] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            group.create_task(_from_file(core, out, coming))
            if core.memory is not None:
                group.create_task(_from_etcd(core.memory, out, coming))
            while True:
                record = await coming.get()
                # What this user's consoles do comes twice: from the file, and from etcd.
                if known.get(record.id, "") not in (record.outcome, *_ENDED):
                    known[record.id] = record.outcome
                    out.put(RECORD, record)


async def _from_file(core: Core, out: Output, coming: asyncio.Queue[Record]) -> None:
    trail = Trail(core.state_folder)
    trail.look()
    trail.problems()  # told already
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        for record in trail.look():
            coming.put_nowait(record)
        for problem in trail.problems():
            out.note(str(problem))


async def _from_etcd(memory: Memory, out: Output, coming: asyncio.Queue[Record]) -> None:
    from console.actions.audit_etcd import follow_records

    try:
        async for record in follow_records(memory.etcd):
            coming.put_nowait(record)
    except StoreError as error:
        out.note(f"{error}; shown is what is done from here")


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
