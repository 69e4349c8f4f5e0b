"""Services on the screen: what is desired against what is, why, what it was, and the way to change it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from textual.pilot import Pilot

from console.commands import clock
from console.placement.reconcile import Phase
from console.tui.acting.menu import ActionMenu
from console.tui.app import QuarterdeckApp
from console.tui.views import Kind
from tests.engine.desired import service
from tests.tui.picture_fleet import PictureFleet
from tests.tui.remembering import FakeRemembering
from tests.tui.services import placed, remembering, seen, shop, show
from tests.tui.small_fleet import NOW, FakeFleet, app_on, screen, until
from tests.tui.test_app import shows, table


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


@asynccontextmanager
async def running(
    memory: FakeRemembering, fleet: FakeFleet, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[QuarterdeckApp, Pilot[int]]]:
    app = app_on(fleet, remembering=cast("Any", memory))
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: bool(app.main.query("#main")) and app.main.focused is not None)
        yield app, pilot


async def to_web(ready: tuple[QuarterdeckApp, Pilot[int]]) -> None:
    """To the services, with the cursor on the shop's front end."""
    await ready[1].press("P")
    await shows(ready, "web@.service")
    table(ready[0]).move_to("web@.service")


async def test_each_service_tells_what_runs_of_what_is_to_where_and_why_not() -> None:
    fleet = PictureFleet()
    async with running(remembering(fleet.model, shop()), fleet, (240, 40)) as ready:
        app, pilot = ready
        await pilot.press("P")
        await shows(ready, "› services")
        await shows(ready, "web@.service")
        names = ("web@.service", "agent.service", "backup.service", "old.service")
        lines = {name: next(line for line in screen(app).splitlines() if name in line[:20]) for name in names}
        assert "1/4" in lines["web@.service"]
        assert "✖ 1 lost, 1 failing" in lines["web@.service"]
        assert "5/5" in lines["agent.service"]
        assert "0/1" in lines["backup.service"]
        assert "memory on 6" in lines["backup.service"]
        assert "nowhere" in lines["old.service"]
        assert "told by engine1/812" in screen(app)


async def test_what_changes_is_on_the_screen_and_what_is_destroyed_is_not() -> None:
    fleet = PictureFleet()
    memory = remembering(fleet.model, None)
    async with running(memory, fleet) as ready:
        await ready[1].press("P")
        await shows(ready, "asking etcd …")
        one = service("web")
        show(memory, fleet.model, seen(one, pending={"web.service": "memory on 6"}))
        await shows(ready, "1 pending")
        at = (placed("web.service", "web1"),)
        told = {("web1", "web.service"): (Phase.RUNNING, "")}
        show(memory, fleet.model, seen(one, at=at, told=told))
        await shows(ready, "1 running")
        show(memory, fleet.model, seen())
        await shows(ready, "no services: `service start FILE`")


async def test_from_a_service_to_an_instance_why_it_is_there_its_log_and_back() -> None:
    fleet = PictureFleet()
    async with running(remembering(fleet.model, shop()), fleet, (200, 50)) as ready:
        app, pilot = ready
        await to_web(ready)
        await pilot.press("enter")
        await shows(ready, "› services › web@.service")
        for wanted in (
            "launched, revision 2, 4 wanted",
            "Require=role=web  Apart=self",
            "systemd restarts it, 41 times",
            "lost1 was given up",
            "require on 3, apart on 2",
        ):
            await shows(ready, wanted)
        table(app).move_to(("web2", "web@2.service"))
        await pilot.press("enter")
        await shows(ready, "web@2.service › why")
        await shows(ready, "failing on web2")
        await shows(ready, "needs role=web")
        await pilot.press("escape")
        await shows(ready, "› services › web@.service")
        await until(pilot, lambda: table(app).cursor_key == ("web2", "web@2.service"))
        await pilot.press("l")
        await shows(ready, "› web2 › web@2.service › logs")
        assert fleet.queries[-1][0] == ("web2",)
        await pilot.press("escape")
        await shows(ready, "› services › web@.service")
        await until(pilot, lambda: table(app).cursor_key == ("web2", "web@2.service"))
        await pilot.press("u")
        await shows(ready, "› web2 › units")


async def test_a_services_log_is_that_of_all_its_instances_on_their_hosts() -> None:
    fleet = PictureFleet()
    async with running(remembering(fleet.model, shop()), fleet) as ready:
        pilot = ready[1]
        await to_web(ready)
        await pilot.press("l")
        await until(pilot, lambda: bool(fleet.queries))
        hosts, query = fleet.queries[-1]
        assert hosts == ("lost1", "web1", "web2")
        assert query.units == ("web@*.service",)


async def test_the_revisions_of_a_service_say_what_each_has_changed_and_its_file_what_it_is() -> None:
    fleet = PictureFleet()
    async with running(remembering(fleet.model, shop()), fleet) as ready:
        app, pilot = ready
        await to_web(ready)
        await pilot.press("r")
        await shows(ready, "› web@.service › revisions")
        for wanted in ("revision 2", "● current", "bob", "-ExecStart=/usr/bin/shop --port 80", "+ExecStart"):
            await shows(ready, wanted)
        assert screen(app).index("revision 2") < screen(app).index("revision 1")
        await pilot.press("escape", "v")
        await shows(ready, "Apart=self")
        await pilot.press("escape", "D")
        await until(pilot, lambda: any("has no depend" in note.message for note in app._notifications))


async def test_with_no_engine_the_header_and_watch_say_so_and_lead_to_services() -> None:
    fleet = PictureFleet()
    memory = remembering(fleet.model, shop(leader=None))
    async with running(memory, fleet, (160, 40)) as ready:
        app, pilot = ready
        await shows(ready, "[no engine]")
        await shows(ready, "nothing is placed, moved or started again")
        await until(pilot, lambda: ("", "web@.service") in table(app).list.keys)
        table(app).move_to(("", "web@.service"))
        await pilot.press("enter")
        await shows(ready, "› services › web@.service")
        await shows(ready, "no engine is elected")
        show(memory, fleet.model, shop())
        await until(pilot, lambda: "no engine" not in screen(app))
        await pilot.press("W")
        await until(pilot, lambda: ("", "services") not in table(app).list.keys)
        assert ("", "web@.service") in table(app).list.keys
        assert ("", "agent.service") not in table(app).list.keys
        await shows(ready, "2 amiss")


async def test_the_menu_offers_verbs_of_services_and_of_instances_and_those_that_lack_a_word_are_typed() -> (
    None
):
    fleet = PictureFleet()
    async with running(remembering(fleet.model, shop()), fleet) as ready:
        app, pilot = ready
        await to_web(ready)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ActionMenu))
        for verb in ("start", "stop", "restart", "rollback", "destroy", "scale", "update"):
            assert verb in screen(app), verb
        await pilot.press("c")
        await until(pilot, lambda: app.main.line.is_open)
        await pilot.press("6")
        assert app.main.line.value == "service scale web@.service 6"
        await pilot.press("escape", "enter")
        await shows(ready, "› services › web@.service")
        table(app).move_to(("web1", "web@1.service"))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ActionMenu))
        await pilot.press("m")
        await until(pilot, lambda: app.main.line.is_open)
        assert app.main.line.value == "service move web@1.service "


async def test_a_fleet_without_an_etcd_says_so_and_why() -> None:
    fleet = PictureFleet()
    memory = FakeRemembering(None)
    memory.why = "no etcd on this machine"
    async with running(memory, fleet) as ready:
        await ready[1].press("P")
        await shows(ready, "the fleet has no etcd: no etcd on this machine")


async def test_a_service_that_is_destroyed_while_it_is_looked_at_says_so() -> None:
    fleet = PictureFleet()
    memory = remembering(fleet.model, shop())
    async with running(memory, fleet) as ready:
        app, pilot = ready
        await pilot.press(":", *"go services", "enter")
        await shows(ready, "web@.service")
        table(app).move_to("web@.service")
        await pilot.press("enter")
        await shows(ready, "Require=role=web")
        show(memory, fleet.model, seen())
        await shows(ready, "there is no service web@.service any more")
        await pilot.press("r")
        await shows(ready, "there is no service web@.service any more")
        assert app.main.view.kind is Kind.PAGE
    assert app.fault is None
