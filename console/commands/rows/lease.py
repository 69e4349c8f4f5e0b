"""A host's lease, for scripts and for people: how old it is, and from when on others may have what it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from console.commands import clock
from console.commands.rows.base import Cell, Tone, moment
from console.model.text import clean

if TYPE_CHECKING:
    from console.engine.lease_record import LeaseRecord


def lease_fields(lease: LeaseRecord | None) -> dict[str, Any] | None:
    """`{wound, age_s, until, takeover, late, why}`; times are by the clock of the engine that wound it."""
    if lease is None:
        return None
    now = clock.now()
    age = lease.age(now)
    return {
        "wound": moment(lease.wound),
        "age_s": None if age is None else round(age, 1),
        "until": moment(lease.until),
        "takeover": moment(lease.takeover),
        "late": lease.is_late(now),
        "why": lease.why,
    }


def lease_cells(lease: LeaseRecord) -> tuple[Cell, ...]:
    """In a line: `lease 4 s old, elsewhere not before 03:13:02Z`; or that it is late, and what follows."""
    now = clock.now()
    age = lease.age(now)
    takeover = f"{lease.takeover:%H:%M:%S}Z"
    if not lease.is_late(now):
        told = "lease" if age is None else f"lease {age:.0f} s old"
        return (Cell(f"{told}, elsewhere not before {takeover}", Tone.FAINT),)
    old = "not wound yet" if age is None else f"wound {age:.0f} s ago"
    over = lease.takeover <= now
    ends = "over" if over else f"elsewhere from {takeover} on"
    why = (Cell(clean(lease.why)),) if lease.why else ()
    return (Cell.state(f"lease late: {old}", Tone.BAD), Cell(ends, Tone.WARN), *why)


def lease_cell(lease: LeaseRecord) -> Cell:
    """The same in one cell."""
    cells = lease_cells(lease)
    return Cell("; ".join(cell.text for cell in cells), cells[0].tone)
