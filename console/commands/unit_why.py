"""`unit why`: what a unit waits for, what failed, and its last words."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from console.commands.command import Command, option
from console.commands.rows.why import UNIT_WHY, UnitWhy
from console.commands.unit import AboutUnits
from console.commands.values import INTEGER
from console.errors import HostError
from console.model.log import LogQuery, LogRecord
from console.model.unit_facts import UnitFacts

if TYPE_CHECKING:
    from console.commands.core import Core, View
    from console.commands.output import Output
    from console.hosts.manager import SystemdManager

#: How a main process ends, by `ExecMainCode`: CLD_EXITED, CLD_KILLED, CLD_DUMPED of waitid(2).
_EXITED, _KILLED, _DUMPED = 1, 2, 3

#: More of the journal than this is not read for the last words of one start.
_LAST = 10


@dataclass(frozen=True)
class UnitWhyShow(AboutUnits):
    """Tell why a unit is as it is: what it waits for, what it needs that failed, its last lines."""

    words = ("unit", "why")
    lines: int = option(INTEGER, f"so many of its last lines (default {_LAST})", short="-n", default=_LAST)

    async def run(self, core: Core, out: Output) -> None:
        async def why(view: View, manager: SystemdManager, name: str) -> UnitWhy:
            return await explain(view, manager, name, self.lines)

        out.rows(UNIT_WHY, await self.answers(core, out, why))


async def explain(view: View, manager: SystemdManager, name: str, lines: int = _LAST) -> UnitWhy:
    """The account of one unit.

    :raises HostError: the host does not say.
    """
    values = await manager.properties(name)
    facts: dict[str, UnitFacts] = {}
    needed = [*_names(values, "Requires"), *_names(values, "BindsTo"), *_names(values, "Requisite")]
    before = _names(values, "After")
    await manager.facts(dict.fromkeys((*needed, *before)), facts.__setitem__)
    job = await manager.job_of(name)
    states = {unit.name: unit for unit in view.fleet.model.units(manager.host)}
    notes = []
    last: tuple[LogRecord, ...] = ()
    try:
        last = await _last_words(view, manager.host, name, lines)
    except HostError as error:
        notes.append(f"its journal cannot be read: {error.message}")
    if values.get("NeedDaemonReload"):
        notes.append("its file has changed since systemd read it (daemon-reload)")
    return UnitWhy(
        manager.host,
        name,
        f"{values.get('ActiveState', '?')} ({values.get('SubState', '?')})",
        str(values.get("Result") or ""),
        job,
        {other: facts[other].says for other in before if other in facts and _changes(facts[other])}
        if job
        else {},
        {other: _lack(facts.get(other)) for other in dict.fromkeys(needed) if _lacks(facts.get(other))},
        _process(values),
        _condition(values),
        _restarts(values),
        tuple(notes),
        last,
        states.get(name),
    )


def _names(values: Mapping[str, Any], member: str) -> list[str]:
    names = values.get(member)
    return [str(name) for name in names] if isinstance(names, list) else []


def _changes(facts: UnitFacts) -> bool:
    return facts.active in ("activating", "deactivating", "reloading")


def _lacks(facts: UnitFacts | None) -> bool:
    return facts is None or facts.load not in ("loaded", "masked") or facts.active == "failed" or not facts.up


def _lack(facts: UnitFacts | None) -> str:
    if facts is None:
        return "not there"
    return facts.says if facts.load == "loaded" else f"{facts.load}, {facts.says}"


def _process(values: Mapping[str, Any]) -> str | None:
    code, status = values.get("ExecMainCode"), values.get("ExecMainStatus")
    if code == _EXITED and status:
        return f"exited {status}"
    if code in (_KILLED, _DUMPED) and isinstance(status, int):
        known = {number.value: number.name for number in signal.Signals}
        dumped = ", core dumped" if code == _DUMPED else ""
        return f"killed by {known.get(status, f'signal {status}')}{dumped}"
    return None


def _condition(values: Mapping[str, Any]) -> str | None:
    """The first condition or assertion that did not hold the last time: `ConditionPathExists=/x`."""
    for member in ("Conditions", "Asserts"):
        for entry in values.get(member) or ():
            # (type, is a trigger, is negated, parameter, state): negative where it did not hold.
            if isinstance(entry, list) and len(entry) == 5 and isinstance(entry[4], int) and entry[4] < 0:
                return f"{entry[0]}={'!' if entry[2] else ''}{entry[3]} does not hold"
    return None


def _restarts(values: Mapping[str, Any]) -> str | None:
    count = values.get("NRestarts")
    if not count:
        return None
    gave_up = values.get("ActiveState") == "failed" and values.get("Restart") not in (None, "no")
    return f"{count}, and systemd gave up" if gave_up else str(count)


async def _last_words(view: View, host: str, name: str, lines: int) -> tuple[LogRecord, ...]:
    from console.hosts.journal import read_journal

    if not lines:
        return ()
    query = LogQuery(units=(name,), lines=lines)
    found: list[LogRecord] = []
    async with aclosing(read_journal(view.fleet.transport(host), query)) as records:
        async for record in records:
            if isinstance(record, LogRecord):
                found.append(record)
    return tuple(found)


COMMANDS: tuple[type[Command], ...] = (UnitWhyShow,)
