"""One update of a container as it is told afterwards, and what is kept of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from console.commands.rows.base import Cell, Column, RowKind, Tone, moment, since_cell
from console.model.text import clean


@dataclass(frozen=True, slots=True)
class Move:
    """A container's way from one image to another; or what is there of it.

    :param what: update or rollback; `there` of the one that has the place, `kept` of what is to go back to.
    :param was, became: images as they were named.
    :param outcome: the target's status; of a container its state; None where nothing is to be told.
    :param record: the audit record's id.
    """

    time: datetime | None
    host: str
    name: str
    what: str
    was: str | None
    became: str | None
    who: str | None
    outcome: str | None
    detail: str = ""
    record: str | None = None


def _outcome(move: Move) -> Cell:
    if move.outcome is None:
        return Cell("")
    if move.record is None:
        return Cell(move.outcome, Tone.FAINT)
    return Cell.state(move.outcome, Tone.GOOD if move.outcome == "done" else Tone.BAD)


MOVE: RowKind[Move] = RowKind(
    "update of a container",
    lambda move: (move.host, move.name, move.record or move.detail),
    lambda move: {
        "time": moment(move.time),
        "host": move.host,
        "name": move.name,
        "what": move.what,
        "from": move.was,
        "to": move.became,
        "who": move.who,
        "outcome": move.outcome,
        "detail": move.detail or None,
        "record": move.record,
    },
    (
        Column("HOST", lambda move: clean(move.host), 9, width=12),
        Column("CONTAINER", lambda move: clean(move.name), 9, shrink=True, width=20, least=10),
        Column("AGO", lambda move: since_cell(move.time), 8, right=True, width=7, order=lambda m: m.time),
        Column("WHAT", lambda move: move.what, 9, width=9),
        Column("FROM", lambda move: move.was or "", 7, shrink=True, width=28, least=12),
        Column("TO", lambda move: move.became or "", 8, shrink=True, width=28, least=12),
        Column("OUTCOME", _outcome, 9, width=13),
        Column("WHO", lambda move: clean(move.who or ""), 6, shrink=True, width=14, least=6),
        Column(
            "DETAIL", lambda move: Cell(clean(move.detail), Tone.FAINT), 4, shrink=True, width=40, least=14
        ),
        Column("RECORD", lambda move: Cell(move.record or "", Tone.FAINT), 3, width=10),
    ),
    lambda move: (
        move.host,
        move.name,
        move.record is None,
        move.what == "kept",
        move.time.timestamp() if move.time is not None and move.record is not None else 0.0,
    ),
)
