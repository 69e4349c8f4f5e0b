"""The terminal as whoever sits before it uses it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from console.commands import clock
from console.errors import AccessRefused
from console.fleet.merge import HOLD_S
from console.model.events import Logged
from console.tui.app import QuarterdeckApp
from console.tui.screens.dialogs import ColumnsScreen, HelpScreen
from console.tui.views import Kind, View
from console.tui.widgets.document import Document
from console.tui.widgets.fleet_table import FleetTable
from tests.tui.small_fleet import NOW, SmallFleet, app_on, record, screen, until


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def fleet() -> SmallFleet:
    return SmallFleet()


Ready = tuple[QuarterdeckApp, Pilot[int]]


@asynccontextmanager
async def running(
    fleet: SmallFleet, size: tuple[int, int] = (120, 40), read_only: str | None = None
) -> AsyncIterator[Ready]:
    app = app_on(fleet, read_only=read_only)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: bool(app.main.query("#main")) and app.main.focused is not None)
        yield app, pilot


async def shows(ready: Ready, wanted: str) -> None:
    app, pilot = ready
    try:
        await until(pilot, lambda: wanted in screen(app))
    except TimeoutError:
        pytest.fail(f"{wanted!r} is not on the screen:\n{screen(app)}")


def table(app: QuarterdeckApp) -> FleetTable[Any, Any]:
    return app.main.query_one("#main", FleetTable)


def filtered(app: QuarterdeckApp) -> str:
    assert app.main.shown is not None
    return app.main.shown.filtered


async def test_watch_tells_what_is_wrong_worst_first_and_since_when(fleet: SmallFleet) -> None:
    async with running(fleet) as ready:
        await shows(ready, "no route to host")
        keys = list(table(ready[0]).list.keys)
        assert keys == [
            ("lost1", "host"),
            ("web1", "container api"),
            ("web2", "container api"),
            ("web2", "db.service"),
        ]
        header, crumbs = screen(ready[0]).splitlines()[:2]
        assert "prod" in header
        assert "2 ● live" in header
        assert "1 ✖ unreachable" in header
        assert "data live" in header, "the host that is lost is told by its state"
        assert "03:00:00 UTC" in header
        assert crumbs.startswith(" prod › watch")


async def test_a_unit_that_fails_is_on_the_screen_without_a_key(fleet: SmallFleet) -> None:
    async with running(fleet) as ready:
        await shows(ready, "no route to host")
        assert ("web1", "web.service") not in table(ready[0]).list.keys
        fleet.fail("web1", "web.service")
        await until(ready[1], lambda: ("web1", "web.service") in table(ready[0]).list.keys)
        await shows(ready, "web.service")


async def test_a_host_that_is_lost_leaves_its_rows_and_marks_them_old(fleet: SmallFleet) -> None:
    async with running(fleet) as ready:
        app, pilot = ready
        await pilot.press("U")
        await shows(ready, "› units")
        fleet.lose("web1")
        await shows(ready, "1 ● live, 2 ✖ unreachable")
        stale = table(app)._stale
        assert stale is not None
        old = {key[0] for key in table(app).list.keys if stale(table(app).list.get(key))}
        assert old == {"web1"}


async def test_drilling_down_and_back_and_forward(fleet: SmallFleet) -> None:
    async with running(fleet) as ready:
        app, pilot = ready
        await pilot.press("H")
        await shows(ready, "prod › hosts")
        table(app).move_to("web2")
        await pilot.press("enter")
        await shows(ready, "prod › web2 › units")
        assert table(app).list.total == 2
        await pilot.press("left_square_bracket")
        await shows(ready, "prod › hosts")
        await pilot.press("right_square_bracket")
        await shows(ready, "prod › web2 › units")
        await pilot.press("o")
        await shows(ready, "prod › web2 › containers")
        await pilot.press("escape")
        await shows(ready, "prod › web2 › units")


async def test_who_comes_back_finds_the_row_the_filter_and_the_order_as_they_were(fleet: SmallFleet) -> None:
    async with running(fleet) as ready:
        app, pilot = ready
        await pilot.press("U")
        await shows(ready, "› units")
        await pilot.press("S", "slash", *"db", "enter", "j")
        here = table(app).cursor_key
        await pilot.press("l")
        await shows(ready, "› logs")
        await pilot.press("escape")
        await shows(ready, "2 of 4   /db")
        assert table(app).cursor_key == here
        assert table(app).list.sort == (None, True)
        await pilot.press("H")
        await shows(ready, "prod › hosts")
        await pilot.press("U")
        await shows(ready, "prod › units   4")
        assert table(app).list.sort == (None, True), "the order hides nothing; a filter from before would"
        assert filtered(app) == ""


async def test_keys_faster_than_the_views_end_in_the_last_one(fleet: SmallFleet) -> None:
    async with running(fleet) as ready:
        app, pilot = ready
        for name in ("hosts", "units", "logs", "containers", "watch", "logs", "units"):
            app.main.action_go(name)
        await shows(ready, "prod › units")
        await until(pilot, lambda: len(app.main.query("#main")) == 1)
        assert table(app).list.total == 4
        assert app.fault is None
        await until(pilot, lambda: not fleet.tails)


async def test_a_units_log_is_followed_and_left_behind(fleet: SmallFleet) -> None:
    async with running(fleet) as ready:
        app, pilot = ready
        await until(pilot, lambda: table(app).move_to(("web2", "db.service")))
        await pilot.press("enter")
        await shows(ready, "cannot open the volume")
        assert app.main.view.kind is Kind.LOGS
        hosts, query = fleet.queries[-1]
        assert hosts == ("web2",)
        assert query.units == ("db.service",)
        fleet.tails[-1].take(Logged("web2", (record("web2", "and again"),)))
        await shows(ready, "and again")
        await pilot.press("3")
        await until(pilot, lambda: len(fleet.queries) == 2 and fleet.queries[-1][1].since == 15 * 60)
        await pilot.press("q")
        await shows(ready, "prod › watch")
        await until(pilot, lambda: not fleet.tails)


async def test_the_hold_of_lines_of_many_hosts_is_shown_and_set_by_a_key(
    fleet: SmallFleet,
) -> None:
    async with running(fleet) as ready:
        await ready[1].press("L")
        await shows(ready, "held back 300ms")
        (tail,) = fleet.tails
        assert tail.hold_s == HOLD_S
        await ready[1].press("h")
        await shows(ready, "held back 1s")
        assert tail.hold_s == 1
        await ready[1].press("h", "h")
        await shows(ready, "not held back")
        assert tail.hold_s == 0


async def test_a_search_that_finds_nothing_says_so(fleet: SmallFleet) -> None:
    async with running(fleet) as ready:
        await ready[1].press("L")
        await shows(ready, "cannot open the volume")
        await ready[1].press("s", *"nowhere", "enter")
        await shows(ready, "not found")


async def test_a_filter_is_typed_kept_and_taken_back_with_escape(fleet: SmallFleet) -> None:
    async with running(fleet) as ready:
        app, pilot = ready
        await pilot.press("U")
        await shows(ready, "› units")
        await pilot.press("slash", *"db")
        await shows(ready, "2 of 4")
        await pilot.press("enter")
        assert isinstance(app.main.focused, FleetTable)
        await shows(ready, "/db")
        await pilot.press("escape")
        await until(pilot, lambda: len(table(app).list) == 4)
        await pilot.press("slash", *"-l role=")
        assert isinstance(app.main.focused, Input)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.main.focused, FleetTable))


async def test_marks_go_before_the_filter_and_the_filter_before_the_way_here(fleet: SmallFleet) -> None:
    async with running(fleet) as ready:
        app, pilot = ready
        await pilot.press("U")
        await shows(ready, "› units")
        await pilot.press("slash", *"web", "enter", "space")
        await shows(ready, "1 marked")
        await pilot.press("escape")
        assert not table(app).marked
        assert filtered(app) == "web"
        await pilot.press("escape")
        assert filtered(app) == ""
        await pilot.press("escape")
        await shows(ready, "prod › watch")


async def test_a_question_that_fails_is_a_line_and_no_traceback(fleet: SmallFleet) -> None:
    async with running(fleet) as ready:
        app, pilot = ready
        await until(pilot, lambda: table(app).move_to(("web2", "db.service")))
        await pilot.press("i")
        await shows(ready, "systemd is not connected")
        assert isinstance(app.main.focused, Document)
        assert app.fault is None


async def test_a_page_is_filtered_and_searched_like_a_list_and_a_log(fleet: SmallFleet) -> None:
    async with running(fleet) as ready:
        app, pilot = ready
        app.main.show(View(Kind.PAGE, "web1"))
        await shows(ready, "198.18.0.0")
        await pilot.press("slash", *"live", "enter")
        await shows(ready, "5 of 9 lines   /live")
        await until(pilot, lambda: "198.18.0.0" not in screen(app))
        await pilot.press("s", *"journal", "enter")
        assert isinstance(app.main.focused, Document)
        await pilot.press("escape")
        await shows(ready, "198.18.0.0")
        await pilot.press("s", *"nowhere", "enter")
        await shows(ready, "not found")


async def test_a_hosts_page_changes_with_the_host(fleet: SmallFleet) -> None:
    async with running(fleet) as ready:
        ready[0].main.show(View(Kind.PAGE, "web1"))
        await shows(ready, "198.18.0.0")
        fleet.lose("web1")
        await shows(ready, "no answer for 12 s")


async def test_a_host_that_refuses_what_a_view_is_made_of_is_a_note(
    fleet: SmallFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise AccessRefused("not in the group systemd-journal", host="web1", hint="add the user to it")

    monkeypatch.setattr(fleet, "follow_journal", refused)
    async with running(fleet) as ready:
        await ready[1].press("L")
        await shows(ready, "not in the group systemd-journal")
        await ready[1].press("W")
        await shows(ready, "prod › watch")
        assert ready[0].fault is None


async def test_help_and_columns_open_and_close(fleet: SmallFleet) -> None:
    async with running(fleet) as ready:
        app, pilot = ready
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        await pilot.press("U")
        await shows(ready, "› units")
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, ColumnsScreen))
        await pilot.press("space", "enter")
        await until(pilot, lambda: app.screen is app.main)
        assert [column.title for column in table(app).columns if column.hidden] == ["HOST"]


@pytest.mark.parametrize(("width", "beside"), [(99, False), (100, True)])
async def test_the_detail_stands_beside_the_list_where_there_is_room(
    fleet: SmallFleet, width: int, beside: bool
) -> None:
    async with running(fleet, (width, 30)) as (app, pilot):
        assert app.main.query_one("#detail").display is beside
        await pilot.press("d")
        assert app.main.query_one("#detail").display is False


async def test_below_the_smallest_size_it_says_so(fleet: SmallFleet) -> None:
    async with running(fleet, (59, 14)) as ready:
        await shows(ready, "59x14 is too small: Quarterdeck needs 60x15")
        await ready[1].resize_terminal(80, 24)
        await shows(ready, "prod › watch")


async def test_read_only_is_on_the_header(fleet: SmallFleet) -> None:
    async with running(fleet, read_only="--read-only") as ready:
        await shows(ready, "[READ-ONLY]")


async def test_q_leaves_the_first_view_for_the_shell(fleet: SmallFleet) -> None:
    async with running(fleet) as (app, pilot):
        await pilot.press("H")
        await until(pilot, lambda: app.main.view.kind is Kind.HOSTS and bool(app.main.query("#main")))
        await pilot.press("q")
        await until(pilot, lambda: app.main.view.kind is Kind.WATCH and bool(app.main.query("#main")))
        await pilot.press("q")
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value == 0


async def test_a_fault_of_ours_ends_the_app_and_is_kept_for_the_report(fleet: SmallFleet) -> None:
    async with running(fleet) as (app, pilot):
        app.main.run_worker(_break(), exit_on_error=True)
        await until(pilot, lambda: app.fault is not None)
    assert app.return_code == 1


async def _break() -> None:
    raise RuntimeError("broken")
