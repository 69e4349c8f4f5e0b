"""Small screens over the view: the keys that work, and the choice of columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.table import Table
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import SelectionList, Static

from console.tui.widgets.fleet_columns import ColumnInfo

_CLOSE: list[BindingType] = [Binding("escape,q,question_mark", "app.pop_screen", "close", show=False)]


class HelpScreen(ModalScreen[None]):
    """The keys that work where the keyboard is, and everywhere."""

    BINDINGS: ClassVar[list[BindingType]] = _CLOSE

    def __init__(self, sections: Sequence[tuple[str, Sequence[tuple[str, str]]]]) -> None:
        super().__init__()
        self._sections = sections

    def compose(self) -> ComposeResult:
        table = Table.grid(padding=(0, 2))
        for heading, rows in self._sections:
            table.add_row("", f"[b]{heading}[/b]")
            for keys, text in rows:
                table.add_row(keys.replace("[", "\\["), text)
            table.add_row("", "")
        with VerticalScroll(id="dialog") as dialog:
            dialog.border_title = "keys"
            dialog.border_subtitle = "esc closes"
            yield Static(table)


class ColumnsScreen(ModalScreen[frozenset[str] | None]):
    """Which columns are shown; the answer is the titles of those that are not."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "cancel", "cancel", show=False),
        Binding("enter", "accept", "accept", show=False, priority=True),
    ]

    def __init__(self, columns: Sequence[ColumnInfo]) -> None:
        super().__init__()
        self._columns = columns

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="dialog"):
            yield Static("columns: space chooses, enter applies, esc cancels")
            yield SelectionList[str](
                *((column.title, column.title, not column.hidden) for column in self._columns)
            )

    def on_mount(self) -> None:
        self.query_one(SelectionList).focus()

    def action_cancel(self) -> None:
        self.dismiss(None)

    def action_accept(self) -> None:
        chosen = set(self.query_one(SelectionList).selected)
        self.dismiss(frozenset(column.title for column in self._columns if column.title not in chosen))
