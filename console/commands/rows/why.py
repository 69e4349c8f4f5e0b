"""Why a unit is as it is: what it waits for, what failed, its last words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.commands.rows.base import Cell, RowKind, Tone, moment, plain
from console.commands.rows.unit import unit_health_cell
from console.model.log import LogRecord
from console.model.text import clean
from console.model.unit import Unit


@dataclass(frozen=True, slots=True)
class UnitWhy:
    """The account of one unit on one host.

    :param job: systemd's word for the job that waits or runs: start, stop, …; None without one.
    :param waits_for: units that it comes after and that have jobs of their own.
    :param failed: units it cannot do without that have failed, or are not there.
    :param process: how its main process ended, where it did: `exited 1`, `killed by signal 9`.
    """

    host: str
    name: str
    state: str
    result: str
    job: str | None
    waits_for: Mapping[str, str]
    failed: Mapping[str, str]
    process: str | None
    condition: str | None
    restarts: str | None
    notes: tuple[str, ...]
    last: tuple[LogRecord, ...]
    unit: Unit | None


def _fields(why: UnitWhy) -> dict[str, Any]:
    return {
        "host": why.host,
        "name": why.name,
        "state": why.state,
        "result": why.result or None,
        "job": why.job,
        "waits_for": dict(why.waits_for),
        "failed": dict(why.failed),
        "process": why.process,
        "condition": why.condition,
        "restarts": why.restarts,
        "notes": list(why.notes),
        "last": [{"time": moment(record.time), "message": plain(record.message)} for record in why.last],
    }


def _lines(why: UnitWhy) -> list[tuple[Cell, ...]]:
    health = unit_health_cell(why.unit) if why.unit else Cell("○ not loaded", Tone.FAINT)
    lines: list[tuple[Cell, ...]] = [(Cell(f"{why.host}  {why.name}", Tone.GOOD), health, Cell(why.state))]

    def told(title: str, text: str | None, tone: Tone = Tone.PLAIN) -> None:
        if text:
            lines.append((Cell(f"  {title:<12}", Tone.FAINT), Cell(clean(text), tone)))

    told("result", None if why.result == "success" else why.result, Tone.BAD)
    told("process", why.process, Tone.BAD)
    told("restarts", why.restarts, Tone.WARN)
    told("condition", why.condition, Tone.WARN)
    told("job", f"{why.job}, not ended" if why.job else None, Tone.WARN)
    for name, state in why.waits_for.items():
        told("waits for", f"{name}: {state}", Tone.WARN)
    for name, state in why.failed.items():
        told("needs", f"{name}: {state}", Tone.BAD)
    for note in why.notes:
        told("note", note)
    for record in why.last:
        lines.append(
            (Cell(f"  {record.time:%H:%M:%S}    ", Tone.FAINT), Cell(clean(record.message or "", 400)))
        )
    return lines


UNIT_WHY: RowKind[UnitWhy] = RowKind(
    "unit", lambda why: (why.host, why.name), _fields, (), lambda why: (why.host, why.name), _lines
)
