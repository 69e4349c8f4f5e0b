"""The fleet as a field: a sign for each host, so that a thousand are seen at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from textual.geometry import Size

from console.commands.filters import Filter
from console.commands.lists import LiveList
from console.commands.rows import Cell, Tone
from console.commands.rows.base import GLYPHS
from console.model.host import Host
from console.tui.widgets.sign_field import SignField


class FleetMap(SignField):
    """Shows a live list of hosts.

    :param tone: how a host is.
    """

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
        self._key: str | None = None

    @property
    def list(self) -> LiveList[str, Host]:
        """What it shows; to be changed by its methods alone."""
        return self._list

    @property
    def host(self) -> Host | None:
        """The one that the cursor is on."""
        return self._list.row(self.cursor) if self._list else None

    @property
    def count(self) -> int:
        return len(self._list)

    def sign(self, number: int) -> Cell:
        tone = self._tone(self._list.row(number))
        return Cell(GLYPHS[tone], tone)

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
        places = [at for at, key in enumerate(self._list.keys) if key in update.touched]
        for line in {self.line_of(at) for at in places}:
            self.repaint(line)

    def set_filter(self, wanted: Filter | None) -> None:
        """Show only what `wanted` keeps. :raises UsageError: it cannot be asked of hosts."""
        self._list.set_filter(wanted)
        self._settle()

    def go(self, key: str) -> None:
        """Put the cursor on a host, if it is there."""
        self._key = key
        self._settle()

    # -- moving -----------------------------------------------------------------------------------

    def action_next_bad(self) -> None:
        """To the next host that something is wrong with."""
        count = self.count
        for step in range(1, count):
            at = (self.cursor + step) % count
            if self._tone(self._list.row(at)) in (Tone.BAD, Tone.WARN):
                self.move(at)
                return

    def move(self, to: int) -> None:
        if 0 <= to < self.count:
            self._key = self._list.keys[to]
        super().move(to)

    def _settle(self) -> None:
        """Other hosts are shown: the cursor stays with its own, or where it was."""
        keys = self._list.keys
        if self._key is not None and self._key in keys:
            self.cursor = keys.index(self._key)
        self.cursor = max(0, min(self.cursor, len(keys) - 1))
        self._key = keys[self.cursor] if keys else None
        self.virtual_size = Size(self.size.width, -(-len(keys) // self.across))
        self.refresh()
        self.post_message(self.Moved())
