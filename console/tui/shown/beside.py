"""A view with all that is known of one row beside it, where there is room."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from textual.widget import Widget

from console.tui.actions import Place
from console.tui.detail import Lines, detail
from console.tui.keys import bind
from console.tui.shown.base import Shown
from console.tui.views import View
from console.tui.widgets.document import Document

#: From so many columns on, the detail stands beside the rows.
BESIDE = 100


class ShownBeside(Shown):
    """Whoever inherits it composes `beside()` last, and tells with `tell_detail` that the row is another."""

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._wants_detail = True

    def beside(self) -> Iterator[Widget]:
        document = Document(id="detail", wrap=True)
        bind(document, Place.DETAIL, self.deck.keymap)
        document.display = self._has_room(self.deck.size.width)
        yield document

    def _has_room(self, width: int) -> bool:
        return self._wants_detail and width >= BESIDE

    def on_mount(self) -> None:
        self.tell_detail()

    def on_resize(self) -> None:
        self._place_detail()

    def _place_detail(self) -> None:
        self.query_one("#detail", Document).display = self._has_room(self.size.width)
        self.tell_detail()

    def tell_detail(self) -> None:
        """Show what is known of the row that the cursor is on now."""
        self.show_detail(lambda: self.about(self.row) if self.row is not None else [])

    def show_detail(self, lines: Callable[[], Lines]) -> None:
        """Have these stand beside, where there is room; they are made only then."""
        document = self.query_one("#detail", Document)
        if document.display:
            document.show(lines())

    def about(self, row: Any) -> Lines:
        """What is known of a row."""
        return detail(self.deck.look, row)

    def set_detail(self, wanted: bool) -> None:
        self._wants_detail = wanted
        self._place_detail()
