"""The wall's screen: what it says, that it never takes old for new, and that it is left on purpose only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, cast

import pytest
from textual.pilot import Pilot

from console.commands import clock
from console.commands.core import View
from console.commands.wall import Page
from console.model.events import HostChanged
from console.model.state import State, Status
from console.tui.themes import load_themes, shipped_folder
from console.tui.wall.app import WallApp
from tests.tui.picture_fleet import PictureFleet
from tests.tui.remembering import LIVE, FakeRemembering
from tests.tui.services import remembering, shop
from tests.tui.small_fleet import NOW, FakeFleet, SmallFleet

SIZES = [(80, 24), (120, 40), (200, 60)]
Comparison = Callable[..., bool]


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.delenv("NO_COLOR", raising=False)


def wall_on(fleet: FakeFleet, memory: Any = None, **how: Any) -> WallApp:
    themes, problems = load_themes([shipped_folder()])
    assert not problems
    look = View(cast("Any", fleet), None)
    return WallApp(look, "prod", themes=themes, theme="dark", remembering=memory, **how)


def text(app: WallApp) -> str:
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


async def until(app: WallApp, pilot: Pilot[int], wanted: str) -> str:
    for _ in range(400):
        if wanted in (said := text(app)):
            return said
        await pilot.pause(0.02)
    raise AssertionError(f"never {wanted!r}:\n{text(app)}")


@asynccontextmanager
async def opened(app: WallApp) -> AsyncIterator[Pilot[int]]:
    async with app.run_test(size=(100, 30)) as pilot:
        await until(app, pilot, "UTC")
        yield pilot


async def test_the_band_says_how_the_fleet_is_and_the_page_what_is_wrong() -> None:
    app = wall_on(SmallFleet())
    async with opened(app) as pilot:
        said = await until(app, pilot, "db.service")
        assert "✖ 1 HOST LOST, 1 UNIT FAILING, 2 CONTAINERS UNHEALTHY" in said
        assert "LOST" in said
        assert "held: it has turned red" in said


async def test_a_host_that_is_lost_is_there_within_a_picture_or_two() -> None:
    fleet = SmallFleet()
    fleet.model.apply(HostChanged("lost1", Status(State.LIVE, NOW)))
    app = wall_on(fleet)
    async with opened(app) as pilot:
        await until(app, pilot, "1 UNIT FAILING")
        fleet.lose("web1")
        await until(app, pilot, "1 HOST LOST")


async def test_all_hosts_lost_is_stale_and_once_they_are_back_it_is_not() -> None:
    fleet = SmallFleet()
    app = wall_on(fleet)
    async with opened(app) as pilot:
        fleet.lose("web1")
        fleet.lose("web2")
        said = await until(app, pilot, "STALE")
        assert "no host is heard since" in said
        assert app.query_one("#band").has_class("stale")
        for name in ("web1", "web2", "lost1"):
            fleet.model.apply(HostChanged(name, Status(State.LIVE, NOW)))
        await until(app, pilot, "CONTAINERS UNHEALTHY")
        assert "STALE" not in text(app)
        assert not app.query_one("#band").has_class("stale")


async def test_an_etcd_without_an_answer_is_stale_though_every_host_is_live() -> None:
    memory = FakeRemembering()
    app = wall_on(PictureFleet(), memory)
    async with opened(app) as pilot:
        assert "STALE" not in text(app)
        gone = replace(LIVE, state=State.STALE, reason="refused", contact=NOW - timedelta(seconds=70))
        memory.become(gone)
        said = await until(app, pilot, "STALE")
        assert "etcd does not answer since 02:58:50 UTC, 1m10s ago" in said
        memory.become(LIVE)
        for _ in range(400):
            if "STALE" not in text(app):
                break
            await pilot.pause(0.02)
        assert "STALE" not in text(app)


async def test_one_q_asks_and_two_leave_and_no_other_key_does_anything() -> None:
    app = wall_on(SmallFleet())
    async with opened(app) as pilot:
        before = text(app)
        await pilot.press("escape", "colon", "x", "ctrl+q", "ctrl+p", "tab", "down", "enter", "f1")
        assert app.is_running
        assert before.splitlines()[0] == text(app).splitlines()[0]
        await pilot.press("q")
        await until(app, pilot, "leave? q again")
        assert app.is_running
        await pilot.press("q")
    assert app.return_value == 0


async def test_a_terminal_that_is_too_small_says_so() -> None:
    app = wall_on(SmallFleet())
    async with app.run_test(size=(50, 10)) as pilot:
        await until(app, pilot, "too small: 60x15 is needed")


async def test_each_picture_is_a_sign_of_life_that_says_what_the_band_says() -> None:
    told: list[str] = []
    app = wall_on(SmallFleet(), painted=told.append)
    async with opened(app) as pilot:
        while len(told) < 3:
            await pilot.pause(0.05)
    assert set(told) == {"1 host lost, 1 unit failing, 2 containers unhealthy"}


async def test_on_the_kernels_console_only_its_own_signs_are_drawn() -> None:
    app = wall_on(SmallFleet(), environ={"TERM": "linux"})
    async with opened(app):
        drawn = "".join(
            segment.text
            for strip in app.screen._compositor.render_strips()
            for each in app.get_line_filters()
            for segment in each.apply(list(strip), app.screen.background_colors[1])
        )
        assert "x 1 HOST LOST" in drawn
        assert not set(drawn) & set("●▲✖○…╭╮╰╯")


@pytest.mark.parametrize("size", SIZES, ids="{0[0]}x{0[1]}".format)
@pytest.mark.parametrize("page", Page)
def test_a_picture(snap_compare: Comparison, page: Page, size: tuple[int, int]) -> None:
    fleet = PictureFleet()
    memory = remembering(fleet.model, shop())
    app = wall_on(fleet, cast("Any", memory), pages=(page,), ticks=lambda: 0.0)
    assert snap_compare(app, terminal_size=size, run_before=_there)


def test_a_picture_of_what_is_stale(snap_compare: Comparison) -> None:
    fleet = PictureFleet()
    for host in fleet.model.hosts():
        fleet.model.apply(HostChanged(host.name, Status(State.UNREACHABLE, NOW, "no route to host")))
    app = wall_on(fleet, ticks=lambda: 0.0)
    assert snap_compare(app, terminal_size=(80, 24), run_before=partial(_there, wanted="STALE"))


async def _there(pilot: Pilot[int], wanted: str = "next in") -> None:
    app = cast("WallApp", pilot.app)
    await until(app, pilot, wanted)
