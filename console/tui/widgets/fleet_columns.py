"""Which columns of a table are on the screen, and how wide, by what they declare: no row is measured."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.commands.fitting import GAP, make_room, width_of
from console.commands.rows import Column

#: Columns in front of the first one, for the signs of the cursor, of a mark and of a stale row.
SIGNS = 3


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """One column, for whoever lets a person choose.

    :param hidden: it was chosen not to be shown.
    :param fits: it is on the screen at its present width.
    """

    title: str
    hidden: bool
    fits: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns on the screen: index and width of each, in order."""

    places: tuple[tuple[int, int], ...] = ()

    def at(self, x: int) -> int | None:
        """The index of the column under a cell of the line; the gap after a column belongs to it."""
        start = SIGNS
        for index, width in self.places:
            if start <= x < start + width + GAP:
                return index
            start += width + GAP
        return None


def lay_out(
    columns: Sequence[Column[Any]], hidden: Collection[str], wider: Mapping[str, int], width: int
) -> Layout:
    """The layout of a line of `width` cells.

    Columns give way by priority; what is left over goes to the last one that shrinks.

    :param hidden: titles not to be shown; where that leaves none, the first column is.
    :param wider: widths by title, where more is known than the column declares.
    """
    shown = [index for index, column in enumerate(columns) if column.title not in hidden] or [0]
    wanted = {
        index: max(wider.get(columns[index].title, columns[index].width), width_of(columns[index].title))
        for index in shown
    }
    room = max(1, width - SIGNS)
    widths = make_room(columns, shown, wanted, room, lambda column: max(column.least, width_of(column.title)))
    spare = room - sum(widths.values()) - GAP * (len(widths) - 1)
    last = next((index for index in reversed(widths) if columns[index].shrink), None)
    if last is not None:
        widths[last] += max(0, spare)
    return Layout(tuple(widths.items()))
