"""Tables that fit the terminal: columns give way by priority, wide characters count double."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from console.commands.fitting import GAP, fit, make_room, safe_cell, width_of
from console.commands.rows import Column, Tone

R = TypeVar("R")

_NARROWEST = 8  # a shrinking column keeps at least so much before another is left out

_ANSI = {Tone.GOOD: "\x1b[32m", Tone.WARN: "\x1b[33m", Tone.BAD: "\x1b[1;31m", Tone.FAINT: "\x1b[2m"}


def paint(text: str, tone: Tone, color: bool) -> str:
    """`text` in its tone's colour, where colours are wanted."""
    return f"{_ANSI[tone]}{text}\x1b[0m" if color and text and tone in _ANSI else text


def table(
    columns: Sequence[Column[R]],
    rows: Sequence[R],
    width: int | None,
    *,
    color: bool = False,
    missing: Sequence[tuple[str, str]] = (),
) -> list[str]:
    """The lines of a table.

    :param width: the terminal's columns; None for no limit (not a terminal).
    :param missing: pairs of first cell and reason, for what could not be asked: rows of their own.
    """
    cells = [[safe_cell(column.cell(row)) for column in columns] for row in rows]
    shown = [
        index
        for index, column in enumerate(columns)
        if column.keep >= 8 or any(row[index].text for row in cells)
    ]
    widths = {
        index: max([width_of(columns[index].title), *(width_of(row[index].text) for row in cells)])
        for index in shown
    }
    if missing:
        first = shown[0]
        widths[first] = max(widths[first], *(width_of(name) for name, _ in missing))
    if width is not None:
        widths = make_room(columns, shown, widths, width, _least)
        shown = list(widths)
    lines = [
        paint(_line([(columns[i].title, columns[i].right, widths[i]) for i in shown]), Tone.FAINT, color)
    ]
    for row in cells:
        parts = []
        for place, index in enumerate(shown):
            cell, column = row[index], columns[index]
            last = place == len(shown) - 1 and not column.right
            text = fit(cell.text, widths[index], right=column.right)
            parts.append(paint(text.rstrip() if last else text, cell.tone, color))
        lines.append((" " * GAP).join(parts).rstrip())
    for name, reason in missing:
        first_width = widths[shown[0]]
        room = None if width is None else max(0, width - first_width - GAP - 2)
        text = reason if room is None or width_of(reason) <= room else fit(reason, room)
        lines.append(f"{fit(name, first_width)}{' ' * GAP}{paint(f'✖ {text}', Tone.BAD, color)}")
    return lines


def _least(column: Column[R]) -> int:
    return max(_NARROWEST, width_of(column.title))


def _line(parts: Sequence[tuple[str, bool, int]]) -> str:
    return (" " * GAP).join(fit(text, width, right=right) for text, right, width in parts).rstrip()
