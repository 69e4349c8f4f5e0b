"""A list of rows, and beside it all that is known of the one the cursor is on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textual.app import ComposeResult

from console.commands.filters import Filter
from console.fleet.model import Changes
from console.tui.actions import Place
from console.tui.keys import bind
from console.tui.shown.base import Memory
from console.tui.shown.beside import ShownBeside
from console.tui.tables import Listed, listed
from console.tui.views import View
from console.tui.widgets.fleet_table import FleetTable

#: A column of hosts is as wide as the longest name, but for a name that would leave no room for the rest.
_HOST_WIDTHS = (8, 24)


class ShownList(ShownBeside):
    """One of the lists of `tui/tables.py`."""

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._listed: Listed
        #: Of columns, by title, where more is known than they declare.
        self.widths: dict[str, int] = {}
        self._cursor: Any = None  # where it was when the list was left, until that row is there
        self.table: FleetTable[Any, Any]

    def compose(self) -> ComposeResult:
        deck = self.deck
        self._listed = self.listed()
        self.table = FleetTable(
            self._listed.live,
            stale=self._listed.stale,
            fresh=self._listed.fresh,
            empty=self._listed.empty,
            id="main",
        )
        least, most = _HOST_WIDTHS
        names = [len(host.name) for host in deck.model.hosts()]
        self.widths = {"HOST": min(max(names, default=least), most)}
        self.table.set_widths(self.widths)
        bind(self.table, Place.LIST, deck.keymap)
        yield self.table
        yield from self.beside()

    def listed(self) -> Listed:
        """The list that it shows, filled as far as it can be at once."""
        return listed(self.view, self.deck.model, self.deck.board)

    def on_fleet_table_moved(self) -> None:
        self.tell_detail()

    def on_fleet_table_marks_changed(self) -> None:
        self.post_message(self.StatusChanged())

    @property
    def row(self) -> Any:
        return self.table.cursor_row

    @property
    def rows(self) -> list[Any]:
        live = self.table.list
        marked = [live.get(key) for key in live.keys if key in self.table.marked]
        return [row for row in marked or [self.row] if row is not None]

    def status(self) -> list[str]:
        live = self.table.list
        parts = [f"{len(live)} of {live.total}" if live.filter else f"{live.total}"]
        if marked := len(self.table.marked):
            parts.append(f"{marked} marked")
        return parts

    def arrived(self, changed: Iterable[Any]) -> None:
        """Rows that no batch of changes tells of have come, changed or gone, by their keys."""
        update = self.table.apply(changed)
        if self._cursor is not None:
            keys = self.table.list.keys
            moved = bool(keys) and self.table.cursor_key not in (None, keys[0])
            if moved or self.table.move_to(self._cursor):
                self._cursor = None
        if self.table.cursor_key in update.touched:
            self.tell_detail()
        self.post_message(self.StatusChanged())

    def take(self, batch: Changes) -> None:
        update = self.table.apply(set(self._listed.changed(batch)), batch.hosts)
        if self.table.cursor_key in update.touched:
            self.tell_detail()

    def tick(self) -> None:
        self.table.refresh_ages()

    def set_filter(self, text: str) -> None:
        self.table.set_filter(Filter.parse(text) if text.strip() else None)
        self.table.set_empty(f"nothing matches /{text}; esc takes it back" if text else self._listed.empty)
        self.filtered = text

    def memory(self) -> Memory:
        table = self.table
        hidden = frozenset(column.title for column in table.columns if column.hidden)
        return Memory(self.filtered, table.cursor_key, table.list.sort, hidden)

    def recall(self, memory: Memory, *, again: bool) -> None:
        self.table.set_hidden(memory.hidden)
        self.table.set_sort(*memory.sort)
        super().recall(memory, again=again)
        if again and memory.cursor is not None and not self.table.move_to(memory.cursor):
            self._cursor = memory.cursor

    def clear_marks(self) -> bool:
        if not self.table.marked:
            return False
        self.table.action_clear_marks()
        return True

    def copy_text(self) -> str:
        return "\n".join("  ".join(self.table.list.kind.key(row)) for row in self.rows)
