"""The fleet as a field: a sign for each host, so that a thousand are seen at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from console.commands.filters import Filter
from console.commands.lists import LiveList
from console.commands.rows import Tone
from console.commands.rows.base import GLYPHS
from console.model.host import Host
from console.tui.tones import CURSOR, TONE_CLASS, TONES, TONES_CSS

#: Columns of a host: its sign, and a blank.
_CELL = 2


class FleetMap(ScrollView, can_focus=True, inherit_bindings=False):
    """Shows a live list of hosts. Its keys are bound by `tui/keys.py`.

    :param tone: how a host is.
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {*TONES}
    DEFAULT_CSS = (
        TONES_CSS % {"widget": "FleetMap"}
        + """
    FleetMap { overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; padding: 0 1; }
    """
    )

    class Moved(Message):
        """The cursor is on another host."""

    class Chosen(Message):
        """The host was asked to open: enter or a double click."""

    def __init__(
        self,
        live: LiveList[str, Host],
        tone: Callable[[Host], Tone],
        *,
        id: str | None = None,  # noqa: A002 - Textual's own word
    ) -> None:
        super().__init__(id=id)
        self._list = live
        self._tone = tone
        self._cursor = 0
        self._key: str | None = None

    @property
    def list(self) -> LiveList[str, Host]:
        """What it shows; to be changed by its methods alone."""
        return self._list

    @property
    def host(self) -> Host | None:
        """The one that the cursor is on."""
        return self._list.row(self._cursor) if self._list else None

    def on_mount(self) -> None:
        self._settle()

    def on_resize(self) -> None:
        self._settle()

    # -- what the app tells it ------------------------------------------------------------------

    def apply(self, changed: Iterable[str], hosts: Collection[str] = ()) -> None:
        """Take in what changed, and repaint the lines that show it."""
        update = self._list.update(changed, hosts)
        if update.moved:
            self._settle()
            return
        places = {key: at for at, key in enumerate(self._list.keys) if key in update.touched}
        for y in {at // self._across for at in places.values()}:
            self.refresh(Region(0, y - self.scroll_offset.y, self.size.width, 1))

    def set_filter(self, wanted: Filter | None) -> None:
        """Show only what `wanted` keeps. :raises UsageError: it cannot be asked of hosts."""
        self._list.set_filter(wanted)
        self._settle()

    def go(self, key: str) -> None:
        """Put the cursor on a host, if it is there."""
        self._key = key
        self._settle()

    # -- moving -----------------------------------------------------------------------------------

    def action_left(self) -> None:
        """One host to the left."""
        self._move(self._cursor - 1)

    def action_right(self) -> None:
        """One host to the right."""
        self._move(self._cursor + 1)

    def action_up(self) -> None:
        """One row up."""
        self._move(self._cursor - self._across)

    def action_down(self) -> None:
        """One row down."""
        self._move(self._cursor + self._across)

    def action_top(self) -> None:
        """To the first host."""
        self._move(0)

    def action_bottom(self) -> None:
        """To the last host."""
        self._move(len(self._list) - 1)

    def action_next_bad(self) -> None:
        """To the next host that something is wrong with."""
        count = len(self._list)
        for step in range(1, count):
            at = (self._cursor + step) % count
            if self._tone(self._list.row(at)) in (Tone.BAD, Tone.WARN):
                self._move(at)
                return

    def _move(self, to: int) -> None:
        if not 0 <= to < len(self._list):
            return
        for place in (self._cursor, to):
            self.refresh(Region(0, place // self._across - self.scroll_offset.y, self.size.width, 1))
        self._cursor, self._key = to, self._list.keys[to]
        row = to // self._across
        if not self.scroll_offset.y <= row < self.scroll_offset.y + self.size.height:
            self.scroll_to(y=max(0, row - self.size.height // 2), animate=False)
        self.post_message(self.Moved())

    def _settle(self) -> None:
        """Other hosts are shown: the cursor stays with its own, or where it was."""
        keys = self._list.keys
        if self._key is not None and self._key in keys:
            self._cursor = keys.index(self._key)
        self._cursor = max(0, min(self._cursor, len(keys) - 1))
        self._key = keys[self._cursor] if keys else None
        self.virtual_size = Size(self.size.width, -(-len(keys) // self._across))
        self.refresh()
        self.post_message(self.Moved())

    # -- what is painted --------------------------------------------------------------------------

    @property
    def _across(self) -> int:
        """Hosts in a row."""
        return max(1, self.scrollable_content_region.width // _CELL)

    def render_line(self, y: int) -> Strip:
        """Row `y` of the screen."""
        base, width = self.rich_style, self.size.width
        start = (y + self.scroll_offset.y) * self._across
        cells: list[Segment] = []
        for at in range(start, min(start + self._across, len(self._list))):
            tone = self._tone(self._list.row(at))
            style = base + self._style(TONE_CLASS[tone])
            if at == self._cursor:
                style += self._style(CURSOR)
            cells += [Segment(GLYPHS[tone], style), Segment(" ", base)]
        return Strip(cells).adjust_cell_length(width, base).apply_style(base)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(name, partial=True)

    # -- the mouse --------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """The cursor goes where the mouse is; twice opens it."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        at = (offset.y + self.scroll_offset.y) * self._across + offset.x // _CELL
        if offset.x // _CELL < self._across and at < len(self._list):
            self._move(at)
            if event.chain == 2:
                self.post_message(self.Chosen())
