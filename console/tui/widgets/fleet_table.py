"""The table of a view: it draws the rows that are on the screen, and of those only what changed.

    changed keys ──▶ LiveList (filtered, sorted) ──signature of each visible line──▶ lines to repaint

What a line shows is told by its signature: key, row, cursor, mark, staleness. A change that alters no
signature on the screen paints nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Generic, TypeVar

from textual import events
from textual.cache import FIFOCache
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from console.commands.filters import Filter
from console.commands.lists import LiveList, Update
from console.commands.rows import Tone
from console.tui.tones import TONE_CLASS, TONES, TONES_CSS
from console.tui.widgets.fleet_columns import ColumnInfo, Layout, lay_out
from console.tui.widgets.fleet_page import Anchor, FleetPage
from console.tui.widgets.fleet_row import Flags, Painter

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")

#: Rows whose strips are kept; a few pages.
_STRIPS_KEPT = 512
_HEADING_LINES = 1

_Signature = tuple[Any, Any, Flags]


class FleetTable(ScrollView, Generic[K, R], can_focus=True, inherit_bindings=False):
    """Shows a live list. Its keys are bound by `tui/keys.py`.

    :param stale: whether a row is no longer what its host says now.
    :param fresh: titles of columns that are right even then.
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {*TONES}
    DEFAULT_CSS = (
        TONES_CSS % {"widget": "FleetTable"}
        + """
    FleetTable { overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; }
    """
    )

    class _Told(Message):
        def __init__(self, table: FleetTable[Any, Any]) -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> FleetTable[Any, Any]:
            return self.table

    class Chosen(_Told):
        """The row was asked to open: enter or a double click."""

        def __init__(self, table: FleetTable[Any, Any], key: Any) -> None:
            super().__init__(table)
            self.key = key

    class Moved(_Told):
        """The cursor is on another row; `key` is None where there are no rows."""

        def __init__(self, table: FleetTable[Any, Any], key: Any) -> None:
            super().__init__(table)
            self.key = key

    class SortChanged(_Told):
        """It was sorted anew by the one who looks at it; `table.list.sort` says how."""

    class MarksChanged(_Told):
        """Other rows are marked."""

    def __init__(
        self,
        live: LiveList[K, R],
        *,
        stale: Callable[[R], bool] | None = None,
        fresh: Collection[str] = (),
        empty: str = "",
        name: str | None = None,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._list = live
        self._stale = stale
        self._fresh = fresh
        self._empty = empty
        self._page = FleetPage(live)
        self._hidden: frozenset[str] = frozenset()
        self._wider: dict[str, int] = {}
        self._layout_of: tuple[int, Layout] | None = None
        self._paint: Painter | None = None
        self._strips: FIFOCache[K, tuple[_Signature, Strip]] = FIFOCache(_STRIPS_KEPT)
        self._painted: dict[int, _Signature | None] = {}

    def on_mount(self) -> None:
        self._settle(None)

    # -- reading ----------------------------------------------------------------------------

    @property
    def list(self) -> LiveList[K, R]:
        """What is shown. Changed through the table's own methods."""
        return self._list

    @property
    def cursor_key(self) -> K | None:
        """The row the cursor is on; None where there are no rows."""
        return self._page.cursor

    @property
    def cursor_row(self) -> R | None:
        return None if self._page.cursor is None else self._list.get(self._page.cursor)

    @property
    def marked(self) -> frozenset[K]:
        """The marked rows, those that a filter hides too."""
        return self._page.marks

    @property
    def columns(self) -> tuple[ColumnInfo, ...]:
        """Every column, for a choice of them."""
        fitting = {index for index, _ in self._layout_now().places}
        return tuple(
            ColumnInfo(column.title, column.title in self._hidden, index in fitting)
            for index, column in enumerate(self._list.columns)
        )

    # -- being told -------------------------------------------------------------------------

    def apply(self, changed: Iterable[K], hosts: Collection[str] = ()) -> Update[K]:
        """Take in what changed, and repaint those lines on the screen that show something else now.

        :param hosts: names of hosts that changed, whose labels or state a filter may go by.
        """
        anchor = self._anchor()
        update = self._list.update(changed, hosts)
        if update.moved:
            self._settle(anchor)
        self._repaint()
        return update

    def set_filter(self, wanted: Filter | None) -> None:
        """Show only what `wanted` keeps.

        :raises UsageError: it selects by labels, and these rows are of no host.
        """
        anchor = self._anchor()
        self._list.set_filter(wanted)
        self._settle(anchor)
        self._repaint()

    def set_sort(self, title: str | None, reverse: bool = False) -> None:
        """Sort by a column, or by the kind's own order.

        :raises UsageError: there is no such column.
        """
        anchor = self._anchor()
        self._list.set_sort(title, reverse)
        self._settle(anchor)
        self._repaint()
        self.refresh(Region(0, 0, self.size.width, _HEADING_LINES))

    def set_hidden(self, titles: Iterable[str]) -> None:
        """Leave out the columns of these titles; all others are shown as far as they fit."""
        self._hidden = frozenset(titles)
        self._redraw()

    def set_widths(self, widths: Mapping[str, int]) -> None:
        """Widths by title, where more is known than a column declares: the longest name of a host."""
        if widths != self._wider:
            self._wider = dict(widths)
            self._redraw()

    def set_empty(self, text: str) -> None:
        """What stands there while there are no rows."""
        if text != self._empty:
            self._empty = text
            if not self._list:
                self.refresh()

    def refresh_ages(self) -> None:
        """Repaint the visible rows whose ages read otherwise by now."""
        if not any(self._list.columns[index].ticks for index, _ in self._layout_now().places):
            return
        for y in self._lines():
            signature = self._signature(y)
            if signature is not None and signature == self._painted.get(y):
                before = self._strips.get(signature[0])
                strip = self._draw(signature)
                if before is None or before[1] != strip:
                    self._strips[signature[0]] = (signature, strip)
                    self._refresh_at(y)

    # -- the cursor -------------------------------------------------------------------------

    def move_to(self, key: K) -> bool:
        """Put the cursor on a row; False if it is not shown."""
        index = self._list.index(key)
        if index is None:
            return False
        self._move(index)
        return True

    def action_cursor_down(self) -> None:
        self._move(self._page.at + 1)

    def action_cursor_up(self) -> None:
        self._move(self._page.at - 1)

    def action_page_down(self) -> None:
        self._move(self._page.at + self._height)

    def action_page_up(self) -> None:
        self._move(self._page.at - self._height)

    def action_half_down(self) -> None:
        self._move(self._page.at + max(1, self._height // 2))

    def action_half_up(self) -> None:
        self._move(self._page.at - max(1, self._height // 2))

    def action_top(self) -> None:
        self._move(0)

    def action_bottom(self) -> None:
        self._move(len(self._list) - 1)

    def action_choose(self) -> None:
        if self._page.cursor is not None:
            self.post_message(self.Chosen(self, self._page.cursor))

    def _move(self, index: int) -> None:
        with self._telling():
            self._page.move(index)
        self._show_cursor()
        self._repaint()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Say afterwards if the cursor is on another row, or others are marked."""
        page = self._page
        cursor, marks = page.cursor, page.marks
        yield
        if page.cursor != cursor:
            self.post_message(self.Moved(self, page.cursor))
        if page.marks != marks:
            self.post_message(self.MarksChanged(self))

    def _show_cursor(self) -> None:
        self._scroll(self._page.reach(self.scroll_offset.y, self._height))

    # -- marks ------------------------------------------------------------------------------

    def action_mark(self) -> None:
        self._mark(self._page.mark)

    def action_mark_range(self) -> None:
        self._mark(self._page.mark_range)

    def action_mark_all(self) -> None:
        self._mark(self._page.mark_all)

    def action_clear_marks(self) -> None:
        self._mark(self._page.clear_marks)

    def _mark(self, change: Callable[[], None]) -> None:
        with self._telling():
            change()
        self._repaint()

    # -- sorting ----------------------------------------------------------------------------

    def action_sort_next(self) -> None:
        """By the column after the one it is sorted by; after the last, in the kind's own order."""
        titles = [None, *(self._list.columns[index].title for index, _ in self._layout_now().places)]
        now = self._list.sort[0]
        after = titles[(titles.index(now) + 1) % len(titles)] if now in titles else None
        self._sort_by(after, reverse=False)

    def action_sort_reverse(self) -> None:
        title, reverse = self._list.sort
        self._sort_by(title, reverse=not reverse)

    def _sort_by(self, title: str | None, *, reverse: bool) -> None:
        self.set_sort(title, reverse)
        self.post_message(self.SortChanged(self))

    # -- the mouse --------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        place = event.get_content_offset(self)
        if place is None:
            return
        event.stop()
        if place.y < _HEADING_LINES:
            index = self._layout_now().at(place.x)
            if index is not None:
                title, reverse = self._list.sort
                wanted = self._list.columns[index].title
                self._sort_by(wanted, reverse=title == wanted and not reverse)
            return
        row = self.scroll_offset.y + place.y - _HEADING_LINES
        if row < len(self._list):
            self._move(row)
            if event.chain == 2:
                self.action_choose()

    # -- where things are -------------------------------------------------------------------

    @property
    def _width(self) -> int:
        # The scroll bar is drawn over the last cells of what Textual calls the size.
        return max(1, self.size.width - self.scrollbar_size_vertical)

    @property
    def _height(self) -> int:
        return max(1, self.size.height - _HEADING_LINES)

    def _lines(self) -> range:
        return range(_HEADING_LINES, self.size.height)

    def _anchor(self) -> Anchor[K] | None:
        return self._page.anchor(self.scroll_offset.y, self._height)

    def _settle(self, anchor: Anchor[K] | None) -> None:
        """Find cursor and screen their places in a list that has other rows now."""
        top = self.scroll_offset.y
        on_screen = self._page.sees(top, self._height)
        with self._telling():
            self._page.find()
            self._page.keep_marks()
        height = len(self._list) + _HEADING_LINES
        if height != self.virtual_size.height:
            # The scroll bar is always there, so a list that grows needs no layout of the whole screen.
            self.set_reactive(Widget.virtual_size, Size(self.size.width, height))
            if self._vertical_scrollbar is not None:
                self._vertical_scrollbar.window_virtual_size = height
        if self.is_mounted:
            self._scroll(self._page.follow(anchor, top))
            if on_screen:
                self._show_cursor()

    def _scroll(self, top: int) -> None:
        top = max(0, min(top, len(self._list) - self._height))
        if top != self.scroll_offset.y:
            self.scroll_to(y=top, animate=False, force=True)

    def on_resize(self) -> None:
        self._settle(None)
        self._show_cursor()

    # -- drawing ----------------------------------------------------------------------------

    def _layout_now(self) -> Layout:
        width = self._width
        if self._layout_of is None or self._layout_of[0] != width:
            self._strips.clear()
            self._layout_of = width, lay_out(self._list.columns, self._hidden, self._wider, width)
        return self._layout_of[1]

    def _signature(self, y: int) -> _Signature | None:
        """What the line shows; None if no row."""
        index = self.scroll_offset.y + y - _HEADING_LINES
        if index >= len(self._list):
            return None
        key, row = self._list.keys[index], self._list.row(index)
        stale = self._stale is not None and self._stale(row)
        return key, row, Flags(key == self._page.cursor, key in self._page.marks, stale)

    def _repaint(self) -> None:
        """Have those lines drawn that do not show what they should."""
        for y in self._lines():
            signature = self._signature(y)
            if y not in self._painted or signature != self._painted[y]:
                self._refresh_at(y)

    def _refresh_at(self, y: int) -> None:
        self.refresh(Region(0, y, self.size.width, 1))

    def _redraw(self) -> None:
        """Columns or styles are others: nothing that was drawn holds."""
        self._layout_of = None
        self._strips.clear()
        self._painted.clear()
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._paint = None
        self._strips.clear()

    def _painter(self) -> Painter:
        if self._paint is None:
            self._paint = Painter(
                self.rich_style,
                lambda name: self.get_component_rich_style(name, partial=True),
                self._fresh,
            )
        return self._paint

    def _draw(self, signature: _Signature) -> Strip:
        _, row, flags = signature
        layout = self._layout_now()
        return self._painter().row(self._list.columns, layout, row, flags, self._width)

    def render_line(self, y: int) -> Strip:
        layout, width = self._layout_now(), self._width
        if y < _HEADING_LINES:
            return self._painter().heading(self._list.columns, layout, self._list.sort, width)
        signature = self._painted[y] = self._signature(y)
        if signature is None:
            text = self._empty if y == _HEADING_LINES and not self._list else ""
            return self._painter().line(f"   {text}" if text else "", TONE_CLASS[Tone.FAINT], width)
        kept = self._strips.get(signature[0])
        if kept is None or kept[0] != signature:
            kept = self._strips[signature[0]] = signature, self._draw(signature)
        return kept[1]
