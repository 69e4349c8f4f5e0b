"""Services, their instances, and why one is where it is: for scripts and for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.commands.rows.base import Cell, Column, RowKind, Tone, moment, since_cell, worst_first
from console.commands.rows.diff import difference_lines
from console.commands.rows.lease import lease_cell, lease_cells, lease_fields
from console.commands.rows.service_diff import means
from console.errors import ConfigError
from console.model.text import clean
from console.placement.spec import parse_spec
from console.placement.unit_change import change_of
from console.placement.unit_file import parse
from console.placement.unit_name import UnitName

if TYPE_CHECKING:
    from console.engine.following import Seen
    from console.engine.service_states import Instance
    from console.engine.services import Revision, Service
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


def state_tone(state: str) -> Tone:
    """How a state of an instance should strike the eye."""
    return _TONES[state]


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
        "told_by": one.by.value,
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
    """How a service is as a whole: how many of its instances are what, the worst first and with its tone."""
    counts = Counter(one.state.value for one in row.instances)
    if not counts:
        return Cell.state("nowhere", Tone.FAINT)
    told = ", ".join(f"{counts[state]} {state}" for state in reversed(_TONES) if counts[state])
    # What is to be loaded and no more is as it is to be once it is placed.
    tones = {
        Tone.FAINT if (row.desired, state) == ("loaded", "placed") else _TONES[state] for state in counts
    }
    worst = next(tone for tone in (Tone.BAD, Tone.WARN, Tone.GOOD, Tone.FAINT) if tone in tones)
    return Cell.state(told, worst)


def _runs(row: ServiceRow) -> Cell:
    """How many run of how many that are to."""
    there = [one for one in row.instances if not one.goes]
    wanted = len(there) if row.replicas is None else row.replicas
    if row.desired == "inactive":
        wanted = 0
    running = sum(one.state.value == "running" and not one.goes for one in there)
    return Cell(
        f"{running}/{wanted}", Tone.PLAIN if running >= wanted or row.desired != "launched" else Tone.WARN
    )


def _hosts(row: ServiceRow) -> str:
    names = list(dict.fromkeys(one.host for one in row.instances if one.host and one.revision is not None))
    more = f" +{len(names) - _HOSTS}" if len(names) > _HOSTS else ""
    return clean(",".join(names[:_HOSTS])) + more


def _reason(row: ServiceRow) -> str:
    """That of the instance that is worst off."""
    order = [*_TONES]
    told = [one for one in row.instances if one.reason]
    worst = max(told, key=lambda one: order.index(one.state.value), default=None)
    return (
        ""
        if worst is None
        else clean(f"{worst.name}: {worst.reason}" if len(row.instances) > 1 else worst.reason)
    )


SERVICE: RowKind[ServiceRow] = RowKind(
    "service",
    lambda row: (row.name,),
    service_fields,
    (
        Column("SERVICE", lambda row: clean(row.name), 9, width=16),
        Column("DESIRED", lambda row: row.desired, 7, width=8),
        Column("RUNS", _runs, 9, right=True, width=5),
        Column("STATE", service_cell, 9, width=21, order=lambda row: worst_first(service_cell(row))),
        Column("REV", lambda row: str(row.revision), 5, right=True, width=3),
        Column("HOSTS", lambda row: Cell(_hosts(row), Tone.FAINT), 6, shrink=True, width=24, least=12),
        Column("REASON", lambda row: Cell(_reason(row), Tone.FAINT), 8, shrink=True, width=40, least=16),
    ),
    lambda row: row.name,
)


def _detail_lines(row: ServiceRow) -> list[tuple[Cell, ...]]:
    lines: list[tuple[Cell, ...]] = [(Cell(clean(row.name), Tone.GOOD), _summary(row))]
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


def instance_lines(one: Instance) -> list[tuple[Cell, ...]]:
    """One instance, for the detail beside a list."""
    told = {
        "state": instance_cell(one),
        "reason": Cell(clean(one.reason)),
        "host": Cell(clean(one.host or "")),
        "revision": Cell("" if one.revision is None else str(one.revision)),
        "lease": lease_cell(one.lease) if one.lease else Cell(""),
        "told by": Cell(f"the {one.by.value}", Tone.FAINT),
    }
    lines: list[tuple[Cell, ...]] = [(Cell(clean(one.name), Tone.GOOD),)]
    return lines + [(Cell(f"  {name:<10}", Tone.FAINT), cell) for name, cell in told.items() if cell.text]


def about_service(row: ServiceRow) -> list[tuple[Cell, ...]]:
    """A service for the detail beside a list: each instance in a line or two."""
    lines: list[tuple[Cell, ...]] = [(Cell(clean(row.name), Tone.GOOD),), (_summary(row),)]
    for one in row.instances:
        lines.append(
            (Cell(f"  {clean(one.name)}"), instance_cell(one), Cell(clean(one.host or ""), Tone.FAINT))
        )
        if one.reason:
            lines.append((Cell(f"    {clean(one.reason)}", Tone.FAINT),))
        if one.lease:
            lines.append((Cell("   "), *lease_cells(one.lease)))
    return lines


def service_head(service: Service, row: ServiceRow, seen: Seen) -> list[tuple[Cell, ...]]:
    """What a service is to be, over the list of its instances; and what holds it up."""
    policy = [
        f"{one.name}={one.value}" for one in parse(service.spec.text).options if one.section.startswith("X-")
    ]
    lines: list[tuple[Cell, ...]] = [(service_cell(row), _summary(row))]
    if policy:
        lines.append((Cell(f"  {clean('  '.join(policy), 400)}", Tone.FAINT),))
    if service.replicas is not None:
        lines.append((Cell(f"  scaled to {service.replicas}; the unit file says otherwise", Tone.FAINT),))
    if service.given:
        counts = sorted(Counter(one.revision for one in service.given.values()).items())
        told = ", ".join(f"{count} of revision {number}" for number, count in counts)
        spare = ", with a spare" if service.spare else ""
        lines.append((Cell(f"  given by a rollout: {told}{spare}", Tone.WARN),))
    if service.pins:
        pins = ", ".join(f"{name} to {host}" for name, host in sorted(service.pins.items()))
        lines.append((Cell(f"  pinned: {clean(pins, 400)}", Tone.FAINT),))
    if seen.leader is None:
        lines.append((Cell("  no engine is elected: nothing is carried out until one runs", Tone.BAD),))
    if seen.brake is not None:
        held = f"  brake: {clean(seen.brake.why)}; nothing is moved or stopped until `engine resume`"
        lines.append((Cell(held, Tone.BAD),))
    return lines


def _summary(row: ServiceRow) -> Cell:
    wants = "one on every host" if row.replicas is None else f"{row.replicas} wanted"
    return Cell(f"{row.desired}, revision {row.revision}, {wants}")


def revision_lines(revisions: Sequence[Revision], service: Service) -> list[tuple[Cell, ...]]:
    """Every revision, the newest first: who made it, what it changed of the one before, what that does."""
    given = Counter(one.revision for one in service.given.values())
    lines: list[tuple[Cell, ...]] = []
    newest = list(reversed(revisions))
    for one, before in zip_longest(newest, newest[1:]):
        runs = Cell.state("current", Tone.GOOD) if one.number == service.revision else Cell("")
        if one.number != service.revision and (count := given[one.number]):
            runs = Cell.state(f"given to {count} so far", Tone.WARN)
        at = Cell(f"{one.time:%Y-%m-%d %H:%M:%S} UTC", Tone.FAINT)
        lines += [(Cell(f"revision {one.number}", Tone.GOOD), runs, at, Cell(clean(one.by)))]
        lines += [(Cell(f"  {clean(one.line)}", Tone.FAINT),)] if one.line else []
        if before is None:
            lines += [(Cell(clean(line) or " "),) for line in one.unit.splitlines()]
        else:
            lines += _means(service.name, before.unit, one.unit)
            lines += difference_lines(before.unit.splitlines(), one.unit.splitlines())
        lines.append(())
    return lines[:-1]


def _reason_or_lease(one: Instance) -> Cell:
    """Why it is as it is; of one that is as it is to be, how its lease is."""
    return lease_cell(one.lease) if one.lease and not one.reason else Cell(clean(one.reason), Tone.FAINT)


def _means(name: str, before: str, after: str) -> list[tuple[Cell, ...]]:
    """What a change from one text to the next does; nothing where one of them is no spec any more."""
    try:
        specs = [parse_spec(text, Path(name), name) for text in (before, after)]
    except ConfigError:
        return []
    return [(Cell("  "), *means(change_of(*specs)))]


#: The instances of one service, on a screen.
INSTANCE: RowKind[Instance] = RowKind(
    "instance",
    lambda one: (one.host or "", one.name),
    instance_fields,
    (
        Column("INSTANCE", lambda one: clean(one.name), 9, width=16),
        Column("HOST", lambda one: clean(one.host or "–"), 9, width=12),
        Column("STATE", instance_cell, 9, width=10, order=lambda one: worst_first(instance_cell(one))),
        Column(
            "SINCE",
            lambda one: since_cell(one.unit.since) if one.unit else Cell(""),
            7,
            right=True,
            width=7,
            order=lambda one: one.unit.since if one.unit else None,
            ticks=True,
        ),
        Column("REV", lambda one: "" if one.revision is None else str(one.revision), 5, right=True, width=3),
        Column("REASON", _reason_or_lease, 8, shrink=True, width=48, least=16),
    ),
    lambda one: instance_order(one.name, one.host),
)


def instance_order(name: str, host: str | None) -> tuple[str, int, str, str]:
    """What instances are sorted by: `web@10` comes after `web@9`."""
    unit = UnitName(name)
    number = unit.instance or ""
    return unit.prefix, int(number) if number.isdecimal() else 0, name, host or ""


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
