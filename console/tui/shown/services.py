"""The services, as they are to be and as they are; and the instances of one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from console.commands.lists import LiveList
from console.commands.rows import Cell, Tone
from console.commands.rows.base import worst_first
from console.commands.rows.service import INSTANCE, SERVICE, ServiceRow, service_cell, service_head
from console.commands.service_book import InstanceKey, ServiceBook
from console.engine.service_states import By, Instance
from console.model.state import State
from console.tui.shown.list import ShownList
from console.tui.tables import Listed
from console.tui.views import View
from console.tui.widgets.document import Lines
from console.tui.widgets.document_text import DocumentText
from console.tui.work import work

_WORST_FIRST = replace(SERVICE, sort=lambda row: (*worst_first(service_cell(row))[:1], row.name))

#: A column of names is as wide as the longest, within these.
_NAME_WIDTHS = (16, 40)


class _OfBook(ShownList):
    """A list out of the service book; brought to the screen when it has changed."""

    #: The title of the column that names are in.
    NAMES: str

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._known: set[Any] = set()
        self._width = _NAME_WIDTHS[0]

    @property
    def book(self) -> ServiceBook | None:
        return self.deck.services

    @property
    def is_live(self) -> bool:
        return self.deck.store is not None and self.deck.store.state is State.LIVE

    def keys_now(self, book: ServiceBook) -> Iterable[Any]:
        """The keys of all rows."""
        raise NotImplementedError

    def name_of(self, key: Any) -> str:
        raise NotImplementedError

    def on_mount(self) -> None:
        super().on_mount()
        work(self, self._settle, "services")

    async def _settle(self) -> None:
        """Once it is known whether there is an etcd, and what it has."""
        await self.deck.memory()
        self.tick()

    def tick(self) -> None:
        if not self.is_mounted:
            return
        book = self.book
        if book is not None and book.ready:
            now = set(self.keys_now(book))
            widest = max((len(self.name_of(key)) for key in now), default=0)
            if widest > self._width < _NAME_WIDTHS[1]:
                self._width = min(widest, _NAME_WIDTHS[1])
                self.table.set_widths(self.widths | {self.NAMES: self._width})
            changed, self._known = self._known | now, now
            self.arrived(changed)
        if not self.filtered:
            self.table.set_empty(self._empty())
        super().tick()

    def _empty(self) -> str:
        remembering = self.deck.remembering
        if self.book is not None and self.book.ready:
            return self._listed.empty
        if remembering is not None and not remembering.settled.is_set():
            return "looking for etcd …"
        if self.book is not None:
            return "asking etcd …"
        why = remembering.why if remembering is not None else ""
        return f"✖ the fleet has no etcd: {why or 'none is named in [etcd]'}"

    def status(self) -> list[str]:
        told = super().status()
        book = self.book
        if book is None or not book.ready:
            return told
        if book.seen.leader is None:
            return [*told, "no engine: as it looks from here"]
        return [*told, f"told by {book.seen.leader.name}" if self.is_live else "etcd is away"]


class ShownServices(_OfBook):
    """Every service; enter leads to its instances."""

    NAMES = "SERVICE"

    def listed(self) -> Listed:
        live: LiveList[str, ServiceRow] = LiveList(_WORST_FIRST, self._look_up)
        empty = "no services: `service start FILE` (docs/services.md)"
        return Listed(live, lambda batch: (), lambda row: not self.is_live, empty)

    def keys_now(self, book: ServiceBook) -> Iterable[Any]:
        return book.rows

    def name_of(self, key: Any) -> str:
        return str(key)

    def _look_up(self, name: str) -> ServiceRow | None:
        return self.book.rows.get(name) if self.book is not None else None


class ShownService(_OfBook):
    """One service: what it is to be, and its instances."""

    DEFAULT_CSS = "ShownService #service { margin: 0 0 1 0; }"
    NAMES = "INSTANCE"

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Lines(id="service", classes="-wrap")
            with Horizontal():
                yield from super().compose()

    def listed(self) -> Listed:
        live: LiveList[InstanceKey, Instance] = LiveList(INSTANCE, self._look_up, host=self.deck.model.find)
        return Listed(
            live,
            lambda batch: (),
            lambda one: not self.is_live or one.by is By.LAST,
            "it has no instances",
            frozenset({"INSTANCE", "HOST"}),
        )

    def keys_now(self, book: ServiceBook) -> Iterable[Any]:
        return book.of(self.view.service or "")

    def name_of(self, key: Any) -> str:
        return str(key[1])

    def _look_up(self, key: InstanceKey) -> Instance | None:
        book = self.book
        return book.instances.get(key) if book is not None else None

    def tick(self) -> None:
        if not self.is_mounted:
            return
        super().tick()
        name, book = self.view.service or "", self.book
        text = DocumentText()
        if book is not None and book.ready:
            service, row = book.seen.manifest.services.get(name), book.rows.get(name)
            if service is None or row is None:
                text.put([(Cell(f"✖ there is no service {name} any more", Tone.BAD),)])
            else:
                text.put(service_head(service, row, book.seen))
        self.query_one("#service", Lines).show(text, wrap=True)
