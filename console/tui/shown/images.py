"""What runs where, by image: what is denied or behind first, and beside it where it runs."""

from __future__ import annotations

from typing import Any

from console.commands.container_behind import denials
from console.commands.container_standing import standings
from console.commands.image_board import ImageBoard, ImageKey, ImageRow
from console.commands.lists import LiveList
from console.commands.rows.image_line import IMAGE, image_lines
from console.fleet.memory import Memory
from console.model.state import Source
from console.tui.detail import Lines
from console.tui.shown.list import ShownList
from console.tui.tables import Listed, is_old
from console.tui.views import Kind, View
from console.tui.work import work


class ShownImages(ShownList):
    """Asks once about each tag that something follows, and about all of them again when told to.

    What is offered of a row is offered of its containers.
    """

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._board: ImageBoard
        self._memory: Memory | None = None
        self._asking = False

    def listed(self) -> Listed:
        model = self.deck.model
        board = self._board = ImageBoard(model)
        live: LiveList[ImageKey, ImageRow] = LiveList(IMAGE, board.look_up)
        live.update(board.update((box.host, box.id) for box in model.containers()))
        return Listed(
            live,
            lambda batch: board.update(batch.containers),
            lambda row: all(is_old(model, host, Source.CONTAINERS) for host in row.hosts),
            "no containers",
            frozenset({"IMAGE"}),
        )

    def on_mount(self) -> None:
        super().on_mount()
        self._ask()

    def again(self) -> None:
        self._board.forget()
        self._ask()

    def _ask(self) -> None:
        self._asking = True
        work(self, self._ask_all, "images")

    async def _ask_all(self) -> None:
        try:
            self._memory = await self.deck.memory()
            told = await standings(self.deck.look, self._board.unasked())
        finally:
            self._asking = False
        self.arrived(self._board.told(told) | self._board.deny(denials(self._memory)))

    def tick(self) -> None:
        super().tick()
        if not self.is_mounted or self._asking:
            return
        if changed := self._board.deny(denials(self._memory)):
            self.arrived(changed)
        if self._board.unasked():
            self._ask()

    @property
    def rows(self) -> list[Any]:
        found = super().rows
        return [box for row in found if isinstance(row, ImageRow) for box in row.containers]

    @property
    def opens(self) -> View | None:
        """Its containers."""
        row = self.row
        return View(Kind.CONTAINERS, image=(row.image, row.content)) if isinstance(row, ImageRow) else None

    def about(self, row: Any) -> Lines:
        return image_lines(row)

    def status(self) -> list[str]:
        live = self.table.list
        shown = [live.row(at) for at in range(len(live))]
        behind, denied = sum(bool(row.behind) for row in shown), sum(row.denied is not None for row in shown)
        told = [f"{count} {word}" for count, word in ((denied, "denied"), (behind, "behind")) if count]
        return [*super().status(), *(told or ["asking …"] if self._asking else told)]
