"""The log of a view: it draws the rows that are on the screen, and nothing else.

    append ──▶ LogBook (held, filtered in steps) ──page──▶ runs ──styled on paint──▶ strips

The pane stands either at the newest line (it follows) or at an anchor: the line at its top, and which of
that line's rows where lines are wrapped. The anchor is a line and not a number of rows, so that what is
read stays where it is while lines come in below, and while a filter finds more above.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.cache import LRUCache
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollDown, ScrollTo, ScrollUp
from textual.strip import Strip
from textual.timer import Timer

from console.commands import clock
from console.commands.logbook import LogBook, Seek
from console.commands.logbook_filter import LogFilter, Pattern
from console.model.log import Gap, LogRecord
from console.tui.tones import CURSOR, TONES, TONES_CSS
from console.tui.widgets.log_line import HOST_CLASSES, Look, Run, Times, as_text, runs, wrapped
from console.tui.widgets.log_status import status_text

#: Seconds between two steps of a filter or a search, and how long a step takes.
_STEP_EVERY_S, _STEP_S = 0.02, 0.006
#: Lines whose strips are kept; a few pages.
_STRIPS_KEPT = 512
#: Columns of one step to the side.
_SIDEWAYS = 16
#: A host's name is cut beyond this many cells.
_HOST_CELLS = 24
_WHEEL_LINES = 3

#: A row of the page: the sequence of its line, and which of the line's rows it is.
_Place = tuple[int, int]


class LogPane(ScrollView, can_focus=True, inherit_bindings=False):
    """Shows a log, follows its end, and searches in it. Its keys are bound by `tui/keys.py`.

    :param book: the lines, which are the pane's from then on.
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {*TONES, *HOST_CLASSES}
    DEFAULT_CSS = (
        TONES_CSS % {"widget": "LogPane"}
        + """
    LogPane { overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; }
    LogPane > .log--host-0 { color: $heading; }
    LogPane > .log--host-1 { color: $text-primary; }
    LogPane > .log--host-2 { color: $text-secondary; }
    LogPane > .log--host-3 { color: $text-accent; }
    """
    )

    class FollowChanged(Message):
        """The pane began or ceased to follow the newest line."""

        def __init__(self, pane: LogPane, following: bool) -> None:
            super().__init__()
            self.pane = pane
            self.following = following

        @property
        def control(self) -> LogPane:
            return self.pane

    class StatusChanged(Message):
        """What `status` says may have changed. Many of them are one."""

        def __init__(self, pane: LogPane) -> None:
            super().__init__()
            self.pane = pane

        @property
        def control(self) -> LogPane:
            return self.pane

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, LogPane.StatusChanged) and message.pane is self.pane

    class SearchEnded(Message):
        """A search came to its end.

        :param wrapped: it went past the end of the log and on from the other one.
        """

        def __init__(self, pane: LogPane, found: bool, wrapped: bool) -> None:
            super().__init__()
            self.pane = pane
            self.found = found
            self.wrapped = wrapped

        @property
        def control(self) -> LogPane:
            return self.pane

    def __init__(
        self,
        book: LogBook | None = None,
        *,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own word
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.book = LogBook() if book is None else book
        self._anchor: _Place | None = None
        self._paused_at = 0
        self._wrap = False
        self._times = Times.TIME
        self._shift = 0
        self._pattern: Pattern | None = None
        self._seek: Seek | None = None
        self._chosen: tuple[int, int] | None = None  # sequences, from where it began to where it is
        self._page: list[_Place] | None = None
        self._look: Look | None = None
        self._strips: LRUCache[int, list[Strip]] = LRUCache(_STRIPS_KEPT)
        self._styles: dict[str, Style] = {}
        self._steps: Timer | None = None

    def on_mount(self) -> None:
        self._steps = self.set_interval(_STEP_EVERY_S, self._step, name="log steps", pause=True)
        self._changed()

    # -- what the app tells it ------------------------------------------------------------------

    def append(self, batch: Iterable[LogRecord | Gap], dropped: int = 0) -> None:
        """Take new lines; painted once, however many there are.

        :param dropped: how many before these found no place.
        """
        hosts = len(self.book.hosts)
        self.book.append(batch, dropped)
        if len(self.book.hosts) != hosts:
            self._restyle()
        self._changed()

    def clear(self) -> None:
        """Forget all lines; filter and search stay."""
        self.book.clear()
        self._chosen = self._seek = None
        self._restyle()
        self._follow()

    def set_filter(self, text: str) -> None:
        """Show only what `text` lets through (see `logbook_filter`); nothing is filtered with "".

        :raises UsageError: it cannot be read; what was shown stays.
        """
        self.book.set_filter(LogFilter.parse(text))
        self.book.work(_STEP_S)
        self._restyle()
        self._changed()

    def set_search(self, text: str) -> None:
        """Highlight `text` and go to the newest line on or above the page that holds it; "" ends it.

        :raises UsageError: it cannot be read; the search before it stays.
        """
        self._pattern = Pattern.parse(text) if text else None
        self._seek = None
        self._restyle()
        if self._pattern is not None and (page := self._rows()):
            self._seek = Seek(self.book, self._pattern, page[-1][0], backwards=True, inclusive=True)
            self._search()
        self._changed()

    # -- what it tells --------------------------------------------------------------------------

    @property
    def following(self) -> bool:
        """Whether it stays with the newest line."""
        return self._anchor is None

    @property
    def unseen(self) -> int:
        """Lines that came since it ceased to follow."""
        return 0 if self._anchor is None else len(self.book) - self.book.position(self._paused_at)

    @property
    def chosen(self) -> range:
        """The sequences of the chosen lines, those that are filtered out among them too."""
        if self._chosen is None:
            return range(0)
        low, high = sorted(self._chosen)
        return range(max(low, self.book.first), high + 1)

    def status(self) -> str:
        """Everything that is set, and what there is, in one line."""
        return status_text(
            self.book,
            unseen=None if self.following else self.unseen,
            search=self._pattern.text if self._pattern else None,
            searching=self._seek is not None,
            wrap=self._wrap,
            times=self._times,
            shift=self._shift,
        )

    def copy_text(self) -> str:
        """The chosen lines as text, or those on the page if none is chosen."""
        book, look = self.book, self._looks()
        if self.chosen:
            shown = range(book.position(self.chosen.start), book.position(self.chosen.stop))
            sequences = [book.sequence(position) for position in shown]
        else:
            sequences = list(dict.fromkeys(sequence for sequence, _ in self._rows()))
        return "\n".join(as_text(book.line(sequence), look) for sequence in sequences)

    # -- actions --------------------------------------------------------------------------------

    def action_up(self) -> None:
        self._move(-1)

    def action_down(self) -> None:
        self._move(1)

    def action_page_up(self) -> None:
        self._move(1 - self._height)

    def action_page_down(self) -> None:
        self._move(self._height - 1)

    def action_half_up(self) -> None:
        self._move(-(self._height // 2))

    def action_half_down(self) -> None:
        self._move(self._height // 2)

    def action_top(self) -> None:
        self._go(0)

    def action_bottom(self) -> None:
        self._follow()

    def action_left(self) -> None:
        self._sideways(-_SIDEWAYS)

    def action_right(self) -> None:
        self._sideways(_SIDEWAYS)

    def action_toggle_wrap(self) -> None:
        """Break lines that are too long, or cut them."""
        self._wrap = not self._wrap
        self._shift = 0
        if self._anchor is not None:
            self._anchor = (self._anchor[0], 0)
        self._restyle()
        self._changed()

    def action_toggle_follow(self) -> None:
        """Stand still, or go to the newest line and stay with it."""
        if self.following:
            self._pause(self._top)
        else:
            self._follow()

    def action_toggle_time(self) -> None:
        """Show the time, date and time, or neither."""
        self._times = self._times.next()
        self._restyle()
        self._changed()

    def action_search_next(self) -> None:
        """To the next newer line that holds what is searched for."""
        self._search_on(backwards=False)

    def action_search_previous(self) -> None:
        """To the next older line that holds what is searched for."""
        self._search_on(backwards=True)

    def action_mark_line(self) -> None:
        """Draw a line after the newest one."""
        self.book.mark(clock.now())
        self._changed()

    def action_clear_selection(self) -> None:
        """No line is chosen any more."""
        self._chosen = None
        self._changed()

    # -- where it stands ------------------------------------------------------------------------

    @property
    def _height(self) -> int:
        return max(self.size.height, 1)

    @property
    def _width(self) -> int:
        return max(self.scrollable_content_region.width, 1)

    @property
    def _top(self) -> _Place | None:
        page = self._rows()
        return page[0] if page else None

    def _rows(self) -> list[_Place]:
        """What is on each row of the page."""
        if self._page is None:
            page = [] if self._anchor is None else self._downwards(*self._anchor)
            if len(page) < self._height:
                page = self._last_page()
            self._page = page
        return self._page

    def _downwards(self, sequence: int, row: int) -> list[_Place]:
        book, page = self.book, list[_Place]()
        position = book.position(sequence)
        if position < len(book) and book.sequence(position) != sequence:
            row = 0  # the line itself is gone or filtered out
        while position < len(book) and len(page) < self._height:
            sequence = book.sequence(position)
            page += [(sequence, each) for each in range(row, self._row_count(sequence))]
            row, position = 0, position + 1
        return page[: self._height]

    def _last_page(self) -> list[_Place]:
        book, page = self.book, list[_Place]()
        position = len(book)
        while position > 0 and len(page) < self._height:
            position -= 1
            sequence = book.sequence(position)
            page += [(sequence, each) for each in reversed(range(self._row_count(sequence)))]
        return page[: self._height][::-1]

    def _row_count(self, sequence: int) -> int:
        return len(self._painted(sequence)) if self._wrap else 1

    def _move(self, rows: int) -> None:
        """Scroll by so many rows. Up is away from the newest line; down to it is to follow it again."""
        if not (page := self._rows()):
            return
        book, (sequence, row) = self.book, page[0]
        position = book.position(sequence)
        row += rows
        while row < 0 and position > 0:
            position -= 1
            row += self._row_count(book.sequence(position))
        while position < len(book) and row >= (count := self._row_count(book.sequence(position))):
            row -= count
            position += 1
        top = (book.sequence(position), max(row, 0)) if position < len(book) else page[0]
        if rows > 0 and (position >= len(book) or top >= self._last_page()[0]):
            self._follow()
        elif top != page[0]:
            self._pause(top)

    def _go(self, position: int) -> None:
        """Put the line at `position` on top, or as near to it as there are lines below."""
        if len(self.book):
            self._pause((self.book.sequence(min(max(position, 0), len(self.book) - 1)), 0))

    def _pause(self, top: _Place | None) -> None:
        was_following = self.following
        if was_following:
            self._paused_at = self.book.end
        self._anchor = top or (self.book.end, 0)
        self._changed()
        if was_following:
            self._say(self.FollowChanged(self, following=False))

    def _follow(self) -> None:
        was_following = self.following
        self._anchor = None
        self._changed()
        if not was_following:
            self._say(self.FollowChanged(self, following=True))

    def _sideways(self, columns: int) -> None:
        if self._wrap:
            return
        longest = max((self._painted(sequence)[0].cell_length for sequence, _ in self._rows()), default=0)
        most = max(longest - self._width, 0)
        self._shift = max(min(self._shift + columns, max(most, self._shift)), 0)
        self._changed()

    # -- search, and other work in steps --------------------------------------------------------

    def _search_on(self, *, backwards: bool) -> None:
        page = self._rows()
        if self._pattern is None or not page:
            return
        shown = range(page[0][0], page[-1][0] + 1)
        if self._chosen is not None and self._chosen[1] in shown:
            start = self._chosen[1]
        else:
            start = shown.stop if backwards else shown.start - 1
        self._seek = Seek(self.book, self._pattern, start, backwards=backwards)
        self._search()

    def _search(self) -> None:
        """One step of the search under way."""
        seek = self._seek
        if seek is None or seek.work(_STEP_S):
            return self._changed()
        self._seek = None
        if seek.found is not None:
            self._show(seek.found)
        self._changed()
        self._say(self.SearchEnded(self, seek.found is not None, seek.wrapped))
        return None

    def _show(self, sequence: int) -> None:
        """Choose a line, and bring it onto the page with lines around it."""
        self._chosen = (sequence, sequence)
        if any(shown == sequence for shown, _ in self._rows()):
            self._pause(self._top)
        else:
            self._pause((sequence, 0))
            self._move(-(self._height // 3))

    def _step(self) -> None:
        """Go on with what is too long for once."""
        if self.book.pending:
            self.book.work(_STEP_S)
            self._changed()
        if self._seek is not None:
            self._search()

    # -- what is painted ------------------------------------------------------------------------

    def _changed(self) -> None:
        """The page is another one: it is laid out and painted when its turn comes."""
        self._page = None
        if not self.is_running or self._steps is None:
            return
        if self.book.pending or self._seek is not None:
            self._steps.resume()
        else:
            self._steps.pause()
        self._move_bar()
        self.refresh()
        self._say(self.StatusChanged(self))

    def _move_bar(self) -> None:
        """Set the scrollbar. Not by scrolling: that would lay out the whole screen on each new line."""
        count, height = len(self.book), self._height
        top = max(count - height, 0)
        if self._anchor is not None:
            top = min(top, self.book.position(self._anchor[0]))
        self.set_reactive(LogPane.virtual_size, Size(self._width, max(count, height)))
        self.set_reactive(LogPane.scroll_y, float(top))
        if self.show_vertical_scrollbar:
            bar = self.vertical_scrollbar
            bar.window_virtual_size = max(count, height)
            bar.window_size = height
            bar.position = top

    def _say(self, message: Message) -> None:
        if self.is_running:
            self.post_message(message)

    def _restyle(self) -> None:
        """Lines look different from now on."""
        self._look = None
        self._strips.clear()

    def _looks(self) -> Look:
        if self._look is None:
            width = max(map(cell_len, self.book.hosts), default=0) if self.book.with_host else 0
            pattern = self._pattern
            if pattern is None and (wanted := self.book.filter) is not None and not wanted.inverse:
                pattern = wanted.pattern
            self._look = Look(self._times, min(width, _HOST_CELLS), pattern.spans if pattern else None)
        return self._look

    def _painted(self, sequence: int) -> list[Strip]:
        """The rows of a line, styled, before they are cut to the width."""
        strips = self._strips.get(sequence)
        if strips is None:
            line = runs(self.book.line(sequence), self._looks())
            rows = wrapped(line, self._width) if self._wrap else [line]
            strips = [Strip([self._segment(run) for run in row]) for row in rows]
            self._strips[sequence] = strips
        return strips

    def _segment(self, run: Run) -> Segment:
        text, look = run
        return Segment(text, self._style(look))

    def _style(self, look: str) -> Style:
        style = self._styles.get(look)
        if style is None:
            style = self._styles[look] = self.get_component_rich_style(look, partial=True)
        return style

    def render_line(self, y: int) -> Strip:
        """Row `y` of the page."""
        base, width, page = self.rich_style, self._width, self._rows()
        if y >= len(page):
            return Strip.blank(width, base)
        sequence, row = page[y]
        strip = self._painted(sequence)[row].crop_extend(self._shift, self._shift + width, base)
        if sequence in self.chosen:
            base += self._style(CURSOR)
        return strip.apply_style(base)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()
        self._restyle()

    def on_resize(self) -> None:
        if self._wrap:
            self._restyle()
        self._changed()

    # -- the mouse ------------------------------------------------------------------------------

    def _on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        _take(event)
        if event.shift or event.ctrl:
            self._sideways(_SIDEWAYS)
        else:
            self._move(_WHEEL_LINES)

    def _on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        _take(event)
        if event.shift or event.ctrl:
            self._sideways(-_SIDEWAYS)
        else:
            self._move(-_WHEEL_LINES)

    def _on_scroll_to(self, message: ScrollTo) -> None:
        _take(message)
        if message.y is None:
            return
        if message.y >= len(self.book) - self._height:
            self._follow()
        else:
            self._go(round(message.y))

    def _on_scroll_up(self, event: ScrollUp) -> None:
        _take(event)
        self.action_page_up()

    def _on_scroll_down(self, event: ScrollDown) -> None:
        _take(event)
        self.action_page_down()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Choose the line under the mouse; with shift all from the one chosen before."""
        if event.button == 1 and (sequence := self._under(event)) is not None:
            begin = self._chosen[0] if event.shift and self._chosen else sequence
            self._chosen = (begin, sequence)
            self.capture_mouse()
            self._changed()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Choose on to the line that the mouse was dragged to."""
        if self.app.mouse_captured is self and self._chosen and (sequence := self._under(event)) is not None:
            self._chosen = (self._chosen[0], sequence)
            self._changed()

    def on_mouse_up(self) -> None:
        self.release_mouse()

    def _under(self, event: events.MouseEvent) -> int | None:
        """The line under the mouse."""
        offset = event.get_content_offset(self)
        page = self._rows()
        return page[offset.y][0] if offset is not None and offset.y < len(page) else None


def _take(message: Message) -> None:
    """Keep a message from the widget's parents, and from the base class's own handler."""
    message.stop()
    message.prevent_default()
