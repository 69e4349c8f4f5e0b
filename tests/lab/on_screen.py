"""The terminal's app on lab hosts, in this process, with its keys and its screen at hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.driver import Driver
from textual.pilot import Pilot

from console.commands.core import Core
from console.commands.grammar import Globals
from console.commands.remembering import Remembering
from console.model.wants import EVERYTHING
from console.tui.app import QuarterdeckApp
from console.tui.keys import resolve
from console.tui.themes import load_themes, shipped_folder


@dataclass(frozen=True)
class OnScreen:
    """The app, running."""

    app: QuarterdeckApp
    pilot: Pilot[Any]

    def text(self) -> str:
        """The screen as plain lines."""
        with self.app._context():
            strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)

    async def until(self, true: Callable[[], bool], seconds: float = 30) -> None:
        """Wait for a condition, however busy the app is; the screen is in the error."""
        try:
            async with asyncio.timeout(seconds):
                while not true():  # noqa: ASYNC110 - of what is drawn no event tells
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"not within {seconds:g} s:\n{self.text()}") from None

    async def shows(self, *wanted: str, seconds: float = 30) -> None:
        await self.until(lambda: all(word in self.text() for word in wanted), seconds)


@asynccontextmanager
async def on_screen(
    config: Path,
    *,
    size: tuple[int, int] = (120, 40),
    driver: type[Driver] | None = None,
    environ: Mapping[str, str] | None = None,
    remembers: bool = False,
) -> AsyncIterator[OnScreen]:
    """The app on the fleet of a file, until the context is left.

    :param remembers: with the fleet's etcd, as its file names it.

    :param environ: where the user's folders are; by default this process's.
    :param driver: what takes what is written, for who measures it; otherwise nobody does.
    """
    core = Core(Globals(config=config), environ=environ)
    themes, _ = load_themes([shipped_folder()])
    async with core.observe(None, EVERYTHING, wait=False) as look:
        remembering = Remembering(core, look.fleet) if remembers else None
        app = QuarterdeckApp(
            look,
            core.config.name,
            resolve(core.config.keys, config),
            themes=themes,
            theme="dark",
            core=core,
            remembering=remembering,
        )
        if driver is not None:
            app.driver_class = driver
        started: asyncio.Future[Pilot[Any]] = asyncio.get_running_loop().create_future()
        over = asyncio.Event()

        async def pilot_work(pilot: Pilot[Any]) -> None:
            started.set_result(pilot)
            await over.wait()

        running = asyncio.create_task(
            app.run_async(size=size, headless=driver is None, auto_pilot=pilot_work), name="the app"
        )
        beside = [] if remembering is None else [asyncio.create_task(remembering.run(), name="its memory")]
        try:
            yield OnScreen(app, await started)
        finally:
            over.set()
            app.exit()
            await running
            for task in beside:
                task.cancel()
                await asyncio.wait((task,))
