"""The hosts by what they boot, on the screen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from textual.pilot import Pilot

from console.commands import clock
from console.fleet import model
from console.tui.app import QuarterdeckApp
from console.tui.views import Kind, View
from tests.tui.small_fleet import NOW, app_on, screen, until
from tests.tui.test_app import shows, table
from tests.tui.test_pictures import Comparison, at_every_size
from tests.tui.update_fleet import BAD, NEW, USUAL, UpdateFleet, booted, staged


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr(model, "_now", lambda: NOW - timedelta(days=2))
    monkeypatch.delenv("NO_COLOR", raising=False)


@asynccontextmanager
async def looked_at(
    fleet: UpdateFleet, size: tuple[int, int] = (200, 40)
) -> AsyncIterator[tuple[QuarterdeckApp, Pilot[int]]]:
    app = app_on(fleet)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: bool(app.main.query("#main")) and app.main.focused is not None)
        await pilot.press("O", "d")
        await shows((app, pilot), "OUT OF LINE")
        yield app, pilot


def line(app: QuarterdeckApp, host: str) -> str:
    return next(text for text in screen(app).splitlines() if text.strip().startswith(host))


async def test_what_is_out_of_line_comes_first_and_says_why() -> None:
    async with looked_at(UpdateFleet()) as (app, pilot):
        keys = list(table(app).list.keys)
        assert set(keys[:2]) == {"web5", "web6"}, "denied, and failed"
        assert set(keys[2:5]) == {"web3", "web4", "db1"}
        assert f"✖ {BAD}" in line(app, "web5")
        assert "denied by r-2f9c" in line(app, "web5")
        assert f"most of its kind run {USUAL}" in line(app, "web4")
        assert "waits for its reboot since" in line(app, "web3")
        await shows((app, pilot), "5 out of line")


async def test_a_host_that_comes_into_line_leaves_its_place() -> None:
    fleet = UpdateFleet()
    async with looked_at(fleet) as (app, pilot):
        fleet.say("web5", "fedora", "rpm-ostree", booted(USUAL))
        await shows((app, pilot), "4 out of line")
        assert "✖" not in line(app, "web5")


async def test_what_is_staged_is_shown_as_it_comes() -> None:
    fleet = UpdateFleet()
    async with looked_at(fleet) as (app, pilot):
        fleet.say("web1", "fedora", "rpm-ostree", booted(USUAL, staged(NEW)))
        await until(pilot, lambda: NEW in line(app, "web1"))
        await shows((app, pilot), "3 to be rebooted")


async def test_enter_leads_to_the_hosts_deployments_and_back() -> None:
    async with looked_at(UpdateFleet()) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: app.main.view.kind is Kind.PAGE)
        await shows((app, pilot), "deployments, in boot order")
        await pilot.press("escape")
        await until(pilot, lambda: app.main.view == View(Kind.UPDATES))


async def test_a_filter_and_a_sort_are_those_of_every_list() -> None:
    async with looked_at(UpdateFleet()) as (app, pilot):
        await pilot.press("slash", *"flatcar", "enter")
        await until(pilot, lambda: len(table(app).list) == 2)
        await pilot.press("escape")
        await until(pilot, lambda: len(table(app).list) == 12)


async def test_the_actions_are_those_of_the_host() -> None:
    async with looked_at(UpdateFleet()) as (app, pilot):
        await pilot.press("a")
        await shows((app, pilot), "cordon")


def _on_updates(there: str) -> Callable[[Pilot[int]], object]:
    async def press(pilot: Pilot[int]) -> None:
        app = pilot.app
        assert isinstance(app, QuarterdeckApp)
        await until(pilot, lambda: app.main.shown is not None)
        app.main.show(View(Kind.UPDATES))
        await until(pilot, lambda: app.main.shown is not None and app.main.shown.view.kind is Kind.UPDATES)
        await shows((app, pilot), there)
        await pilot.pause()

    return press


@at_every_size
def test_a_picture_of_updates(snap_compare: Comparison, size: tuple[int, int]) -> None:
    assert snap_compare(app_on(UpdateFleet()), terminal_size=size, run_before=_on_updates("edge-frankfurt-1"))
