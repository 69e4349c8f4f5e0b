"""The fleet as a field of signs."""

from __future__ import annotations

from collections import Counter

import pytest
from textual.pilot import Pilot

from console.commands import clock
from console.commands.rows import Tone
from console.commands.rows.base import GLYPHS
from console.model.config import HostConfig
from console.model.events import HostChanged, SourceChanged, UnitsListed
from console.model.state import Source, State, Status
from console.model.unit import Unit
from console.tui.app import QuarterdeckApp
from console.tui.shown.map import tone_of
from console.tui.views import Kind, View
from console.tui.widgets.fleet_map import FleetMap
from tests.tui.small_fleet import NOW, FakeFleet, SmallFleet, app_on, screen, until


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


async def to_map(app: QuarterdeckApp, pilot: Pilot[int]) -> FleetMap:
    await until(pilot, lambda: bool(app.main.query("#main")))
    await pilot.press("M")
    await until(pilot, lambda: bool(app.main.query(FleetMap)) and app.main.focused is not None)
    return app.main.query_one(FleetMap)


async def test_every_host_has_a_sign_and_the_cursor_says_whose_it_is() -> None:
    app = app_on(SmallFleet())
    async with app.run_test(size=(80, 24)) as pilot:
        shown = await to_map(app, pilot)
        hosts = app.model.hosts()
        row = shown.render_line(0).text
        assert len(row.split()) == len(list(hosts))
        assert "✖" in row, "one cannot be reached"
        names = set()
        for _ in hosts:
            assert shown.host is not None
            names.add(shown.host.name)
            assert f"{shown.host.name}: " in screen(app)
            await pilot.press("right")
        assert names == {host.name for host in app.model.hosts()}


async def test_enter_leads_to_the_units_of_the_host_and_back_to_it() -> None:
    app = app_on(SmallFleet())
    async with app.run_test(size=(120, 30)) as pilot:
        shown = await to_map(app, pilot)
        await pilot.press("end")
        host = shown.host
        assert host is not None
        assert host.name in screen(app)
        await pilot.press("enter")
        await until(pilot, lambda: app.main.view.kind is Kind.UNITS and bool(app.main.query("#main")))
        assert app.main.view.host == host.name
        await pilot.press("escape")
        await until(pilot, lambda: bool(app.main.query(FleetMap)))
        assert app.main.query_one(FleetMap).host == host


class LargeFleet(FakeFleet):
    """A thousand hosts: a hundredth cannot be reached, and on a tenth of the others something has failed."""

    def __init__(self) -> None:
        super().__init__(HostConfig(f"host{n:04}", f"198.18.{n // 250}.{n % 250 + 1}") for n in range(1000))
        for n, host in enumerate(self.model.hosts()):
            if n % 100 == 0:
                self.lost(host.name)
                continue
            self.model.apply(HostChanged(host.name, Status(State.LIVE, NOW)))
            for source in Source:
                self.model.apply(SourceChanged(host.name, source, Status(State.LIVE, NOW)))
            active = "failed" if n % 10 == 0 else "active"
            self.model.apply(
                UnitsListed(host.name, (Unit(host.name, "web.service", "loaded", active, active, "Web"),))
            )

    def lost(self, name: str) -> None:
        self.model.apply(HostChanged(name, Status(State.UNREACHABLE, NOW, "no route to host")))


def signs(shown: FleetMap) -> Counter[str]:
    """How many of each sign are on the screen."""
    return Counter(sign for y in range(shown.size.height) for sign in shown.render_line(y).text.split())


async def test_a_thousand_hosts_are_a_sign_each_by_state_and_lead_to_their_units() -> None:
    fleet = LargeFleet()
    app = app_on(fleet)
    async with app.run_test(size=(180, 50)) as pilot:
        shown = await to_map(app, pilot)
        assert signs(shown) == {GLYPHS[Tone.BAD]: 10, GLYPHS[Tone.WARN]: 90, GLYPHS[Tone.GOOD]: 900}
        fleet.lost("host0567")
        await until(pilot, lambda: signs(shown)[GLYPHS[Tone.BAD]] == 11)
        assert signs(shown)[GLYPHS[Tone.GOOD]] == 899
        shown.go("host0567")
        await until(pilot, lambda: "host0567: " in screen(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.main.view == View(Kind.UNITS, "host0567"))
        await until(pilot, lambda: "web.service" in screen(app))


async def test_n_goes_to_the_next_that_ails_and_a_filter_leaves_the_others_out() -> None:
    app = app_on(SmallFleet())
    async with app.run_test(size=(80, 24)) as pilot:
        shown = await to_map(app, pilot)
        seen = set()
        for _ in range(4):
            await pilot.press("n")
            assert shown.host is not None
            seen.add(shown.host.name)
        assert seen == {host.name for host in app.model.hosts() if tone_of(host) in (Tone.BAD, Tone.WARN)}
        assert "lost1" in seen
        await pilot.press("/", *"lost", "enter")
        await until(pilot, lambda: len(shown.list) == 1)
        assert shown.host is not None
        assert shown.host.name == "lost1"
        await pilot.press("/", *"nobody", "enter")
        await until(pilot, lambda: len(shown.list) == 0)
        assert shown.host is None
