"""A field of signs, one for each thing that there is many of, so that a thousand are seen at once."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from console.commands.rows import Cell
from console.tui.tones import CURSOR, HEADING, TONE_CLASS, TONES, TONES_CSS

#: Columns of a sign: itself, and a blank.
_CELL = 2


class SignField(ScrollView, can_focus=True, inherit_bindings=False):
    """Paints what its subclass counts from 0, and moves a cursor over it; `tui/keys.py` binds its keys.

    A subclass says how many there are, where each stands, and how it looks.
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {*TONES}
    DEFAULT_CSS = (
        TONES_CSS % {"widget": "SignField"}
        + """
    SignField { overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; padding: 0 1; }
    """
    )

    class Moved(Message):
        """The cursor is on another one."""

    class Chosen(Message):
        """The one under the cursor was asked to open: enter or a double click."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self.cursor = 0

    # -- what a subclass says ---------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many there are."""
        raise NotImplementedError

    def sign(self, number: int) -> Cell:
        """How one looks: one character."""
        raise NotImplementedError

    def line_of(self, number: int) -> int:
        """On which line one stands, from 0."""
        return number // self.across

    def numbers_at(self, line: int) -> range:
        """Those that stand on a line, from left to right; none where it is a heading."""
        begin = line * self.across
        return range(begin, max(begin, min(begin + self.across, self.count)))

    def heading_at(self, line: int) -> str:
        """What stands on a line that has no signs."""
        return ""

    @property
    def across(self) -> int:
        """How many stand in a row."""
        return max(1, self.scrollable_content_region.width // _CELL)

    # -- moving -----------------------------------------------------------------------------------

    def action_left(self) -> None:
        """One to the left."""
        self.move(self.cursor - 1)

    def action_right(self) -> None:
        """One to the right."""
        self.move(self.cursor + 1)

    def action_up(self) -> None:
        """One row up."""
        self._move_lines(-1)

    def action_down(self) -> None:
        """One row down."""
        self._move_lines(1)

    def action_page_up(self) -> None:
        """One page up."""
        self._move_lines(-max(1, self.size.height - 1))

    def action_page_down(self) -> None:
        """One page down."""
        self._move_lines(max(1, self.size.height - 1))

    def action_top(self) -> None:
        """To the first."""
        self.move(0)

    def action_bottom(self) -> None:
        """To the last."""
        self.move(self.count - 1)

    def _move_lines(self, by: int) -> None:
        """To the one above or below, as far as there is one; headings are passed over."""
        if not self.count:
            return
        here = self.line_of(self.cursor)
        column = self.numbers_at(here).index(self.cursor)
        line, last, step = here + by, self.line_of(self.count - 1), 1 if by > 0 else -1
        while 0 <= line <= last and not self.numbers_at(line):
            line += step
        if 0 <= line <= last:
            found = self.numbers_at(line)
            self.move(found[min(column, len(found) - 1)])
        elif abs(by) > 1:
            self.move(0 if by < 0 else self.count - 1)

    def move(self, to: int) -> None:
        """Put the cursor there, if there is one, and have it in sight."""
        if not 0 <= to < self.count:
            return
        self.repaint(self.line_of(self.cursor))
        self.cursor = to
        line = self.line_of(to)
        self.repaint(line)
        if not self.scroll_offset.y <= line < self.scroll_offset.y + self.size.height:
            self.scroll_to(y=max(0, line - self.size.height // 2), animate=False)
        self.post_message(self.Moved())

    # -- what is painted --------------------------------------------------------------------------

    def repaint(self, line: int) -> None:
        """Paint one line anew, if it is in sight."""
        self.refresh(Region(0, line - self.scroll_offset.y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """Row `y` of the screen."""
        base, width = self.rich_style, self.size.width
        line = y + self.scroll_offset.y
        cells: list[Segment] = []
        for number in self.numbers_at(line):
            cell = self.sign(number)
            style = base + self._style(TONE_CLASS[cell.tone])
            if number == self.cursor:
                style += self._style(CURSOR)
            cells += [Segment(cell.text, style), Segment(" ", base)]
        if not cells and (text := self.heading_at(line)):
            cells.append(Segment(text, base + self._style(HEADING)))
        return Strip(cells).adjust_cell_length(width, base).apply_style(base)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(name, partial=True)

    # -- the mouse --------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """The cursor goes where the mouse is; twice opens it."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        found, column = self.numbers_at(offset.y + self.scroll_offset.y), offset.x // _CELL
        if column < len(found):
            self.move(found[column])
            if event.chain == 2:
                self.post_message(self.Chosen())
