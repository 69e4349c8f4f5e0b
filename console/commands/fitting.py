"""Text in a given number of columns, and columns in a given width: what every table of ours shares.

A face passes its own measure of text, because what counts is how many columns *its* painter
gives to a character.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from console.commands.rows.base import Cell, Column
from console.model.text import clean

#: Between two columns.
GAP = 2


def width_of(text: str) -> int:
    """How many columns a terminal gives to `text`."""
    if text.isascii():
        return len(text)
    # Its tables take longer to load than a short command takes to run.
    from wcwidth import wcswidth

    return max(0, wcswidth(text))


def fit(text: str, width: int, *, right: bool = False, measure: Callable[[str], int] = width_of) -> str:
    """`text` in exactly `width` columns: cut with an ellipsis, or padded."""
    space = width - measure(text)
    if space < 0:
        text = _cut(text, width - 1, measure) + "…" if width > 0 else ""
        space = max(0, width) - measure(text)
    text = " " * space + text if right else text + " " * space
    # A joiner at the end of the text takes a blank into itself.
    while measure(text) < width:
        text += " "
    return text


def _cut(text: str, room: int, measure: Callable[[str], int]) -> str:
    """As much of the start of `text` as has `room`."""
    if text.isascii():
        return text[:room]
    kept, taken = 0, 0
    for char in text:
        taken += measure(char)
        if taken > room:
            break
        kept += 1
    # Some characters widen the one before them, so that the whole is wider than its parts.
    while kept and measure(text[:kept]) > room:
        kept -= 1
    return text[:kept]


def safe_cell(cell: Cell | str) -> Cell:
    """The last door before the terminal: whatever a row holds, no control character passes."""
    if isinstance(cell, str):
        return Cell(clean(cell))
    return cell if cell.text.isprintable() else Cell(clean(cell.text), cell.tone)


def make_room(
    columns: Sequence[Column[Any]],
    shown: Sequence[int],
    widths: Mapping[int, int],
    room: int,
    least: Callable[[Column[Any]], int],
) -> dict[int, int]:
    """Shrink what may shrink, then leave out what matters least, until the rest fits into `room`.

    :param shown: indices of `columns`, in the order of the screen; at least one.
    :param widths: the width each of them would like.
    :param least: how narrow a column that shrinks can be before another one is left out.
    :returns: the columns left, in order, and the width of each.
    """
    left = {index: widths[index] for index in shown}

    def excess() -> int:
        return sum(left.values()) + GAP * (len(left) - 1) - room

    while True:
        spare = {i: max(0, left[i] - least(columns[i])) for i in left if columns[i].shrink}
        if excess() <= sum(spare.values()):
            break
        if len(left) == 1:
            return dict.fromkeys(left, max(1, room))
        del left[min(left, key=lambda i: (columns[i].keep, -i))]
    for index in sorted(spare, key=lambda i: columns[i].keep):
        left[index] -= max(0, min(excess(), spare[index]))
    return left
