"""The reboot locks and the denied versions, for scripts and for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from console.commands.rows.base import Cell, Column, RowKind, Tone, moment, since_cell
from console.model.locks import OURS, Holder, LockState
from console.model.memory import Denied


@dataclass(frozen=True, slots=True)
class LockRow:
    """A lock as it is judged now.

    :param stale: why a holder may have forgotten its slot, by its id; those that have not are missing.
    """

    state: LockState
    stale: Mapping[str, str] = field(default_factory=dict)


def lock_cell(row: LockRow) -> Cell:
    """Whether whoever asks gets a slot, in a word."""
    state = row.state
    if row.stale:
        return Cell.state("stale", Tone.BAD)
    if state.frozen is not None:
        return Cell.state("frozen", Tone.WARN)
    return Cell.state("free" if state.free else "full", Tone.GOOD if state.free else Tone.PLAIN)


def holder_fields(holder: Holder, stale: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": holder.id,
        "host": holder.host,
        "since": moment(holder.since),
        "why": holder.why or None,
        "stale": holder.id in stale,
        "stale_why": stale.get(holder.id),
    }


def _fields(row: LockRow) -> dict[str, Any]:
    state = row.state
    frozen = state.frozen
    return {
        "group": state.group,
        "max": state.max,
        "frozen": frozen is not None,
        "frozen_by": frozen and {"by": frozen.by, "why": frozen.why or None, "since": moment(frozen.since)},
        "kept_by": state.kept_by,
        "holders": [holder_fields(holder, row.stale) for holder in state.holders],
    }


def lock_lines(row: LockRow) -> list[tuple[Cell, ...]]:
    """A lock for a person: how many slots are held, and by whom, a line each."""
    state = row.state
    kept = "" if state.kept_by == OURS else f" ({state.kept_by}'s)"
    head = [
        lock_cell(row),
        Cell(f"{state.group}{kept}"),
        Cell(f"{len(state.holders)} of {state.max} held"),
    ]
    lines: list[tuple[Cell, ...]] = [tuple(head)]
    if (frozen := state.frozen) is not None:
        why = f"  frozen by {frozen.by}{f': {frozen.why}' if frozen.why else ''}"
        lines.append((Cell(why, Tone.WARN), since_cell(frozen.since)))
    for holder in state.holders:
        known = [Cell(f"  {holder.host or '?':<16}"), Cell(holder.id, Tone.FAINT)]
        if holder.why:
            known.append(Cell(holder.why))
        if holder.since is not None:
            known.append(since_cell(holder.since))
        if why_stale := row.stale.get(holder.id):
            known.append(Cell.state(f"stale: {why_stale}", Tone.BAD))
        lines.append(tuple(known))
    return lines


LOCK: RowKind[LockRow] = RowKind(
    "lock",
    lambda row: (row.state.kept_by, row.state.group),
    _fields,
    (),
    lambda row: (row.state.kept_by != OURS, row.state.group),
    lock_lines,
)

DENIED: RowKind[Denied] = RowKind(
    "denied",
    lambda one: (one.kind, one.version),
    lambda one: {
        "kind": one.kind,
        "version": one.version,
        "since": moment(one.since),
        "by": one.by,
        "why": one.why or None,
    },
    (
        Column("KIND", lambda one: one.kind, 8, width=10),
        Column("VERSION", lambda one: one.version, 9, shrink=True, width=24, least=12),
        Column(
            "SINCE",
            lambda one: since_cell(one.since),
            7,
            right=True,
            width=7,
            order=lambda one: one.since,
            ticks=True,
        ),
        Column("BY", lambda one: one.by, 6, shrink=True, width=20, least=8),
        Column("WHY", lambda one: Cell(one.why, Tone.FAINT), 8, shrink=True, width=40, least=14),
    ),
    lambda one: (one.kind, one.version),
)
