"""What is otherwise in one revision of a service than in another: for scripts and for people."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

from console.commands.rows.base import Cell, RowKind, Tone
from console.commands.rows.diff import difference_lines
from console.model.text import clean
from console.placement.unit_change import UnitChange, Way

_MEANS = {
    Way.WRITE: ("nothing that runs notices", Tone.GOOD),
    Way.RELOAD: ("what runs is reloaded", Tone.GOOD),
    Way.RESTART: ("what runs is restarted", Tone.WARN),
}


@dataclass(frozen=True, slots=True)
class ServiceDiff:
    """Two revisions of a service, their texts, and what a change from the one to the other does."""

    service: str
    before: int
    after: int
    was: str
    text: str
    change: UnitChange

    @property
    def diff(self) -> tuple[str, ...]:
        """As `diff -u` has it."""
        was, is_ = (f"{self.service} revision {number}" for number in (self.before, self.after))
        lines = difflib.unified_diff(self.was.splitlines(), self.text.splitlines(), was, is_, lineterm="")
        return tuple(lines)


def means(change: UnitChange) -> tuple[Cell, ...]:
    """What a change of a unit does to what runs of it, in a line."""
    words, tone = _MEANS[change.way]
    cells = [Cell.state(words, tone)]
    if change.settings:
        cells.append(Cell(f"({clean(', '.join(change.settings), 200)})", Tone.FAINT))
    if change.placing:
        cells.append(Cell(f"it may be elsewhere: {', '.join(change.placing)}", Tone.WARN))
    return tuple(cells)


def _fields(one: ServiceDiff) -> dict[str, Any]:
    return {
        "name": one.service,
        "from": one.before,
        "to": one.after,
        "way": one.change.way.value,
        "settings": list(one.change.settings),
        "placing": list(one.change.placing),
        "diff": list(one.diff),
    }


def _lines(one: ServiceDiff) -> list[tuple[Cell, ...]]:
    head = Cell(f"{clean(one.service)}: revision {one.before} → {one.after}", Tone.GOOD)
    found = list(difference_lines(one.was.splitlines(), one.text.splitlines()))
    return [(head,), means(one.change), *(found or [(Cell("the same text", Tone.FAINT),)])]


SERVICE_DIFF: RowKind[ServiceDiff] = RowKind(
    "diff", lambda one: (one.service,), _fields, (), lambda one: one.service, _lines
)
