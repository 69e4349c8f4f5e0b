"""One rollout while it goes on: how far it is, what it waits for, and each of its targets as a sign."""

from __future__ import annotations

import time
from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical

from console.commands import clock
from console.commands.command import Command
from console.commands.rollout import RolloutPause, RolloutResume
from console.commands.rollout_book import RolloutBook
from console.commands.rollout_picture import PENDING, head_lines, sign, target_lines
from console.commands.rows import Cell, Tone
from console.commands.values import ago
from console.model.host import Host
from console.model.state import State as StoreState
from console.rollouts.pacing import Position
from console.rollouts.rollout import Account, State, Target
from console.tui.actions import Place
from console.tui.detail import Lines
from console.tui.keys import bind
from console.tui.shown.base import Memory
from console.tui.shown.beside import ShownBeside
from console.tui.views import Kind, View
from console.tui.widgets.document import Lines as LinesWidget
from console.tui.widgets.document_text import DocumentText
from console.tui.widgets.wave_field import WaveField
from console.tui.work import work

#: Lines of the screen for each target that is told of in words.
_LINES_A_WORD = 8


#: What stands above the field is laid out anew when it changes, and counts change all the time. Seconds.
_HEAD_EVERY_S = 0.5


class ShownRollout(ShownBeside):
    """Follows one rollout. What is offered is offered of the rollout; enter leads to the target's host."""

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._rollout = view.rollout or ""
        self._book: RolloutBook | None = None
        self._account: Account | None = None
        self._numbers: dict[str, int] = {}
        self._wanted: str | None = None  # where the cursor was when it was left
        self._due = 0.0
        self._head = LinesWidget(id="rollout-head", classes="-wrap")
        self.field = WaveField(self._sign, self._heading, self._busy, id="main")

    def compose(self) -> ComposeResult:
        bind(self.field, Place.FIELD, self.deck.keymap)
        with Vertical(id="rollout"):
            yield self._head
            yield self.field
        yield from self.beside()

    def on_mount(self) -> None:
        super().on_mount()
        work(self, self._follow, "rollout")

    # -- what comes -------------------------------------------------------------------------

    async def _follow(self) -> None:
        memory = await self.deck.memory()
        if memory is None:
            self._say("rollouts are kept in etcd, and the fleet has none")
            return
        self._book = book = RolloutBook(memory, self._rollout)
        work(self, book.run, "rollout of etcd")
        while True:
            _, targets = await book.batch(1 / self.deck.rate)
            self._take(book, targets)

    def _take(self, book: RolloutBook, targets: set[str]) -> None:
        before, account = self._account, book.look_up(self._rollout)
        self._account = account
        if account is None:
            problem = next(iter(book.problems.values()), None)
            self._say(
                f"{self._rollout} cannot be read: {problem}"
                if problem
                else f"there is no rollout {self._rollout}"
            )
            self.field.set_waves(())
            return
        if before is None or before.rollout.order != account.rollout.order:
            self._numbers = {name: number for number, name in enumerate(account.rollout.order)}
        self.field.set_waves(account.rollout.waves)
        if self._wanted is not None:
            self.field.move(self._numbers.get(self._wanted, 0))
            self._wanted = None
        self.field.changed(self._numbers[name] for name in targets if name in self._numbers)
        if before is None or (self.target is not None and self.target.id in targets):
            self.tell_detail()
            self.post_message(self.StatusChanged())
        if before is None or before.rollout != account.rollout or time.monotonic() >= self._due:
            self.tick()

    # -- what is drawn ----------------------------------------------------------------------

    def _say(self, text: str) -> None:
        self._draw([(Cell(text, Tone.FAINT),)])

    def tick(self) -> None:
        account, book = self._account, self._book
        if account is None or book is None or not self.is_mounted:
            return
        self._due = time.monotonic() + _HEAD_EVERY_S
        now, width = clock.now(), self._head.size.width or self.size.width
        told = max(2, self.size.height // _LINES_A_WORD)
        lines = head_lines(account, now, lambda name: book.waiting_since(self._rollout, name), width, told)
        store = self.deck.store
        if store is not None and store.state is not StoreState.LIVE:
            heard = ago(store.contact, now)
            lines.insert(0, (Cell.state(f"etcd does not answer: this is {heard} old", Tone.BAD),))
        self._draw(lines)

    def _draw(self, lines: Lines) -> None:
        text = DocumentText()
        text.put(lines)
        self._head.show(text, wrap=True)

    def _sign(self, number: int) -> Cell:
        account = self._account
        if account is None:
            return PENDING
        return sign(account.progress.get(account.rollout.targets[number].id))

    def _heading(self, wave: int) -> str:
        account = self._account
        if account is None:
            return ""
        ends = account.rollout.waves
        begin, end = ends[wave - 2] if wave > 1 else 0, ends[wave - 1]
        targets = account.rollout.targets[begin:end]
        done = sum(account.position(target.id) is Position.GOOD for target in targets)
        return f"wave {wave}: {done} of {end - begin}"

    def _busy(self, number: int) -> bool:
        account = self._account
        if account is None:
            return False
        position = account.position(account.rollout.targets[number].id)
        return position in (Position.UNDER_WAY, Position.BAD)

    # -- what the keyboard is about ---------------------------------------------------------

    @property
    def target(self) -> Target | None:
        """The target that the cursor is on."""
        account = self._account
        return None if account is None else account.rollout.targets[self.field.cursor]

    @property
    def row(self) -> Host | None:
        return self.deck.model.find(self.target.host) if self.target is not None else None

    @property
    def opens(self) -> View | None:
        return None if self.row is None else View(Kind.PAGE, self.row.name)

    @property
    def known(self) -> Target | None:
        """A target is told of although its host is no longer the fleet's."""
        return self.target

    def about(self, row: Any) -> Lines:
        assert self._account is not None
        host = self.deck.model.find(row.host)
        known = super().about(host) if host is not None else []
        return [*target_lines(self._account, row.id), (), *known]

    @property
    def pausing(self) -> Command | None:
        if self._account is None:
            return None
        match self._account.rollout.state:
            case State.RUNNING:
                return RolloutPause(id=self._rollout)
            case State.PAUSED | State.HALTED:
                return RolloutResume(id=self._rollout)
        return None

    def on_sign_field_moved(self) -> None:
        self.tell_detail()
        self.post_message(self.StatusChanged())

    def status(self) -> list[str]:
        return [self.target.id] if self.target is not None else []

    def set_filter(self, text: str) -> None:
        """All targets stay where they are: the cursor goes to the first one whose name holds the text."""
        account = self._account
        if account is None or not text:
            return
        found = (number for number, name in enumerate(account.rollout.order) if text in name)
        if (number := next(found, None)) is not None:
            self.field.move(number)

    def memory(self) -> Memory:
        return Memory(cursor=self.target.id if self.target is not None else None)

    def recall(self, memory: Memory, *, again: bool) -> None:
        self._wanted = memory.cursor

    def copy_text(self) -> str:
        return self.target.id if self.target is not None else self._rollout
