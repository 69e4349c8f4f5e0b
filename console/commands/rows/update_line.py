"""Hosts by what they boot, for the screen: those that are out of line first, and why."""

from __future__ import annotations

from console.commands.rows.base import Cell, Column, RowKind, Tone, since_cell
from console.commands.rows.updates import HOST_UPDATES, version_text
from console.commands.update_board import UpdateRow, version_of


def _version(row: UpdateRow) -> Cell:
    booted, denied = row.host.updates.booted, row.host.denied
    text = version_text(booted)
    if booted is not None and any(booted.is_version(one.version) for one in denied):
        return Cell.state(text, Tone.BAD)
    return Cell.state(text, Tone.WARN) if row.differs else Cell(text)


def _next(row: UpdateRow) -> Cell:
    pending = row.host.updates.pending
    if pending is None:
        return Cell("–", Tone.FAINT)
    bad = any(pending.is_version(one.version) for one in row.host.denied)
    return Cell(version_text(pending), Tone.BAD if bad else Tone.WARN)


def _available(row: UpdateRow) -> Cell:
    newer = row.host.updates.available
    return Cell("–", Tone.FAINT) if newer is None else Cell(newer.version or (newer.checksum or "")[:12])


def _why(row: UpdateRow) -> Cell:
    found = row.out_of_line
    if not found:
        return Cell("")
    worst = Tone.BAD if row.host.denied or row.host.updates.error else Tone.WARN
    return Cell("; ".join(found), worst)


def out_of_line_lines(row: UpdateRow) -> list[tuple[Cell, ...]]:
    """What a person should look at, a line each."""
    tone = _why(row).tone
    return [(Cell.state(text, tone),) for text in row.out_of_line]


def _severity(row: UpdateRow) -> int:
    host = row.host
    if host.denied or host.updates.error is not None:
        return 0
    if row.out_of_line:
        return 1
    return 2 if host.updates.words else 4 if host.driver is None else 3


def _state(row: UpdateRow) -> Cell:
    column = next(column for column in HOST_UPDATES.columns if column.title == "STATE")
    cell = column.cell(row.host)
    return cell if isinstance(cell, Cell) else Cell(cell)


#: A host by what it boots, and by what its like boot.
UPDATE_LINE: RowKind[UpdateRow] = RowKind(
    "host",
    lambda row: (row.host.name,),
    lambda row: HOST_UPDATES.fields(row.host) | {"out_of_line": list(row.out_of_line)},
    (
        Column("HOST", lambda row: row.host.name, 9, width=12),
        Column("STATE", _state, 8, shrink=True, width=16, least=14, order=_severity),
        Column("VERSION", _version, 9, shrink=True, width=18, least=17),
        Column("NEXT", _next, 7, shrink=True, width=18, least=15),
        Column(
            "SINCE",
            lambda row: since_cell(row.host.pending_since),
            4,
            right=True,
            width=7,
            order=lambda row: row.host.pending_since,
            ticks=True,
        ),
        Column("AVAILABLE", _available, 6, shrink=True, width=18, least=15),
        Column("OS", lambda row: row.host.facts.os or "–", 5, width=8),
        Column("DRIVER", lambda row: row.host.driver or "–", 5, width=13),
        Column("CHANNEL", lambda row: row.host.updates.channel or "–", 3, shrink=True, width=24, least=10),
        Column("OUT OF LINE", _why, 8, shrink=True, width=40, least=12, order=_severity),
    ),
    lambda row: (_severity(row), row.host.facts.os or "", version_of(row.host) or "", row.host.name),
)
