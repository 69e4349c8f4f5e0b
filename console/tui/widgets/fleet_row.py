"""One line of a table as a strip: signs, then cells that fit their columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from console.commands.fitting import GAP, fit, safe_cell
from console.commands.rows import Column, Tone
from console.tui.tones import CURSOR, HEADING, MARKED, STALE, TONE_CLASS
from console.tui.widgets.fleet_columns import SIGNS, Layout

#: Where there are no colours, these alone say what a row is.
CURSOR_SIGN, MARK_SIGN, STALE_SIGN = "▸", "✓", "~"
_ASCENDING, _DESCENDING = "▲", "▼"


class Flags(NamedTuple):
    """What a row is beside its own state."""

    cursor: bool = False
    marked: bool = False
    stale: bool = False


class Painter:
    """Draws lines in the styles of one widget.

    :param base: the widget's own style.
    :param part: what a component class adds to it.
    :param fresh: titles of columns that a stale row leaves as they are.
    """

    def __init__(self, base: Style, part: Callable[[str], Style], fresh: Collection[str] = ()) -> None:
        self._fresh = fresh
        self._base = base
        self._part = part
        self._styles: dict[tuple[Tone, Flags], Style] = {}

    def row(
        self, columns: Sequence[Column[Any]], layout: Layout, row: Any, flags: Flags, width: int
    ) -> Strip:
        """A row in exactly `width` cells."""
        segments = [Segment(_signs(flags), self._style(Tone.PLAIN, flags))]
        left = width - SIGNS
        for index, room in layout.places:
            column = columns[index]
            cell = safe_cell(column.cell(row))
            text = fit(cell.text, room, right=column.right, measure=cell_len)
            left -= room
            if left > 0:
                text += " " * min(GAP, left)
                left -= GAP
            told = flags._replace(stale=False) if column.title in self._fresh else flags
            segments.append(Segment(text, self._style(cell.tone, told)))
        if left > 0:
            segments.append(Segment(" " * left, self._style(Tone.PLAIN, flags)))
        return Strip(segments, max(width, SIGNS)).crop(0, width)

    def heading(
        self, columns: Sequence[Column[Any]], layout: Layout, sort: tuple[str | None, bool], width: int
    ) -> Strip:
        """The titles; the arrow of the one that is sorted by stands in the gap after it."""
        title, reverse = sort
        text = " " * SIGNS
        for index, room in layout.places:
            column = columns[index]
            span = min(room + GAP, width - len(text))
            arrow = (_DESCENDING if reverse else _ASCENDING) if column.title == title else ""
            name = fit(column.title, room, right=column.right).rstrip()
            text += (fit(name, min(len(name), span - len(arrow))) + arrow).ljust(span)
        return self.line(text, HEADING, width)

    def line(self, text: str, component: str, width: int) -> Strip:
        """A line of one style."""
        return Strip([Segment(fit(text, width, measure=cell_len), self._base + self._part(component))], width)

    def _style(self, tone: Tone, flags: Flags) -> Style:
        style = self._styles.get((tone, flags))
        if style is None:
            # What is stale has no good and no bad any more.
            style = self._base + self._part(STALE if flags.stale else TONE_CLASS[tone])
            if flags.marked:
                style += self._part(MARKED)
            if flags.cursor:
                style += self._part(CURSOR)
            self._styles[tone, flags] = style
        return style


def _signs(flags: Flags) -> str:
    rest = MARK_SIGN * flags.marked + STALE_SIGN * flags.stale
    return (CURSOR_SIGN if flags.cursor else " ") + rest.ljust(SIGNS - 1)
