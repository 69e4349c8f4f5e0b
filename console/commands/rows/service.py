"""Services, their instances, and why one is where it is: for scripts and for people."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from console.commands.rows.base import Cell, Column, RowKind, Tone, moment, since_cell
from console.commands.rows.lease import lease_cells, lease_fields
from console.model.text import clean

if TYPE_CHECKING:
    from console.engine.service_states import Instance
    from console.placement.outcome import Verdict

_TONES = {
    "running": Tone.GOOD,
    "starting": Tone.WARN,
    "stopped": Tone.FAINT,
    "moving": Tone.WARN,
    "placed": Tone.WARN,
    "pending": Tone.WARN,
    "failing": Tone.WARN,
    "lost": Tone.BAD,
    "failed": Tone.BAD,
}

#: So many hosts are named in a list.
_HOSTS = 4


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """A service as it is to be, and its instances as they are.

    :param replicas: how many instances it has; None if one on every host that will have it.
    """

    name: str
    revision: int
    desired: str
    replicas: int | None
    instances: tuple[Instance, ...]


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """One revision of a service; `current` is the one that is to run."""

    service: str
    revision: int
    time: datetime
    by: str
    line: str
    current: bool


@dataclass(frozen=True, slots=True)
class ServiceText:
    """The unit file of one revision, byte for byte."""

    name: str
    revision: int
    text: str


@dataclass(frozen=True, slots=True)
class ServiceWhy:
    """What each host is to one instance. `now` says in words what it is."""

    instance: str
    now: str
    verdicts: tuple[Verdict, ...]


def instance_fields(one: Instance) -> dict[str, Any]:
    """An instance as scripts get it."""
    return {
        "name": one.name,
        "host": one.host,
        "state": one.state.value,
        "revision": one.revision,
        "reason": one.reason or None,
        "lease": lease_fields(one.lease),
    }


def service_fields(row: ServiceRow) -> dict[str, Any]:
    """A service as scripts get it."""
    return {
        "name": row.name,
        "revision": row.revision,
        "desired": row.desired,
        "replicas": row.replicas,
        "instances": [instance_fields(one) for one in row.instances],
    }


def instance_cell(one: Instance) -> Cell:
    """The state of an instance."""
    return Cell.state(one.state.value, _TONES[one.state.value])


def service_cell(row: ServiceRow) -> Cell:
    """How a service is as a whole: how many of its instances are what, the worst giving the tone."""
    counts = Counter(one.state.value for one in row.instances)
    if not counts:
        return Cell.state("nowhere", Tone.FAINT)
    told = ", ".join(f"{counts[state]} {state}" for state in _TONES if counts[state])
    tones = {_TONES[state] for state in counts}
    worst = next(tone for tone in (Tone.BAD, Tone.WARN, Tone.GOOD, Tone.FAINT) if tone in tones)
    return Cell.state(told, worst)


def _wants(row: ServiceRow) -> str:
    return "every" if row.replicas is None else str(row.replicas)


def _hosts(row: ServiceRow) -> str:
    names = list(dict.fromkeys(one.host for one in row.instances if one.host and one.revision is not None))
    more = f" +{len(names) - _HOSTS}" if len(names) > _HOSTS else ""
    return clean(",".join(names[:_HOSTS])) + more


def _reason(row: ServiceRow) -> str:
    told = next((f"{one.name}: {one.reason}" for one in row.instances if one.reason), "")
    return clean(told)


SERVICE: RowKind[ServiceRow] = RowKind(
    "service",
    lambda row: (row.name,),
    service_fields,
    (
        Column("SERVICE", lambda row: clean(row.name), 9, width=24),
        Column("DESIRED", lambda row: row.desired, 8, width=8),
        Column("STATE", service_cell, 9, width=22),
        Column("REV", lambda row: str(row.revision), 6, right=True, width=4),
        Column(
            "WANTS",
            lambda row: "every" if row.replicas is None else str(row.replicas),
            5,
            right=True,
            width=5,
        ),
        Column("HOSTS", lambda row: Cell(_hosts(row), Tone.FAINT), 7, shrink=True, width=24, least=12),
        Column("REASON", lambda row: Cell(_reason(row), Tone.FAINT), 6, shrink=True, width=40, least=16),
    ),
    lambda row: row.name,
)


def _detail_lines(row: ServiceRow) -> list[tuple[Cell, ...]]:
    wants = "one on every host" if row.replicas is None else f"{row.replicas} wanted"
    lines: list[tuple[Cell, ...]] = [
        (Cell(clean(row.name), Tone.GOOD), Cell(f"{row.desired}, revision {row.revision}, {wants}"))
    ]
    for one in row.instances:
        unit = f"{one.unit.active} ({one.unit.sub})" if one.unit else ""
        age = since_cell(one.unit.since) if one.unit else Cell("")
        revision = "" if one.revision in (None, row.revision) else f"revision {one.revision}"
        lines.append(
            (
                Cell(f"  {clean(one.name):<28}"),
                Cell(f"{clean(one.host or '–'):<16}"),
                instance_cell(one),
                Cell(clean(unit), Tone.FAINT),
                age,
                Cell(revision, Tone.WARN),
                Cell(clean(one.reason), Tone.FAINT),
                *(lease_cells(one.lease) if one.lease else ()),
            )
        )
    return lines


SERVICE_DETAIL: RowKind[ServiceRow] = RowKind(
    "service", SERVICE.key, service_fields, (), SERVICE.sort, _detail_lines
)

_AGO: Column[RevisionRow] = Column(
    "AGO",
    lambda row: since_cell(row.time),
    8,
    right=True,
    width=7,
    order=lambda row: row.time,
    ticks=True,
)

REVISION: RowKind[RevisionRow] = RowKind(
    "revision",
    lambda row: (row.service, str(row.revision)),
    lambda row: {
        "service": row.service,
        "revision": row.revision,
        "time": moment(row.time),
        "by": row.by,
        "line": row.line,
        "current": row.current,
    },
    (
        Column("REV", lambda row: str(row.revision), 9, right=True, width=4),
        Column("", lambda row: Cell.state("current", Tone.GOOD) if row.current else Cell(""), 8, width=9),
        _AGO,
        Column("WHO", lambda row: clean(row.by), 7, shrink=True, width=16),
        Column("LINE", lambda row: clean(row.line), 9, shrink=True, width=40, least=20),
    ),
    lambda row: (row.service, row.revision),
)

SERVICE_TEXT: RowKind[ServiceText] = RowKind(
    "service",
    lambda one: (one.name,),
    lambda one: {"name": one.name, "revision": one.revision, "unit": one.text},
    (),
    lambda one: one.name,
    lambda one: [(Cell(line),) for line in one.text.removesuffix("\n").split("\n")],
)


def _why_fields(why: ServiceWhy) -> dict[str, Any]:
    from console.placement.records import why_to_json

    return why_to_json(why.instance, why.verdicts)


_VERDICT_TONES = {"placed": Tone.GOOD, "fits": Tone.PLAIN, "excluded": Tone.FAINT}


def _best_first(one: Verdict) -> tuple[bool, bool, int, str]:
    return one.verdict != "placed", one.score is None, -(one.score or 0), one.host


def _why_lines(why: ServiceWhy) -> list[tuple[Cell, ...]]:
    lines: list[tuple[Cell, ...]] = [(Cell(clean(why.instance), Tone.GOOD), Cell(clean(why.now)))]
    best = sorted(
        why.verdicts,
        key=_best_first,
    )
    for one in best:
        tone = Tone.BAD if one.verdict == "placed" and one.rule else _VERDICT_TONES[one.verdict]
        lines.append(
            (
                Cell(f"  {clean(one.host):<20}"),
                Cell.state(f"{one.verdict:<9}", tone),
                Cell("" if one.score is None else f"score {one.score}"),
                Cell(one.rule or "", Tone.WARN),
                Cell(clean(one.detail), Tone.FAINT),
            )
        )
    return lines


SERVICE_WHY: RowKind[ServiceWhy] = RowKind(
    "instance", lambda why: (why.instance,), _why_fields, (), lambda why: why.instance, _why_lines
)
