"""The log as one of the terminal's views: what its keys lead to, and what is drawn into it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot

from console.commands import clock
from console.errors import UsageError
from console.model.events import Logged
from console.model.log import LogQuery
from console.model.state import State, Status
from console.tui.app import QuarterdeckApp
from console.tui.shown.list import ShownList
from console.tui.shown.log import ShownLog, typed_moment
from console.tui.views import Kind, View
from console.tui.widgets.document import Document
from console.tui.widgets.fleet_table import FleetTable
from console.tui.widgets.log_pane import LogPane
from tests.tui.small_fleet import NOW, SmallFleet, app_on, record, screen, until

NOON = datetime(2026, 11, 23, 12, 34, 56, 789, tzinfo=UTC)
_WIDE, _NARROW = (160, 30), (100, 30)


def log(app: QuarterdeckApp) -> ShownLog:
    shown = app.main.shown
    assert isinstance(shown, ShownLog)
    return shown


@asynccontextmanager
async def on_logs(
    app: QuarterdeckApp, fleet: SmallFleet, size: tuple[int, int] = _NARROW
) -> AsyncIterator[Pilot[int]]:
    """The app with the log of all hosts on the screen, and the lines that were there before."""
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.main.shown is not None)
        app.main.show(View(Kind.LOGS))
        await until(pilot, lambda: bool(fleet.tails) and log(app).pane.book.held > 0)
        yield pilot


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("12:30", NOON.replace(minute=30, second=0, microsecond=0)),
        ("9:05:07", NOON.replace(hour=9, minute=5, second=7, microsecond=0)),
        ("10m", NOON - timedelta(minutes=10)),
        ("2026-11-22T08:00", datetime(2026, 11, 22, 8, tzinfo=UTC)),
    ],
)
def test_a_time_is_typed_as_people_do(text: str, moment: datetime) -> None:
    assert typed_moment(text, NOON) == moment


@pytest.mark.parametrize("text", ["25:00", "noon", "", "12:3"])
def test_what_is_no_time_is_told(text: str) -> None:
    with pytest.raises(UsageError):
        typed_moment(text, NOON)


async def test_enter_leads_from_a_line_to_its_unit_or_container_and_back() -> None:
    fleet = SmallFleet()
    app = app_on(fleet)
    async with on_logs(app, fleet) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: app.main.view == View(Kind.PAGE, "web1", unit="db.service"))
        await pilot.press("escape")
        await until(pilot, lambda: app.main.view == View(Kind.LOGS) and bool(fleet.tails))
        boxed = replace(record("web1", "from the container"), container="api")
        fleet.tails[0].take(Logged("web1", (boxed,)))
        await until(pilot, lambda: "from the container" in screen(app))
        assert log(app).opens == replace(
            View(Kind.PAGE, "web1"), container=next(fleet.model.containers("web1")).id, label="api"
        )


async def test_a_container_that_was_only_claimed_is_not_what_a_line_leads_to() -> None:
    fleet = SmallFleet()
    app = app_on(fleet)
    async with on_logs(app, fleet) as pilot:
        lie = replace(record("web1", "believe me"), container="api", trusted=False)
        fleet.tails[0].take(Logged("web1", (lie,)))
        await until(pilot, lambda: "believe me" in screen(app))
        assert "▲ api(claimed)" in screen(app)
        assert log(app).opens == View(Kind.PAGE, "web1", unit="db.service")


async def test_what_is_shown_is_saved_once_and_never_over_a_file(tmp_path: Path) -> None:
    fleet = SmallFleet()
    app = app_on(fleet)
    target = tmp_path / "log.txt"
    async with on_logs(app, fleet) as pilot:
        await pilot.press("X", *str(target), "enter")
        await until(pilot, target.exists)
        assert "cannot open the volume" in target.read_text()
        assert target.stat().st_mode & 0o777 == 0o600
        with pytest.raises(UsageError, match="exists"):
            log(app).save(str(target))
        with pytest.raises(UsageError):
            log(app).save(" ")


async def test_a_time_is_gone_to_by_its_key() -> None:
    fleet = SmallFleet()
    app = app_on(fleet)
    async with on_logs(app, fleet) as pilot:
        lines = [replace(record("web1", f"line {n}"), time=NOW + timedelta(minutes=n)) for n in range(300)]
        fleet.tails[0].take(Logged("web1", tuple(lines)))
        await until(pilot, lambda: "line 299" in screen(app))
        wanted = (NOW + timedelta(minutes=100)).strftime("%Y-%m-%dT%H:%M")
        await pilot.press("T", *wanted, "enter")
        await until(pilot, lambda: "line 100" in screen(app))


async def test_where_a_host_ceases_to_be_heard_is_drawn_and_where_it_is_heard_again() -> None:
    fleet = SmallFleet()
    app = app_on(fleet)
    async with on_logs(app, fleet) as pilot:
        fleet.tails[0].told("web2", Status(State.STALE, NOW, "no answer for 12 s"))
        await until(pilot, lambda: "web2 stale: no answer for 12 s" in screen(app))
        fleet.tails[0].told("web2", Status(State.LIVE, NOW))
        await until(pilot, lambda: "web2 is live again" in screen(app))


async def test_rates_stand_beside_a_wide_log_and_not_where_they_are_not_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    fleet = SmallFleet()
    app = app_on(fleet)
    async with on_logs(app, fleet, _WIDE) as pilot:
        log(app).tick()
        await until(pilot, lambda: "/s web1" in screen(app))
        assert "✖ 1 err" in screen(app)
        rates = log(app).query_one("#rates", Document)
        await pilot.press("d")
        await until(pilot, lambda: not rates.display)
        await pilot.press("d")
        await until(pilot, lambda: rates.display)
        await pilot.resize_terminal(*_NARROW)
        await until(pilot, lambda: not rates.display)


@asynccontextmanager
async def on_units(app: QuarterdeckApp, size: tuple[int, int] = _WIDE) -> AsyncIterator[Pilot[int]]:
    """The app with the units of all hosts on the screen."""
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.main.shown is not None)
        app.main.show(View(Kind.UNITS))
        await until(pilot, lambda: isinstance(app.main.shown, ShownList))
        yield pilot


async def test_the_log_of_what_the_cursor_is_on_stands_beside_the_list_and_goes_with_the_cursor() -> None:
    fleet = SmallFleet()
    app = app_on(fleet)
    async with on_units(app) as pilot:
        assert not fleet.tails
        await pilot.press("B")
        await until(pilot, lambda: "cannot open the volume" in screen(app))
        assert not app.main.query_one("#detail").display
        first, shown = fleet.queries[-1], app.main.shown
        assert shown is not None
        assert first == ((shown.row.host,), LogQuery(units=(shown.row.name,), lines=500))
        fleet.tails[0].take(Logged(shown.row.host, (record(shown.row.host, "it goes on"),)))
        await until(pilot, lambda: "it goes on" in screen(app))
        await pilot.press("j")
        await until(pilot, lambda: fleet.queries[-1] != first)
        assert fleet.queries[-1] == ((shown.row.host,), LogQuery(units=(shown.row.name,), lines=500))
        await until(pilot, lambda: len(fleet.tails) == 1)
        await pilot.press("B")
        await until(pilot, lambda: not fleet.tails)
        assert app.main.query_one("#detail").display


async def test_a_cursor_that_passes_over_rows_asks_for_none_of_their_logs() -> None:
    fleet = SmallFleet()
    app = app_on(fleet)
    async with on_units(app) as pilot:
        await pilot.press("B")
        await until(pilot, lambda: len(fleet.tails) == 1)
        asked = len(fleet.queries)
        await pilot.press("j", "j", "j")
        await until(pilot, lambda: len(fleet.queries) > asked and len(fleet.tails) == 1)
        assert len(fleet.queries) == asked + 1


async def test_keys_are_for_the_log_beside_the_list_once_it_has_the_keyboard() -> None:
    fleet = SmallFleet()
    app = app_on(fleet)
    async with on_units(app) as pilot:
        await pilot.press("B")
        await until(pilot, lambda: bool(app.main.query("#log")))
        await pilot.press("tab")
        await until(pilot, lambda: isinstance(app.main.focused, LogPane))
        await pilot.press("/", *"nowhere", "enter")
        await until(pilot, lambda: "cannot open the volume" not in screen(app))
        assert "/nowhere" in screen(app)
        assert "web.service" in screen(app), "the list is as it was"
        assert isinstance(app.main.focused, LogPane)
        await pilot.press("escape")
        await until(pilot, lambda: "cannot open the volume" in screen(app))
        await pilot.press("2")
        await until(pilot, lambda: fleet.queries[-1][1].since == 300.0)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.main.focused, FleetTable))
        assert app.main.view == View(Kind.UNITS)


async def test_where_there_is_no_room_no_log_is_followed_beside_a_list() -> None:
    fleet = SmallFleet()
    app = app_on(fleet)
    async with on_units(app, (99, 30)) as pilot:
        await pilot.press("B")
        assert not app.main.query_one("#log-beside").display
        await pilot.resize_terminal(*_WIDE)
        await until(pilot, lambda: len(fleet.tails) == 1)
        await pilot.resize_terminal(99, 30)
        await until(pilot, lambda: not fleet.tails)
