"""How a wall begins and ends."""

from __future__ import annotations

import os
import sys
from time import monotonic
from typing import TYPE_CHECKING

from console.commands.wall import Wall
from console.engine.notify import Notifier
from console.model.wants import EVERYTHING
from console.tui.environment import prepare
from console.tui.start import beside, check_end, dressed, may_come

if TYPE_CHECKING:
    from console.commands.command import Command
    from console.commands.core import Core


async def open_wall(core: Core, command: Command) -> int:
    """Show the fleet on a wall until somebody leaves it; the exit code.

    :param core: read-only, whatever the fleet's file says.
    :raises QuarterdeckError: it cannot begin: no terminal, a fault in the fleet's file.
    """
    assert isinstance(command, Wall)
    assert core.read_only() is not None
    prepared = prepare(os.environ, core.options.color)
    config = core.config
    dress = dressed(config, prepared)
    # Only now, as Textual reads the environment when it is imported.
    from console.commands.remembering import Remembering
    from console.tui.questions import Questions
    from console.tui.wall.app import WallApp

    questions = Questions(core.ask) if core.ask else None
    core.ask = questions
    alive = _Alive(Notifier(core.environ))
    async with core.observe(None, EVERYTHING, wait=False, may_come=may_come(core)) as look:
        if questions is not None:
            await questions.settle(look.fleet)
        remembering = Remembering(core, look.fleet)
        app = WallApp(
            look,
            config.name,
            themes=dress.themes,
            theme=dress.theme,
            pages=command.pages,
            stay=command.rotate,
            no_color=prepared.no_color,
            remembering=remembering,
            painted=alive,
            environ=os.environ,
        )
        async with beside(remembering.run(), app.fail):
            code = await app.run_async(mouse=False)
        for problem in dress.problems:
            print(problem, file=sys.stderr)
        check_end(app.fault)
        return code or 0


class _Alive:
    """Tells systemd with each picture that the wall lives: one that paints no more is started again."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._words: str | None = None
        self._told = 0.0

    def __call__(self, words: str) -> None:
        if words != self._words:
            self._words = words
            self._notifier.status(words)
        every = self._notifier.watchdog
        if every is not None and monotonic() - self._told >= every / 4:
            self._told = monotonic()
            self._notifier("WATCHDOG=1")
