"""A page: the answer to one question about a unit or a container, or all that is known of a host."""

from __future__ import annotations

from contextlib import aclosing

from textual.app import ComposeResult

from console.commands.audit import records
from console.commands.container_looking import PAGE, container_page
from console.commands.looking import CONTAINER_QUESTIONS, UNIT_QUESTIONS
from console.commands.rows import Cell, Tone
from console.commands.rows.timeline import timeline_lines
from console.commands.service_looking import SERVICE_QUESTIONS
from console.commands.timeline import timeline
from console.engine.services import ServiceStore
from console.errors import QuarterdeckError, StoreError
from console.fleet.model import Changes, ContainerKey
from console.tui.actions import Place
from console.tui.detail import Lines, about_host
from console.tui.keys import bind
from console.tui.shown.audit import record_page
from console.tui.shown.base import Shown
from console.tui.targets import TIMELINE
from console.tui.views import View
from console.tui.widgets.document import Document
from console.tui.work import work

#: How far back it is looked for what happened before.
_BEFORE_S = 3600.0


class ShownPage(Shown):
    """Asks when it is mounted, and when it is told to."""

    CAN_SEARCH = True

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self.document = Document(id="main")

    def compose(self) -> ComposeResult:
        bind(self.document, Place.DETAIL, self.deck.keymap)
        yield self.document

    def on_mount(self) -> None:
        self.again()

    def take(self, batch: Changes) -> None:
        """A host's page is what the model knows of it, and changes with that."""
        view = self.view
        if view.host in batch.hosts and not (view.unit or view.container or view.question):
            self.document.show(self._about_host(view.host))

    def again(self) -> None:
        work(self, self._ask, "page")

    async def _ask(self) -> None:
        if self.view.host:
            self.document.show([(Cell(f"asking {self.view.host} …", Tone.FAINT),)])
        try:
            if self.view.container and self.view.question == PAGE:
                await self._about_container((self.view.host or "", self.view.container))
            else:
                self.document.show(await self._answer())
        except QuarterdeckError as error:
            self.document.show([(Cell(f"✖ {error}", Tone.BAD),)])

    async def _about_container(self, key: ContainerKey) -> None:
        """What its engine says, at once; then the rest. :raises QuarterdeckError: the engine does not say."""
        async with aclosing(container_page(self.deck.look, self.deck.core, key)) as pages:
            async for lines in pages:
                self.document.show(lines)

    async def _answer(self) -> Lines:
        """:raises QuarterdeckError: the host does not answer, or refuses; there is no such record."""
        view, look = self.view, self.deck.look
        if view.record and self.deck.core is not None:
            return await record_page(self.deck.core, view.record)
        if view.service:
            return await self._about_service(view.service, view.question or "")
        host = view.host or ""
        if view.question == TIMELINE:
            return await self._before(view)
        if view.unit and view.question in UNIT_QUESTIONS:
            return await UNIT_QUESTIONS[view.question](look, (host, view.unit))
        if view.container and view.question in CONTAINER_QUESTIONS:
            return await CONTAINER_QUESTIONS[view.question](look, (host, view.container))
        return self._about_host(host)

    async def _before(self, view: View) -> Lines:
        core, host = self.deck.core, view.host or ""
        about = view.unit or (f"container {view.label}" if view.container else host)
        done = [] if core is None else await records(core, self._note, _BEFORE_S)
        return timeline_lines(await timeline(self.deck.look, host, done, _BEFORE_S), about)

    def _note(self, text: str) -> None:
        self.notify(text, severity="warning", markup=False)

    async def _about_service(self, name: str, question: str) -> Lines:
        memory, book = await self.deck.memory(), self.deck.services
        if memory is None or book is None:
            raise StoreError("the fleet has no etcd", hint="E tells why")
        return await SERVICE_QUESTIONS[question](ServiceStore(memory.etcd), book.seen, self.deck.model, name)

    def _about_host(self, name: str) -> Lines:
        look = self.deck.look
        host = look.fleet.model.find(name)
        if host is None:
            return [(Cell(f"✖ {name} is not the fleet's any more", Tone.BAD),)]
        return about_host(look, host)

    def on_document_status_changed(self) -> None:
        self.post_message(self.StatusChanged())

    def status(self) -> list[str]:
        return [self.document.status()]

    def set_filter(self, text: str) -> None:
        self.document.set_filter(text)
        self.filtered = text

    def set_search(self, text: str) -> None:
        if not self.document.set_search(text) and text:
            self.notify("not found", severity="warning", timeout=3)

    def copy_text(self) -> str:
        return self.document.plain
