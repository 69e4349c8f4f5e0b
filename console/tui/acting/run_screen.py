"""A command from its plan to the last of its results, on the screen.

plan ──▶ the answer is typed ──▶ results as they come ──▶ stays until it is closed; u takes it back
          esc: no                  esc, esc: interrupt
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Input, Static

from console.commands.command import Command
from console.commands.confirm import Challenge
from console.commands.grammar import format_command
from console.commands.rows import Cell, Tone
from console.commands.rows.change import plan_lines
from console.commands.undo import AuditUndo
from console.errors import Incomplete, QuarterdeckError
from console.model.text import clean
from console.tui.acting.output import Lines, PageOutput
from console.tui.acting.seat import LentSeat
from console.tui.widgets.document import Document

if TYPE_CHECKING:
    from console.actions.plan import Plan
    from console.commands.core import Core
    from console.tui.app import QuarterdeckApp

_RUNNING = "running … esc: interrupt"
_SURE = "esc again: begin nothing more, and leave what has begun to the hosts"
_OVER = "esc closes"
#: Results come by the thousand; the page is drawn whole.
_DRAW_EVERY_S = 0.1


class RunScreen(ModalScreen[None], inherit_bindings=False):
    """Runs commands one after the other; the first that does not come out as intended is the last."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "escape", "close", show=False, priority=True),
        Binding("u", "undo", "undo", show=False),
        Binding("q", "close", "close", show=False),
        *(Binding(key, f"scroll('{name}')", show=False) for key, name in (
            ("down,j", "scroll_down"), ("up,k", "scroll_up"), ("pagedown", "page_down"),
            ("pageup", "page_up"), ("home,g", "scroll_home"), ("end,G", "scroll_end"),
        )),
    ]  # fmt: skip

    def __init__(self, core: Core, commands: Sequence[Command]) -> None:
        super().__init__()
        self._from = core
        self._commands = tuple(commands)
        self._lines: Lines = []
        self._answer: asyncio.Future[str | None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._sure = False
        self._interrupted = False
        self._drawing: Timer | None = None
        self._undo: str | None = None

    def compose(self) -> ComposeResult:
        with Vertical(id="run") as frame:
            frame.border_title = clean(format_command(self._commands[0]), 120)
            yield Document(wrap=True, id="account")
            yield Static("", id="question", markup=False)
            yield Input(id="answer", compact=True)
            yield Static(_RUNNING, id="state", markup=False)

    def on_mount(self) -> None:
        self.query_one("#answer", Input).display = False
        self.query_one("#question", Static).display = False
        self.query_one(Document).focus()
        self.run_worker(self._run(), group="run", exit_on_error=True)

    # -- the run ----------------------------------------------------------------------------

    async def _run(self) -> None:
        self._task = asyncio.current_task()
        deck = cast("QuarterdeckApp", self.app)
        await deck.memory()  # what is kept there is not to be kept elsewhere because it came too early
        core = self._from.attached(deck.look.fleet, self._confirm)
        ways_back: list[str] = []
        before = 0
        if self._from.seat is not None:
            core.seat = LentSeat(deck, self._from.seat)
        out = PageOutput(self._tell)
        try:
            ways_back = core.audit.ways_back
            before = len(ways_back)
            for command in self._commands:
                core.check(command)
                try:
                    await command.run(core, out)
                except Incomplete:
                    deck.ran(command)
                    raise
                deck.ran(command)
            if not self._lines:
                self._tell([(Cell.state("done", Tone.GOOD),)])
        except QuarterdeckError as error:
            self._tell([(Cell(f"✖ {clean(str(error))}", Tone.BAD),)])
        except asyncio.CancelledError:
            if not self._interrupted:
                raise  # the terminal closes
            # Somebody asked for it, and the account is on the screen.
        finally:
            self._task = None
        ours = ways_back[before:]
        self._draw()
        self._undo = ours[0] if len(ours) == 1 else None
        self._state(f"u: undo   {_OVER}" if self._undo else _OVER)

    async def _confirm(self, plan: Plan, challenge: Challenge) -> bool:
        """Show the plan, and wait for what is typed."""
        self._tell(plan_lines(plan))
        self._draw()
        self._answer = asyncio.get_running_loop().create_future()
        question, line = self.query_one("#question", Static), self.query_one("#answer", Input)
        question.update(clean(challenge.question))
        question.display = line.display = True
        line.value = ""
        line.focus()
        self._state("enter: answer   esc: no")
        try:
            typed = await self._answer
        finally:
            self._answer = None
            question.display = line.display = False
            self.query_one(Document).focus()
        self._state(_RUNNING)
        return typed is not None and typed.strip() == challenge.answer

    def _tell(self, lines: Lines) -> None:
        self._lines += lines
        if self._drawing is None:
            self._drawing = self.set_timer(_DRAW_EVERY_S, self._draw)

    def _draw(self) -> None:
        if self._drawing is not None:
            self._drawing.stop()
            self._drawing = None
        page = self.query_one(Document)
        page.show(self._lines)
        if self._answer is None:
            page.scroll_end(animate=False)

    def _state(self, text: str) -> None:
        self.query_one("#state", Static).update(text)

    # -- keys -------------------------------------------------------------------------------

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(event.value)

    def action_escape(self) -> None:
        """No to the question; else interrupt what runs, when asked twice; else close."""
        if self._answer is not None:
            if not self._answer.done():
                self._answer.set_result(None)
        elif self._task is None:
            self.dismiss(None)
        elif self._sure:
            self._interrupted = True
            self._task.cancel()
        else:
            self._sure = True
            self._state(_SURE)

    def action_close(self) -> None:
        if self._task is None:
            self.dismiss(None)

    def action_undo(self) -> None:
        """The plan of the way back, in place of this."""
        if self._task is None and self._undo is not None:
            deck = cast("QuarterdeckApp", self.app)
            record = self._undo
            self.dismiss(None)
            deck.carry_out([AuditUndo(id=record)])

    def action_scroll(self, how: str) -> None:
        page = self.query_one(Document)
        {
            "scroll_down": page.scroll_down,
            "scroll_up": page.scroll_up,
            "page_down": page.scroll_page_down,
            "page_up": page.scroll_page_up,
            "scroll_home": page.scroll_home,
            "scroll_end": page.scroll_end,
        }[how](animate=False)
