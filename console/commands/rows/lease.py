"""A host's lease, for scripts and for people: how old it is, and from when on others may have what it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from console.commands import clock
from console.commands.rows.base import Cell, Tone, moment

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
    """In a line: `lease 4 s old`, or that it is late, with what comes of that."""
    now = clock.now()
    age = lease.age(now)
    if not lease.is_late(now):
        return (Cell("lease" if age is None else f"lease {age:.0f} s old", Tone.FAINT),)
    old = "not wound yet" if age is None else f"wound {age:.0f} s ago"
    over = lease.takeover <= now
    ends = "over" if over else f"elsewhere from {lease.takeover:%H:%M:%S}Z on"
    why = (Cell(lease.why),) if lease.why else ()
    return (Cell.state(f"lease late: {old}", Tone.BAD), Cell(ends, Tone.WARN), *why)
