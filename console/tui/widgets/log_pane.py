"""The log of a view: it draws the rows that are on the screen, and nothing else.

append ──▶ LogBook (held, filtered in steps) ──LogPage──▶ places ──LogPainter──▶ strips
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from math import ceil
from typing import ClassVar

from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar, ScrollDown, ScrollTo, ScrollUp
from textual.strip import Strip
from textual.timer import Timer

from console.commands import clock
from console.commands.logbook import LogBook, Seek
from console.commands.logbook_filter import Line, LogFilter, Pattern
from console.model.log import LogItem
from console.tui.tones import CURSOR, TONES, TONES_CSS
from console.tui.widgets.log_choice import LogChoice
from console.tui.widgets.log_line import HOST_CLASSES, as_text
from console.tui.widgets.log_page import LogPage, Place
from console.tui.widgets.log_paint import LogPainter
from console.tui.widgets.log_status import status_text

#: Seconds between two steps of a filter or a search, and how long a step takes.
_STEP_EVERY_S, _STEP_S = 0.02, 0.006
#: Columns of one step to the side.
_SIDEWAYS = 16
_WHEEL_LINES = 3


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
    LogPane > .log--host-0 { color: $host-0; }
    LogPane > .log--host-1 { color: $host-1; }
    LogPane > .log--host-2 { color: $host-2; }
    LogPane > .log--host-3 { color: $host-3; }
    """
    )

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
        self._painter = LogPainter(
            self.book,
            lambda: self.rich_style,
            lambda look: self.get_component_rich_style(look, partial=True),
        )
        self._page = LogPage(self.book, self._painter.row_count)
        self._shift = 0
        self._seek: Seek | None = None
        self._choice = LogChoice(self.book)
        self._steps: Timer | None = None

    def on_mount(self) -> None:
        self._steps = self.set_interval(_STEP_EVERY_S, self._step, name="log steps", pause=True)
        self._changed()

    # -- what the app tells it ------------------------------------------------------------------

    def append(self, batch: Iterable[LogItem]) -> None:
        """Take new lines; painted once, however many there are."""
        hosts, page = len(self.book.hosts), self._page.rows()
        self.book.append(batch)
        if len(self.book.hosts) != hosts:
            self._painter.forget()
            self._changed()
        else:
            self._changed(page)

    def clear(self) -> None:
        """Forget all lines; filter and search stay."""
        self.book.clear()
        self._choice.clear()
        self._seek = None
        self._painter.forget()
        self._stand(self._page.follow)

    def set_filter(self, text: str) -> None:
        """Show only what `text` lets through (see `logbook_filter`); nothing is filtered with "".

        :raises UsageError: it cannot be read; what was shown stays.
        """
        self.book.set_filter(LogFilter.parse(text))
        self.book.work(_STEP_S)
        self._painter.forget()
        self._changed()

    def set_search(self, text: str) -> None:
        """Highlight `text` and go to the newest line on or above the page that holds it; "" ends it.

        :raises UsageError: it cannot be read; the search before it stays.
        """
        pattern = self._painter.pattern = Pattern.parse(text) if text else None
        self._seek = None
        self._painter.forget()
        if pattern is not None and (page := self._page.rows()):
            self._seek = Seek(self.book, pattern, page[-1][0], backwards=True, inclusive=True)
            self._search()
        self._changed()

    # -- what it tells --------------------------------------------------------------------------

    @property
    def following(self) -> bool:
        """Whether it stays with the newest line."""
        return self._page.following

    @property
    def unseen(self) -> int:
        """Lines that came since it ceased to follow."""
        return self._page.unseen

    @property
    def chosen(self) -> range:
        """The sequences of the chosen lines, those that are filtered out among them too."""
        return self._choice.sequences

    def status(self) -> str:
        """Everything that is set, and what there is, in one line."""
        painter = self._painter
        return status_text(
            self.book,
            unseen=None if self.following else self.unseen,
            search=painter.pattern.text if painter.pattern else None,
            searching=self._seek is not None,
            wrap=painter.wrap_at is not None,
            times=painter.times,
            shift=self._shift,
            by_host=painter.by_host,
        )

    def copy_text(self) -> str:
        """The chosen lines as text, or those on the page if none is chosen."""
        page = dict.fromkeys(sequence for sequence, _ in self._page.rows())
        return self._text_of(self._choice.shown() if self.chosen else page)

    def all_text(self) -> str:
        """The chosen lines as text, or all that are shown if none is chosen."""
        if self.chosen:
            return self._text_of(self._choice.shown())
        return self._text_of(map(self.book.sequence, range(len(self.book))))

    def _text_of(self, sequences: Iterable[int]) -> str:
        book, painter = self.book, self._painter
        return "\n".join(as_text(book.line(at), painter.look, painter.before(at)) for at in sequences)

    @property
    def line(self) -> Line | None:
        """The line that the keyboard is about: the one chosen last, else the lowest on the page."""
        rows = self._page.rows()
        at = self._choice.at if self._choice.at is not None else rows[-1][0] if rows else None
        return None if at is None or at < self.book.first else self.book.line(at)

    def mark(self, text: str) -> None:
        """Draw a line after the newest one, which says `text`."""
        self.book.mark(clock.now(), text)
        self._changed()

    def go_to_time(self, moment: datetime) -> bool:
        """Go to the first line that is not older; False if there is none."""
        found = self.book.at_time(moment)
        if found is None:
            return False
        self._show(found)
        return True

    # -- actions --------------------------------------------------------------------------------

    def action_up(self) -> None:
        """One row up."""
        self._move(-1)

    def action_down(self) -> None:
        """One row down."""
        self._move(1)

    def action_page_up(self) -> None:
        """One page up, but for a row."""
        self._move(1 - self._page.height)

    def action_page_down(self) -> None:
        """One page down, but for a row."""
        self._move(self._page.height - 1)

    def action_half_up(self) -> None:
        """Half a page up."""
        self._move(-(self._page.height // 2))

    def action_half_down(self) -> None:
        """Half a page down."""
        self._move(self._page.height // 2)

    def action_top(self) -> None:
        """To the oldest line."""
        self._stand(lambda: self._page.go(self.book.first))

    def action_bottom(self) -> None:
        """To the newest line, and stay with it."""
        self._stand(self._page.follow)

    def action_left(self) -> None:
        """To the left, where lines are cut."""
        self._sideways(-_SIDEWAYS)

    def action_right(self) -> None:
        """To the right, where lines are cut."""
        self._sideways(_SIDEWAYS)

    def action_toggle_wrap(self) -> None:
        """Break lines that are too long, or cut them."""
        self._painter.wrap_at = self._width if self._painter.wrap_at is None else None
        self._shift = 0
        self._page.whole_lines()
        self._painter.forget()
        self._changed()

    def action_toggle_follow(self) -> None:
        """Stand still, or go to the newest line and stay with it."""
        self._stand(self._page.pause if self.following else self._page.follow)

    def action_toggle_time(self) -> None:
        """Show the time, date and time, or neither."""
        self._painter.times = self._painter.times.next()
        self._painter.forget()
        self._changed()

    def action_toggle_color(self) -> None:
        """Give messages their hosts' colours, or those of their priorities only."""
        self._painter.by_host = not self._painter.by_host
        self._painter.forget()
        self._changed()

    def action_error_next(self) -> None:
        """To the next newer line that tells of something wrong."""
        self._seek_on(None, backwards=False)

    def action_error_previous(self) -> None:
        """To the next older line that tells of something wrong."""
        self._seek_on(None, backwards=True)

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
        self._choice.clear()
        self._changed()

    # -- where it stands ------------------------------------------------------------------------

    @property
    def _width(self) -> int:
        return max(self.scrollable_content_region.width, 1)

    def _move(self, rows: int) -> None:
        self._stand(lambda: self._page.move(rows))

    def _stand(self, move: Callable[[], None]) -> None:
        """Do what may move the page, and paint it."""
        move()
        self._changed()

    def _sideways(self, columns: int) -> None:
        if self._painter.wrap_at is not None:
            return
        strips = (self._painter.strips(sequence)[0] for sequence, _ in self._page.rows())
        most = max((strip.cell_length for strip in strips), default=0) - self._width
        # Where the page holds only shorter lines by now, what is already cut on the left stays so.
        self._shift = max(min(self._shift + columns, max(most, self._shift)), 0)
        self._changed()

    # -- search, and other work in steps --------------------------------------------------------

    def _search_on(self, *, backwards: bool) -> None:
        if self._painter.pattern is not None:
            self._seek_on(self._painter.pattern, backwards=backwards)

    def _seek_on(self, wanted: Pattern | None, *, backwards: bool) -> None:
        page = self._page.rows()
        if not page:
            return
        shown = range(page[0][0], page[-1][0] + 1)
        start = self._choice.at
        if start is None or start not in shown:
            start = shown.stop if backwards else shown.start - 1
        self._seek = Seek(self.book, wanted, start, backwards=backwards)
        self._search()

    def _search(self) -> None:
        """One step of the search under way."""
        seek = self._seek
        if seek is None or seek.work(_STEP_S):
            self._changed()
            return
        self._seek = None
        if seek.found is not None:
            self._show(seek.found)
        self._changed()
        self._say(self.SearchEnded(self, seek.found is not None, seek.wrapped))

    def _show(self, sequence: int) -> None:
        """Choose a line, and bring it onto the page with lines around it."""
        self._choice.choose(sequence)
        if any(shown == sequence for shown, _ in self._page.rows()):
            self._stand(self._page.pause)
        else:
            self._stand(lambda: self._page.go(sequence))
            self._move(-(self._page.height // 3))

    def _step(self) -> None:
        """Go on with what is too long for once."""
        if self.book.pending:
            page = self._page.rows()
            self.book.work(_STEP_S)
            self._changed(page)
        if self._seek is not None:
            self._search()

    # -- what is painted ------------------------------------------------------------------------

    def _changed(self, page: list[Place] | None = None) -> None:
        """The page may be another one: it is laid out and painted when its turn comes.

        :param page: its rows as they were, if nothing of it has changed but which they are.
        """
        self._page.forget(self.size.height)
        if not self.is_running or self._steps is None:
            return
        if self.book.pending or self._seek is not None:
            self._steps.resume()
        else:
            self._steps.pause()
        self._move_bar()
        if page is None or self._page.rows() != page:
            self.refresh()
        self._say(self.StatusChanged(self))

    def _move_bar(self) -> None:
        """Set the scrollbar. Not by scrolling: that would lay out the whole screen on each new line."""
        count, height, top = len(self.book), self._page.height, self._page.position
        self.set_reactive(LogPane.virtual_size, Size(self._width, max(count, height)))
        self.set_reactive(LogPane.scroll_y, float(top))
        if self.show_vertical_scrollbar:
            bar = self.vertical_scrollbar
            before = thumb(bar)
            bar.set_reactive(ScrollBar.window_virtual_size, max(count, height))
            bar.set_reactive(ScrollBar.window_size, height)
            bar.set_reactive(ScrollBar.position, float(top))
            if thumb(bar) != before:
                bar.refresh()

    def _say(self, message: Message) -> None:
        if self.is_running:
            self.post_message(message)

    def render_line(self, y: int) -> Strip:
        """Row `y` of the page."""
        base, width, rows = self._painter.base, self._width, self._page.rows()
        if y >= len(rows):
            return Strip.blank(width, base)
        sequence, row = rows[y]
        strip = self._painter.strips(sequence)[row].crop_extend(self._shift, self._shift + width, base)
        if sequence in self.chosen:
            base += self._painter.style(CURSOR)
        return strip.apply_style(base)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._painter.forget(styles=True)

    def on_resize(self) -> None:
        if self._painter.wrap_at is not None:
            self._painter.wrap_at = self._width
            self._painter.forget()
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
        position = max(round(message.y), 0)
        if position >= len(self.book) - self._page.height:
            self._stand(self._page.follow)
        else:
            self._stand(lambda: self._page.go(self.book.sequence(position)))

    def _on_scroll_up(self, event: ScrollUp) -> None:
        _take(event)
        self.action_page_up()

    def _on_scroll_down(self, event: ScrollDown) -> None:
        _take(event)
        self.action_page_down()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Choose the line under the mouse; with shift all from the one chosen before."""
        if event.button == 1 and (sequence := self._under(event)) is not None:
            (self._choice.extend if event.shift else self._choice.choose)(sequence)
            self.capture_mouse()
            self._changed()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Choose on to the line that the mouse was dragged to."""
        if self.app.mouse_captured is self and self._choice and (sequence := self._under(event)) is not None:
            self._choice.extend(sequence)
            self._changed()

    def on_mouse_up(self) -> None:
        self.release_mouse()

    def _under(self, event: events.MouseEvent) -> int | None:
        """The line under the mouse."""
        offset = event.get_content_offset(self)
        rows = self._page.rows()
        return rows[offset.y][0] if offset is not None and offset.y < len(rows) else None


def thumb(bar: ScrollBar) -> tuple[int, int]:
    """Where a scrollbar has its thumb, and how long it is, in eighths of a row: as fine as it is drawn."""
    height = bar.size.height
    if not (bar.window_size and bar.window_virtual_size > bar.window_size):
        return 0, height * 8
    length = max(1.0, bar.window_size * height / bar.window_virtual_size)
    start = (height - length) * bar.position / (bar.window_virtual_size - bar.window_size)
    return int(start * 8), ceil(length * 8)


def _take(message: Message) -> None:
    """Keep a message from the widget's parents, and from the base class's own handler."""
    message.stop()
    message.prevent_default()
