"""The app with commands that act on nothing, for tests of what leads to them and of what is told of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

from textual.pilot import Pilot
from textual.widgets import Input

from console.actions.plan import Effect, Plan, Step
from console.commands.change import Change
from console.commands.command import argument
from console.commands.core import Core, View
from console.commands.grammar import Globals
from console.commands.output import Output
from console.errors import HostFailure
from console.model.selector import Selector
from console.tui.acting.run_screen import RunScreen
from console.tui.app import QuarterdeckApp
from tests.tui.small_fleet import SmallFleet, app_on, until


@dataclass(frozen=True)
class Doing:
    """An act without a host."""

    name: str
    done: ClassVar[list[str]] = []
    wait: ClassVar[asyncio.Event | None] = None

    async def check(self, hands: object) -> str | None:
        return None

    async def do(self, hands: object) -> str:
        if Doing.wait is not None:
            await Doing.wait.wait()
        if self.name == "bad":
            raise HostFailure("it broke", host="web1")
        Doing.done.append(self.name)
        return ""


@dataclass(frozen=True)
class Try(Change):
    """Does something to names, without a host."""

    words = ("unit", "restart")
    patterns: tuple[str, ...] = argument("UNIT", "names", many=True)

    async def draw(self, core: Core, view: View, out: Output) -> Plan:
        also = (Effect("worker.service", "restarts"),)
        steps = (
            Step("web1", name, "restart", "active (running)", "active", cast("Any", Doing(name)), also)
            for name in self.patterns
        )
        return Plan("unit restart", tuple(steps))


def console(tmp_path: Path, *, state: Path | None = None, **options: Any) -> Core:
    """The core of a console on a fleet of three hosts, with a state folder of its own."""
    file = tmp_path / "fleet.toml"
    hosts = "".join(
        f'[[host]]\nname = "{name}"\naddress = "127.0.0.1"\n' for name in ("web1", "web2", "lost1")
    )
    file.write_text(f'[fleet]\nname = "prod"\n{hosts}')
    environ = {"XDG_STATE_HOME": str(state or tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    return Core(Globals(config=file, **options), environ=environ)


@asynccontextmanager
async def running(tmp_path: Path, **options: Any) -> AsyncIterator[tuple[QuarterdeckApp, Pilot[int]]]:
    core = console(tmp_path, **options)
    Doing.done.clear()
    Doing.wait = None
    fleet = SmallFleet()
    fleet.transport = lambda host: None  # type: ignore[attr-defined]  # no act of ours asks for it
    app = app_on(fleet, read_only=core.read_only(), core=core)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await until(pilot, lambda: bool(app.main.query("#main")) and app.main.focused is not None)
        yield app, pilot


def asks(app: QuarterdeckApp) -> bool:
    """Whether an answer can be typed."""
    return isinstance(app.screen, RunScreen) and any(line.display for line in app.screen.query(Input))


def command(*names: str) -> Try:
    return Try(on=Selector.parse("web1"), patterns=names)
