"""A new failure rings, whatever view is shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from console.commands import alerts
from console.commands.troubles import TroubleBoard
from console.model.config import WatchConfig
from console.tui import alerting
from console.tui.alerting import Alerting
from tests.tui.small_fleet import SmallFleet, app_on, until


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerting, "_EVERY_S", 0.01)
    monkeypatch.setattr(alerts, "LASTS_S", 0.0)
    monkeypatch.setattr(alerts, "SETTLES_S", 0.05)


class Heard:
    """What went to the terminal, and what was told."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.told: list[str] = []

    @asynccontextmanager
    async def on(self, fleet: SmallFleet, config: WatchConfig) -> AsyncIterator[Alerting]:
        one = Alerting(config, TroubleBoard(fleet.model), self.written.append, self.told.append)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(one.run())
            await asyncio.sleep(0.2)
            assert self.written == [], "what was there before is no news"
            yield one
            task.cancel()


async def come(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_new_failure_rings_once_and_says_what_it_is() -> None:
    fleet, heard = SmallFleet(), Heard()
    async with heard.on(fleet, WatchConfig(alert=("bell", "osc9"))) as one:
        fleet.fail("web1", "web.service")
        one.changed(["web1"])
        await come(lambda: len(heard.written) == 2)
        await asyncio.sleep(0.1)
    assert heard.written == ["\x1b]9;web1 web.service: ✖ failed\x07", "\a"]


async def test_a_program_is_told_what_failed_and_that_it_fails_itself_is_told(tmp_path: Path) -> None:
    file = tmp_path / "heard"
    script = f'echo "$QD_HOST $QD_WHAT $QD_HOW" >>{file}; exit 3'
    fleet, heard = SmallFleet(), Heard()
    async with heard.on(fleet, WatchConfig(alert_command=("sh", "-c", script))) as one:
        fleet.fail("web1", "web.service")
        one.changed(["web1"])
        await come(lambda: heard.told)
    assert file.read_text() == "web1 web.service ✖ failed\n"
    assert heard.told == ["alert_command: sh ended with 3"]


async def test_a_program_that_is_not_there_is_told() -> None:
    fleet, heard = SmallFleet(), Heard()
    async with heard.on(fleet, WatchConfig(alert_command=("/no/such/program",))) as one:
        fleet.fail("web1", "web.service")
        one.changed(["web1"])
        await come(lambda: heard.told)
    assert heard.told == ["alert_command: /no/such/program: No such file or directory"]


async def test_it_rings_in_the_terminal_while_another_view_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = SmallFleet()
    fleet.model.limits = WatchConfig(alert=("bell",))
    app = app_on(fleet)
    written: list[str] = []
    async with app.run_test(size=(100, 30)) as pilot:
        monkeypatch.setattr(app._alerting, "_write", written.append)
        await pilot.press("U")
        await pilot.pause(0.2)
        fleet.fail("web1", "web.service")
        await until(pilot, lambda: written == ["\a"])
