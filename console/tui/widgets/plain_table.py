"""A table that is only looked at: a few rows, without a cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Generic, TypeVar

from rich.cells import cell_len
from textual.strip import Strip
from textual.widget import Widget

from console.commands.fitting import safe_cell
from console.commands.rows import Column, RowKind
from console.tui.tones import TONES, TONES_CSS
from console.tui.widgets.fleet_columns import lay_out
from console.tui.widgets.fleet_row import Flags, Painter

R = TypeVar("R")


class PlainTable(Widget, Generic[R]):
    """Shows rows of one kind, as high as they are many."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*TONES}
    DEFAULT_CSS = TONES_CSS % {"widget": "PlainTable"} + "PlainTable { height: auto; }"

    def __init__(self, kind: RowKind[R], *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._kind = kind
        self._columns = kind.columns
        self._rows: tuple[R, ...] = ()
        self._stale = False

    def show(self, rows: Sequence[R], *, stale: bool = False) -> None:
        """Replace what is shown.

        :param stale: it is not what is so now.
        """
        told = tuple(rows)
        if (told, stale) == (self._rows, self._stale):
            return
        grown = len(told) != len(self._rows)
        self._rows, self._stale = told, stale
        self._columns = tuple(replace(column, width=self._width_of(column)) for column in self._kind.columns)
        self.refresh(layout=grown)

    def _width_of(self, column: Column[R]) -> int:
        # They are so few that they can be measured.
        return max((cell_len(safe_cell(column.cell(row)).text) for row in self._rows), default=column.width)

    def get_content_height(self, container: Any, viewport: Any, width: int) -> int:
        return len(self._rows) + 1 if self._rows else 0

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        layout = lay_out(self._columns, (), {}, width)
        paint = Painter(self.rich_style, lambda name: self.get_component_rich_style(name, partial=True))
        if y == 0 or y > len(self._rows):
            return paint.heading(self._columns, layout, (None, False), width)
        row = self._rows[y - 1]
        return paint.row(self._columns, layout, row, Flags(stale=self._stale), width)
