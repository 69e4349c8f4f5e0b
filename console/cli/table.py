"""Tables that fit the terminal: columns give way by priority, wide characters count double."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from console.commands.rows import Cell, Column, Tone
from console.model.text import clean

R = TypeVar("R")

_GAP = 2
_NARROWEST = 8  # a shrinking column keeps at least so much before another is left out

_ANSI = {Tone.GOOD: "\x1b[32m", Tone.WARN: "\x1b[33m", Tone.BAD: "\x1b[1;31m", Tone.FAINT: "\x1b[2m"}


def paint(text: str, tone: Tone, color: bool) -> str:
    """`text` in its tone's colour, where colours are wanted."""
    return f"{_ANSI[tone]}{text}\x1b[0m" if color and text and tone in _ANSI else text


def width_of(text: str) -> int:
    """How many columns a terminal gives to `text`."""
    if text.isascii():
        return len(text)
    # Its tables take longer to load than a short command takes to run.
    from wcwidth import wcswidth

    return max(0, wcswidth(text))


def fit(text: str, width: int, *, right: bool = False) -> str:
    """`text` in exactly `width` columns: cut with an ellipsis, or padded."""
    space = width - width_of(text)
    if space < 0:
        room, kept = width - 1, []
        for char in text:
            room -= width_of(char)
            if room < 0:
                break
            kept.append(char)
        text = "".join(kept) + "…" if width else ""
        space = width - width_of(text)
    return " " * space + text if right else text + " " * space


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
    cells = [[_cell(column.cell(row)) for column in columns] for row in rows]
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
        shown = _make_room(columns, shown, widths, width)
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
        lines.append((" " * _GAP).join(parts).rstrip())
    for name, reason in missing:
        first_width = widths[shown[0]]
        room = None if width is None else max(0, width - first_width - _GAP - 2)
        text = reason if room is None or width_of(reason) <= room else fit(reason, room)
        lines.append(f"{fit(name, first_width)}{' ' * _GAP}{paint(f'✖ {text}', Tone.BAD, color)}")
    return lines


def _cell(cell: Cell | str) -> Cell:
    # The last door before the terminal: whatever a row holds, no control character passes.
    if isinstance(cell, str):
        return Cell(clean(cell))
    return cell if cell.text.isprintable() else Cell(clean(cell.text), cell.tone)


def _make_room(
    columns: Sequence[Column[R]], shown: list[int], widths: dict[int, int], width: int
) -> list[int]:
    """Shrink what may shrink, then leave out what matters least, until the rest fits."""

    def excess(of: list[int]) -> int:
        return sum(widths[i] for i in of) + _GAP * (len(of) - 1) - width

    shown = list(shown)
    while True:
        over = excess(shown)
        spare = {
            i: max(0, widths[i] - max(_NARROWEST, width_of(columns[i].title)))
            for i in shown
            if columns[i].shrink
        }
        if over <= 0 or over <= sum(spare.values()):
            break
        if len(shown) == 1:
            widths[shown[0]] = max(1, width)
            return shown
        shown.remove(min(shown, key=lambda i: (columns[i].keep, -i)))
    for index in sorted(spare, key=lambda i: columns[i].keep):
        if (over := excess(shown)) <= 0:
            break
        widths[index] -= min(over, spare[index])
    return shown


def _line(parts: Sequence[tuple[str, bool, int]]) -> str:
    return (" " * _GAP).join(fit(text, width, right=right) for text, right, width in parts).rstrip()
