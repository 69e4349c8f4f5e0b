"""A view with more of one row beside it, where there is room: all that is known of it, or its log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from textual.containers import Container
from textual.widget import Widget

from console.tui.actions import Place
from console.tui.detail import Lines, detail
from console.tui.keys import bind
from console.tui.shown.base import Shown
from console.tui.shown.log import ShownLog
from console.tui.targets import target
from console.tui.views import Kind, View
from console.tui.widgets.bars import Bar
from console.tui.widgets.document import Document
from console.tui.work import work

#: From so many columns on, the detail stands beside the rows.
BESIDE = 100
#: A cursor that stays on a row for so many seconds is not on its way to another, whose log it would be.
_STAYS_S = 0.25


class ShownBeside(Shown):
    """Whoever inherits it composes `beside()` last, and tells with `tell_detail` that the row is another."""

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._wants_detail = True
        self._wants_log = False
        self._followed: View | None = None

    def beside(self) -> Iterator[Widget]:
        document = Document(id="detail", wrap=True)
        bind(document, Place.DETAIL, self.deck.keymap)
        log = Container(Bar(id="log-head"), id="log-beside")
        document.display = self._has_room(self.deck.size.width)
        log.display = False
        yield document
        yield log

    def _has_room(self, width: int) -> bool:
        return (self._wants_detail or self._wants_log) and width >= BESIDE

    def on_mount(self) -> None:
        self._place_beside()

    def on_resize(self) -> None:
        self._place_beside()

    def _place_beside(self) -> None:
        room = self._has_room(self.size.width or self.deck.size.width)
        self.query_one("#detail", Document).display = room and not self._wants_log
        self.query_one("#log-beside", Container).display = room and self._wants_log
        self.tell_detail()

    @property
    def known(self) -> Any:
        """What the detail is about: the row that the cursor is on."""
        return self.row

    def tell_detail(self) -> None:
        """Show what is known of the row that the cursor is on now, or follow its log."""
        self.show_detail(lambda: self.about(self.known) if self.known is not None else [])
        shown = self.query_one("#log-beside", Container).display
        log = log_of(self.row) if shown else None
        if log != self._followed:
            self._followed = log
            work(self, self._follow, "log beside")

    async def _follow(self) -> None:
        """Have the log of the row in place of the one of the row before it."""
        beside = self.query_one("#log-beside", Container)
        await beside.remove_children(ShownLog)
        head = self.query_one("#log-head", Bar)
        head.show(" › ".join(self._followed.crumbs()) if self._followed is not None else "")
        if self._followed is not None:
            await asyncio.sleep(_STAYS_S)
            await beside.mount(ShownLog(self._followed, beside=True))

    def on_shown_status_changed(self) -> None:
        for log in self.query(ShownLog):
            told = [" › ".join(log.view.crumbs()), *log.status(), f"/{log.filtered}" if log.filtered else ""]
            self.query_one("#log-head", Bar).show("   ".join(filter(None, told)))

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
        self._place_beside()

    def set_log(self, wanted: bool) -> None:
        self._wants_log = wanted
        self._place_beside()


def log_of(row: Any) -> View | None:
    """The log of a host, unit, container, service or instance; None of anything else."""
    found = target(row, View(Kind.WATCH)) if row is not None else None
    return found and replace(found, kind=Kind.LOGS)
