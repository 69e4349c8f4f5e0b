"""Containers against what their tags stand for now, and how images are spread over the fleet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from console.commands.rows.base import Cell, Column, RowKind, Tone, moment, worst_first
from console.model.container import Container

_DIGEST = 12


def short(digest: str | None) -> str:
    """As much of a digest as tells it from others."""
    return "–" if digest is None else digest.removeprefix("sha256:")[:_DIGEST]


@dataclass(frozen=True, slots=True)
class Behind:
    """A container, and what its tag stands for now.

    :param image: the tag that it follows.
    :param now: the digest that the tag stands for; None where that cannot be known.
    :param behind: whether that is another one than it runs; None where that cannot be known.
    :param denied: why the newer one is not to be brought anywhere, if so.
    :param why: why it cannot be known, or need not be asked.
    """

    container: Container
    image: str
    now: str | None
    behind: bool | None
    denied: str | None = None
    why: str = ""

    @property
    def word(self) -> str:
        """behind, current, or unknown."""
        return {True: "behind", False: "current", None: "unknown"}[self.behind]


def _behind_fields(row: Behind) -> dict[str, Any]:
    box = row.container
    return {
        "host": box.host,
        "name": box.name,
        "id": box.id,
        "image": row.image,
        "digest": box.digest,
        "now": row.now,
        "behind": row.behind,
        "denied": row.denied,
        "why": row.why or None,
        "unit": box.unit,
        "state": box.state,
        "since": moment(box.since),
    }


def behind_cell(row: Behind) -> Cell:
    """The verdict in a word or two."""
    if row.behind and row.denied:
        return Cell.state("behind, denied", Tone.BAD)
    return Cell.state(row.word, {True: Tone.WARN, False: Tone.GOOD, None: Tone.FAINT}[row.behind])


BEHIND: RowKind[Behind] = RowKind(
    "container",
    lambda row: (row.container.host, row.container.id),
    _behind_fields,
    (
        Column("HOST", lambda row: row.container.host, 9, width=12),
        Column("CONTAINER", lambda row: row.container.name, 9, shrink=True, width=24, least=14),
        Column("BEHIND", behind_cell, 9, width=16, order=lambda row: worst_first(behind_cell(row))),
        Column("IMAGE", lambda row: row.image, 7, shrink=True, width=32, least=12),
        Column("RUNS", lambda row: Cell(short(row.container.digest), Tone.FAINT), 6, width=_DIGEST),
        Column("NOW", lambda row: Cell(short(row.now), Tone.FAINT), 6, width=_DIGEST),
        Column(
            "WHY",
            lambda row: Cell(f"denied: {row.denied}" if row.behind and row.denied else row.why, Tone.FAINT),
            5,
            shrink=True,
            width=40,
            least=14,
        ),
    ),
    lambda row: (row.container.host, row.container.name),
)
