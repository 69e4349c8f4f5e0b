"""How the terminal begins and ends: what can be wrong is found before the screen is taken."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from console.commands import clock
from console.commands.engine_here import check_engine
from console.errors import QuarterdeckError
from console.model.wants import EVERYTHING
from console.tui.environment import Prepared, prepare

if TYPE_CHECKING:
    from console.commands.core import Core
    from console.model.config import FleetConfig
    from console.tui.theme_watch import ThemeWatch


async def open_terminal(core: Core) -> int:
    """Show the fleet until the user leaves; the exit code.

    :raises QuarterdeckError: it cannot begin: no terminal, a fault in the fleet's file or its keys, an engine
        that is asked for and may not write.
    """
    check_engine(core)
    prepared = prepare(os.environ, core.options.color)
    config = core.config
    # Only now, as Textual reads the environment when it is imported.
    from console.tui.app import QuarterdeckApp
    from console.tui.keys import resolve
    from console.tui.questions import Questions

    keymap = resolve(config.keys, config.path)
    dress = dressed(config, prepared)
    questions = Questions(core.ask) if core.ask else None
    core.ask = questions
    from console.commands.remembering import Remembering

    async with core.observe(None, EVERYTHING, wait=False, may_come=may_come(core)) as look:
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
            remembering=(remembering := Remembering(core, look.fleet)),
        )
        async with beside(remembering.run(), app.fail):
            code = await app.run_async(mouse=config.terminal.mouse)
        for text in app.untold:
            print(text, file=sys.stderr)
        if app.recorder is not None and app.recorder.lines:
            # Leaving ends the recording, and forgets nothing.
            name = app.recorder.name
            try:
                kept = str(app.recorder.stop(clock.now()))
            except QuarterdeckError as error:
                kept = str(error)
            print(f"macro {name}: {kept}", file=sys.stderr)
        check_end(app.fault)
        return code or 0


def dressed(config: FleetConfig, prepared: Prepared) -> ThemeWatch:
    """The themes there are, and the one to use. Textual is imported with it."""
    from rich.console import Console

    from console.tui.theme_watch import ThemeWatch
    from console.tui.themes import theme_folders

    return ThemeWatch(
        theme_folders(os.environ),
        config.terminal,
        config.path,
        no_color=prepared.no_color,
        color_system=Console().color_system,
    )


def may_come(core: Core) -> bool:
    """Whether hosts may be the fleet's by what its etcd says alone."""
    from console.fleet.etcdctl import etcd_config

    return etcd_config(core.config.etcd, core.environ) is not None


def check_end(fault: Exception | None) -> None:
    """Have an app's end be what it was: Textual ends with a task that is cancelled, and says nothing of it.

    :raises Exception: `fault`, if there is one.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    if fault is not None:
        raise fault


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None], failed: Callable[[Exception], None]) -> AsyncIterator[None]:
    """Have `work` done for as long as the context is held.

    :param failed: takes the fault of ours that ended it.
    """

    def ended(task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, Exception):
            failed(error)

    task = asyncio.create_task(work, name="the fleet's memory")
    task.add_done_callback(ended)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))
