"""The engine, for scripts and for people: who leads, how hosts stand, what holds it up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from console import __version__
from console.commands.rows.base import Cell, RowKind, Tone, moment, since_cell
from console.commands.rows.lease import lease_cells, lease_fields
from console.engine.brake import Pulled
from console.engine.lease_record import LeaseRecord
from console.engine.present import EngineRecord
from console.placement.reconcile import Condition, Phase

_TONES = {
    Phase.RUNNING: Tone.GOOD,
    Phase.STOPPED: Tone.FAINT,
    Phase.FAILED: Tone.BAD,
    Phase.LOST: Tone.BAD,
    Phase.PENDING: Tone.BAD,
    Phase.FAILING: Tone.WARN,
    Phase.MOVING: Tone.WARN,
}


@dataclass(frozen=True, slots=True)
class EnginePicture:
    """The engine as etcd tells of it.

    :param leader: None: no engine leads.
    :param standing_by: the others that run.
    :param fleet: the fleet's id, by which hosts are claimed; None: no engine has led yet.
    :param hosts: each host, how it stands, and why it is left alone, if it is.
    :param pending: instances without a host, and why.
    :param leases: of hosts that have or had exclusive instances.
    """

    leader: EngineRecord | None
    standing_by: tuple[EngineRecord, ...]
    fleet: str | None
    brake: Pulled | None
    hosts: tuple[tuple[str, str, str], ...]
    conditions: tuple[Condition, ...]
    pending: tuple[tuple[str, str], ...]
    leases: tuple[tuple[str, LeaseRecord], ...] = ()


def _fields(picture: EnginePicture) -> dict[str, Any]:
    leader, brake = picture.leader, picture.brake
    return {
        "leader": leader.name if leader else None,
        "since": moment(leader.since if leader else None),
        "revision": leader.revision if leader else None,
        "embedded": leader.embedded if leader else None,
        "standing_by": [
            {
                "name": one.name,
                "since": moment(one.since),
                "embedded": one.embedded,
                "version": one.version or None,
            }
            for one in picture.standing_by
        ],
        "fleet": picture.fleet,
        "brake": {"why": brake.why, "since": moment(brake.since)} if brake else None,
        "hosts": [
            {"name": name, "standing": standing, "reason": reason or None}
            for name, standing, reason in picture.hosts
        ],
        "instances": [
            {
                "name": one.instance,
                "service": one.service,
                "host": one.host,
                "state": one.phase.value,
                "reason": one.reason or None,
            }
            for one in picture.conditions
        ],
        "pending": [{"name": name, "reason": reason} for name, reason in picture.pending],
        "leases": [{"host": host, **(lease_fields(lease) or {})} for host, lease in picture.leases],
    }


def _lines(picture: EnginePicture) -> list[tuple[Cell, ...]]:
    lines: list[tuple[Cell, ...]] = []
    if picture.leader is None:
        lines.append((Cell.state("no engine leads", Tone.BAD), Cell("`quarterdeck engine run`", Tone.FAINT)))
    else:
        leader = picture.leader
        elected = Cell(f"elected at {leader.revision}", Tone.FAINT)
        where = (Cell("inside a console", Tone.WARN),) if leader.embedded else ()
        lines.append(
            (Cell.state(f"{leader.name} leads", Tone.GOOD), since_cell(leader.since), elected, *where)
        )
    for engine in picture.standing_by:
        version = (Cell(engine.version, Tone.FAINT),) if engine.version not in ("", __version__) else ()
        stands = Cell.state("stands by", Tone.PLAIN)
        lines.append((Cell(f"  {engine.name}"), stands, since_cell(engine.since), *version))
    if picture.brake is not None:
        lines.append(
            (Cell.state("brake", Tone.BAD), Cell(picture.brake.why), since_cell(picture.brake.since))
        )
        lines.append((Cell("  nothing is moved or stopped until `quarterdeck engine resume`", Tone.FAINT),))
    if picture.fleet is not None:
        lines.append((Cell(f"  fleet {picture.fleet}", Tone.FAINT),))
    for name, standing, reason in picture.hosts:
        tone = Tone.GOOD if standing == "live" else Tone.WARN if standing == "silent" else Tone.BAD
        why = (Cell(reason),) if reason else ()
        lines.append((Cell(f"  {name:<20}"), Cell.state(standing, tone), *why))
    lines += [(Cell(f"  {host:<20}"), *lease_cells(lease)) for host, lease in picture.leases]
    counts = Counter(one.phase for one in picture.conditions)
    if counts:
        told = [
            Cell.state(f"{counts[phase]} {phase}", _TONES.get(phase, Tone.PLAIN))
            for phase in Phase
            if counts[phase]
        ]
        lines.append((Cell("  instances"), *told))
    for one in picture.conditions:
        if one.reason:
            tone = _TONES.get(one.phase, Tone.PLAIN)
            lines.append(
                (Cell(f"  {one.instance} on {one.host}"), Cell.state(one.phase.value, tone), Cell(one.reason))
            )
    for name, reason in picture.pending:
        lines.append((Cell(f"  {name}"), Cell.state("pending", Tone.BAD), Cell(reason)))
    return lines


ENGINE: RowKind[EnginePicture] = RowKind("engine", lambda _: ("engine",), _fields, (), lambda _: 0, _lines)
