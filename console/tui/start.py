"""How the terminal begins and ends: what can be wrong is found before the screen is taken."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from console.commands import clock
from console.errors import QuarterdeckError
from console.model.wants import EVERYTHING
from console.tui.environment import prepare

if TYPE_CHECKING:
    from console.commands.core import Core


async def open_terminal(core: Core) -> int:
    """Show the fleet until the user leaves; the exit code.

    :raises QuarterdeckError: it cannot begin: no terminal, a fault in the fleet's file or its keys.
    """
    prepared = prepare(os.environ, core.options.color)
    config = core.config
    # Only now, as Textual reads the environment when it is imported.
    from rich.console import Console

    from console.tui.app import QuarterdeckApp
    from console.tui.keys import resolve
    from console.tui.questions import Questions
    from console.tui.theme_watch import ThemeWatch
    from console.tui.themes import theme_folders

    keymap = resolve(config.keys, config.path)
    dress = ThemeWatch(
        theme_folders(os.environ),
        config.terminal,
        config.path,
        no_color=prepared.no_color,
        color_system=Console().color_system,
    )
    questions = Questions(core.ask) if core.ask else None
    core.ask = questions
    async with core.observe(None, EVERYTHING, wait=False) as look:
        if questions is not None:
            await questions.settle(look.fleet)
        app = QuarterdeckApp(
            look,
            config.name,
            keymap,
            themes=dress.themes,
            theme=dress.theme,
            theme_watch=dress,
            rate=config.terminal.rate,
            read_only=core.read_only(),
            problems=dress.problems,
            no_color=prepared.no_color,
            core=core,
        )
        code = await app.run_async(mouse=config.terminal.mouse)
        if app.recorder is not None and app.recorder.lines:
            # Leaving ends the recording, and forgets nothing.
            name = app.recorder.name
            try:
                kept = str(app.recorder.stop(clock.now()))
            except QuarterdeckError as error:
                kept = str(error)
            print(f"macro {name}: {kept}", file=sys.stderr)
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError  # Textual ends with it, and says nothing of it
        if app.fault is not None:
            raise app.fault
        return code or 0
