"""The targets of a rollout as a field: a sign for each, in the order in which they begin, wave by wave."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from console.commands.rows import Cell
from console.tui.tones import CURSOR, HEADING, TONE_CLASS, TONES, TONES_CSS

#: Columns of a target: its sign, and a blank.
_CELL = 2


class WaveField(ScrollView, can_focus=True, inherit_bindings=False):
    """Shows targets by their numbers, from 0. Its keys are bound by `tui/keys.py`.

    :param sign: of a target, by its number: one character.
    :param heading: what stands above a wave, by its number from 1.
    :param busy: whether a target is one to go to: under way, or failed.
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {*TONES}
    DEFAULT_CSS = (
        TONES_CSS % {"widget": "WaveField"}
        + """
    WaveField { overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; padding: 0 1; }
    """
    )

    class Moved(Message):
        """The cursor is on another target."""

    class Chosen(Message):
        """The target was asked to open: enter or a double click."""

    def __init__(
        self,
        sign: Callable[[int], Cell],
        heading: Callable[[int], str],
        busy: Callable[[int], bool],
        *,
        id: str | None = None,  # noqa: A002 - Textual's own word
    ) -> None:
        super().__init__(id=id)
        self._sign = sign
        self._heading = heading
        self._busy = busy
        self._ends: tuple[int, ...] = ()
        self._tops: list[int] = []  # the line of each wave's heading
        self.cursor = 0

    @property
    def count(self) -> int:
        """Targets that there are."""
        return self._ends[-1] if self._ends else 0

    def on_resize(self) -> None:
        self._lay_out()

    # -- what the app tells it ------------------------------------------------------------------

    def set_waves(self, ends: Sequence[int]) -> None:
        """How many targets are in a wave or before it, rising."""
        if tuple(ends) != self._ends:
            self._ends = tuple(ends)
            self.cursor = min(self.cursor, max(self.count - 1, 0))
            self._lay_out()

    def changed(self, numbers: Iterable[int]) -> None:
        """These targets have other signs by now; the lines that show them are painted."""
        lines = set()
        for number in numbers:
            lines |= {self._line_of(number), self._tops[self._wave_of(number)]}
        for line in lines:
            self._repaint(line)

    def go(self, number: int) -> None:
        """Put the cursor on a target."""
        if 0 <= number < self.count:
            self._move(number)

    # -- moving -----------------------------------------------------------------------------------

    def action_left(self) -> None:
        """One target to the left."""
        self._move(self.cursor - 1)

    def action_right(self) -> None:
        """One target to the right."""
        self._move(self.cursor + 1)

    def action_cursor_up(self) -> None:
        """One row up."""
        self._move_lines(-1)

    def action_cursor_down(self) -> None:
        """One row down."""
        self._move_lines(1)

    def action_page_up(self) -> None:
        """One page up."""
        self._move_lines(-max(1, self.size.height - 1))

    def action_page_down(self) -> None:
        """One page down."""
        self._move_lines(max(1, self.size.height - 1))

    def action_top(self) -> None:
        """To the first target."""
        self._move(0)

    def action_bottom(self) -> None:
        """To the last target."""
        self._move(self.count - 1)

    def action_next_busy(self) -> None:
        """To the next target that is under way, or has failed."""
        for step in range(1, self.count):
            number = (self.cursor + step) % self.count
            if self._busy(number):
                self._move(number)
                return

    def _move_lines(self, by: int) -> None:
        """To the target above or below, as far as there is one; headings are passed over."""
        if not self.count:
            return
        line, column = self._line_of(self.cursor) + by, self._column_of(self.cursor)
        last = self._line_of(self.count - 1)
        while 0 <= line <= last and not (found := self._targets_at(line)):
            line += 1 if by > 0 else -1
        if line < 0 or line > last:
            self._move(0 if by < -1 else self.count - 1 if by > 1 else self.cursor)
            return
        found = self._targets_at(line)
        self._move(found[min(column, len(found) - 1)])

    def _move(self, to: int) -> None:
        if not 0 <= to < self.count:
            return
        before, self.cursor = self._line_of(self.cursor), to
        line = self._line_of(to)
        self._repaint(before)
        self._repaint(line)
        if not self.scroll_offset.y <= line < self.scroll_offset.y + self.size.height:
            self.scroll_to(y=max(0, line - self.size.height // 2), animate=False)
        self.post_message(self.Moved())

    # -- where everything stands ------------------------------------------------------------------

    @property
    def _across(self) -> int:
        """Targets in a row."""
        return max(1, self.scrollable_content_region.width // _CELL)

    def _lay_out(self) -> None:
        self._tops = []
        line, begin = 0, 0
        for end in self._ends:
            self._tops.append(line)
            line += 1 - (begin - end) // self._across  # the heading, and rows rounded up
            begin = end
        self.virtual_size = Size(self.size.width, line)
        self.refresh()

    def _wave_of(self, number: int) -> int:
        """From 0."""
        return bisect_right(self._ends, number)

    def _begin_of(self, wave: int) -> int:
        return self._ends[wave - 1] if wave else 0

    def _line_of(self, number: int) -> int:
        wave = self._wave_of(number)
        return self._tops[wave] + 1 + (number - self._begin_of(wave)) // self._across

    def _column_of(self, number: int) -> int:
        return (number - self._begin_of(self._wave_of(number))) % self._across

    def _targets_at(self, line: int) -> range:
        """The targets on a line; none on a wave's heading."""
        wave = bisect_right(self._tops, line) - 1
        if wave < 0 or wave >= len(self._ends):
            return range(0)
        row = line - self._tops[wave] - 1
        if row < 0:
            return range(0)
        begin = self._begin_of(wave) + row * self._across
        return range(begin, max(begin, min(begin + self._across, self._ends[wave])))

    # -- what is painted --------------------------------------------------------------------------

    def _repaint(self, line: int) -> None:
        self.refresh(Region(0, line - self.scroll_offset.y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """Row `y` of the screen."""
        base, width = self.rich_style, self.size.width
        line = y + self.scroll_offset.y
        if line in self._tops:
            text = self._heading(self._tops.index(line) + 1)
            cells = [Segment(text, base + self._style(HEADING))]
        else:
            cells = []
            for number in self._targets_at(line):
                cell = self._sign(number)
                style = base + self._style(TONE_CLASS[cell.tone])
                if number == self.cursor:
                    style += self._style(CURSOR)
                cells += [Segment(cell.text, style), Segment(" ", base)]
        return Strip(cells).adjust_cell_length(width, base).apply_style(base)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(name, partial=True)

    # -- the mouse --------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """The cursor goes where the mouse is; twice opens it."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        found = self._targets_at(offset.y + self.scroll_offset.y)
        column = offset.x // _CELL
        if column < len(found):
            self._move(found[column])
            if event.chain == 2:
                self.post_message(self.Chosen())
