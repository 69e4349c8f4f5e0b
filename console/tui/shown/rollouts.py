"""The rollouts there are: those that go on first, and beside them how far one is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from console.commands import clock
from console.commands.lists import LiveList
from console.commands.rollout_book import RolloutBook
from console.commands.rollout_picture import head_lines
from console.commands.rows.rollout import ROLLOUT
from console.model.state import State
from console.rollouts.rollout import Account
from console.tui.detail import Lines
from console.tui.shown.list import ShownList
from console.tui.tables import Listed
from console.tui.views import Kind, View
from console.tui.work import work

#: Of the line that shows how far one is, beside the list.
_WIDTH = 36


def _order(account: Account) -> tuple[bool, float]:
    return account.rollout.state.over, -account.rollout.created.timestamp()


#: What goes on before what is over, the newest first.
_NEWEST_FIRST = replace(ROLLOUT, sort=_order)


class ShownRollouts(ShownList):
    """`rollout list`, live."""

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._book: RolloutBook | None = None

    def listed(self) -> Listed:
        live: LiveList[str, Account] = LiveList(_NEWEST_FIRST, self._look_up)
        return Listed(live, lambda batch: (), lambda row: not self._is_live, "looking for rollouts …")

    @property
    def _is_live(self) -> bool:
        return self.deck.store is not None and self.deck.store.state is State.LIVE

    def _look_up(self, identity: str) -> Account | None:
        return self._book.look_up(identity) if self._book is not None else None

    def on_mount(self) -> None:
        super().on_mount()
        work(self, self._follow, "rollouts")

    async def _follow(self) -> None:
        memory = await self.deck.memory()
        if memory is None:
            self.table.set_empty("rollouts are kept in etcd, and the fleet has none")
            return
        self.table.set_empty("no rollout yet: `host update` begins one")
        self._book = book = RolloutBook(memory)
        work(self, book.run, "rollouts of etcd")
        while True:
            changed, _ = await book.batch(1 / self.deck.rate)
            self.arrived(changed)

    @property
    def opens(self) -> View | None:
        account = self.row
        return None if account is None else View(Kind.ROLLOUT, rollout=account.rollout.id)

    def about(self, row: Any) -> Lines:
        identity = row.rollout.id
        book = self._book
        assert book is not None  # it has the row
        return head_lines(row, clock.now(), lambda name: book.waiting_since(identity, name), _WIDTH)

    def status(self) -> list[str]:
        problems = len(self._book.problems) if self._book is not None else 0
        return [*super().status(), f"{problems} keys cannot be read" if problems else ""]

    def tick(self) -> None:
        self.table.apply(())  # whether they are old may have changed
        super().tick()
