"""How a unit is written out: its row, all of its properties, its file, its relations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from console.commands.rows.base import (
    Cell,
    Column,
    RowKind,
    Tone,
    block,
    moment,
    plain,
    since_cell,
    worst_first,
)
from console.model.text import clean
from console.model.unit import RELATIONS, Health, Unit, UnitDependencies

_HEALTH_TONES = {
    Health.OK: Tone.GOOD,
    Health.CHANGING: Tone.WARN,
    Health.RECOVERING: Tone.WARN,
    Health.FLAPPING: Tone.WARN,
    Health.FAILED: Tone.BAD,
    Health.GAVE_UP: Tone.BAD,
}


def _fields(unit: Unit) -> dict[str, Any]:
    return {
        "host": unit.host,
        "name": unit.name,
        "load": unit.load,
        "active": unit.active,
        "sub": unit.sub,
        "result": unit.result,
        "restarts": unit.restarts,
        "since": moment(unit.since),
        "description": unit.description,
        "health": unit.health.value,
    }


def unit_health_cell(unit: Unit) -> Cell:
    """A unit's health; one at rest by intention is neither good nor bad."""
    if unit.health is Health.OK and unit.active != "active":
        return Cell.state(unit.active, Tone.FAINT)
    return Cell.state(unit.health, _HEALTH_TONES[unit.health])


UNIT: RowKind[Unit] = RowKind(
    "unit",
    lambda unit: (unit.host, unit.name),
    _fields,
    (
        Column("HOST", lambda unit: unit.host, 9, width=12),
        Column("UNIT", lambda unit: unit.name, 9, shrink=True, width=36, least=20),
        Column(
            "HEALTH", unit_health_cell, 8, width=12, order=lambda unit: worst_first(unit_health_cell(unit))
        ),
        Column("ACTIVE", lambda unit: unit.active, 6, width=12),
        Column("SUB", lambda unit: unit.sub, 5, width=12),
        Column(
            "RESTARTS",
            lambda unit: "" if unit.restarts is None else str(unit.restarts),
            3,
            right=True,
            width=8,
        ),
        Column(
            "SINCE",
            lambda unit: since_cell(unit.since),
            7,
            right=True,
            width=7,
            order=lambda unit: unit.since,
            ticks=True,
        ),
        Column("LOAD", lambda unit: unit.load, 2, width=9),
        Column(
            "DESCRIPTION",
            lambda unit: Cell(unit.description, Tone.FAINT),
            1,
            shrink=True,
            width=30,
            least=14,
        ),
    ),
    lambda unit: (unit.host, unit.name),
)


@dataclass(frozen=True, slots=True)
class UnitDetail:
    """A unit with every property systemd has for it. Times are microseconds, as systemd gives them."""

    host: str
    name: str
    properties: Mapping[str, Any]


#: What a person wants of the several hundred, in this order; scripts get all.
_TOLD = (
    "Description", "LoadState", "ActiveState", "SubState", "Result", "NRestarts", "UnitFileState",
    "FragmentPath", "DropInPaths", "MainPID", "ExecMainCode", "ExecMainStatus", "StatusText", "Restart",
    "MemoryCurrent", "TasksCurrent", "CPUUsageNSec", "ControlGroup", "InvocationID",
    "Requires", "Wants", "BindsTo", "PartOf", "Conflicts", "RequiredBy", "WantedBy", "BoundBy",
    "ConsistsOf", "TriggeredBy", "Triggers", "Documentation",
)  # fmt: skip
_UNSET = 2**64 - 1


def _told(detail: UnitDetail) -> dict[str, Any]:
    known = detail.properties
    return {name: known[name] for name in _TOLD if name in known and known[name] != _UNSET}


UNIT_DETAIL: RowKind[UnitDetail] = RowKind(
    "unit",
    lambda detail: (detail.host, detail.name),
    lambda detail: {"host": detail.host, "name": detail.name, "properties": plain(detail.properties)},
    (),
    lambda detail: (detail.host, detail.name),
    lambda detail: block(f"{detail.host}  {detail.name}", _told(detail)),
)


@dataclass(frozen=True, slots=True)
class UnitFile:
    """The text of a unit's file and its drop-ins, as `systemctl cat` gives it."""

    host: str
    name: str
    text: str


UNIT_FILE: RowKind[UnitFile] = RowKind(
    "unit",
    lambda file: (file.host, file.name),
    plain,
    (),
    lambda file: (file.host, file.name),
    lambda file: [
        (Cell(f"# {file.host}  {file.name}", Tone.GOOD),),
        *((Cell(clean(line) or " "),) for line in file.text.splitlines()),
    ],
)


@dataclass(frozen=True, slots=True)
class UnitDeps:
    """A unit's relations, and the present state of those it has relations to."""

    dependencies: UnitDependencies
    states: Mapping[str, Unit]


def _deps_fields(deps: UnitDeps) -> dict[str, Any]:
    return {field.name: plain(getattr(deps.dependencies, field.name)) for field in fields(deps.dependencies)}


def _deps_text(deps: UnitDeps) -> list[tuple[Cell, ...]]:
    own = deps.dependencies
    lines: list[tuple[Cell, ...]] = [(Cell(f"{own.host}  {own.name}", Tone.GOOD),)]
    for relation, title in RELATIONS.items():
        for number, name in enumerate(getattr(own, relation)):
            unit = deps.states.get(name)
            state = unit_health_cell(unit) if unit else Cell("○ not loaded", Tone.FAINT)
            lines.append(
                (Cell(f"  {title if number == 0 else '':<22}", Tone.FAINT), Cell(f"{name:<40}"), state)
            )
    return lines


UNIT_DEPS: RowKind[UnitDeps] = RowKind(
    "unit",
    lambda deps: (deps.dependencies.host, deps.dependencies.name),
    _deps_fields,
    (),
    lambda deps: (deps.dependencies.host, deps.dependencies.name),
    _deps_text,
)
