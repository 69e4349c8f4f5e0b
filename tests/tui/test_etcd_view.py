"""etcd on the screen: whether it answers, its members, its keys; without an etcd."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from textual.pilot import Pilot

from console.commands import clock
from console.commands.picture import Trouble
from console.commands.rows import Cell, Tone
from console.model.config import HostConfig
from console.model.events import HostChanged
from console.model.memory import Acting
from console.model.state import State, Status
from console.tui.acting.menu import ActionMenu
from console.tui.app import QuarterdeckApp
from console.tui.views import Kind
from tests.tui.remembering import LIVE, LOOK, NO_QUORUM, FakeRemembering
from tests.tui.small_fleet import NOW, SmallFleet, app_on, screen, until
from tests.tui.test_app import shows, table

SILENT = replace(LIVE, state=State.STALE, reason="connection refused", contact=NOW - timedelta(seconds=12))


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


@asynccontextmanager
async def running(
    memory: FakeRemembering, fleet: SmallFleet | None = None, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[QuarterdeckApp, Pilot[int]]]:
    app = app_on(fleet or SmallFleet(), remembering=cast("Any", memory))
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: bool(app.main.query("#main")) and app.main.focused is not None)
        yield app, pilot


async def test_an_etcd_that_falls_silent_is_on_the_header_with_its_age_until_it_answers() -> None:
    memory = FakeRemembering()
    async with running(memory) as ready:
        await shows(ready, "data live")
        assert "etcd" not in screen(ready[0]).splitlines()[0]
        memory.become(SILENT)
        await shows(ready, "[etcd: unreachable 12s]")
        memory.become(replace(SILENT, reason="no quorum: it has no leader"))
        await shows(ready, "[etcd: no quorum 12s]")
        memory.become(LIVE)
        await until(ready[1], lambda: "etcd" not in screen(ready[0]).splitlines()[0])


async def test_the_age_counts_up_while_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(FakeRemembering(SILENT)) as ready:
        await shows(ready, "[etcd: unreachable 12s]")
        monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(seconds=1))
        await shows(ready, "[etcd: unreachable 13s]")


async def test_the_consoles_own_etcd_is_said_on_the_header() -> None:
    async with running(FakeRemembering(replace(LIVE, embedded=True))) as ready:
        await shows(ready, "data live  etcd: embedded")


async def test_its_troubles_are_in_watch_and_lead_to_its_screen() -> None:
    memory = FakeRemembering()
    async with running(memory) as ready:
        app, pilot = ready
        await shows(ready, "no route to host")
        memory.own = [Trouble("", "etcd etcd1", Cell.state("no space", Tone.BAD), NOW, "no writes")]
        memory.become(SILENT)
        await shows(ready, "etcd etcd1")
        await until(pilot, lambda: ("", "etcd") in table(app).list.keys)
        table(app).move_to(("", "etcd"))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ActionMenu))
        assert "look after" in screen(app), "nothing else can be done to it here"
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        await pilot.press("l", "u", "i")
        assert app.main.view.kind is Kind.WATCH, "it is of no host"
        await pilot.press("enter")
        await shows(ready, "› etcd")
        memory.own = []
        memory.become(LIVE)
        await pilot.press("W")
        await until(pilot, lambda: ("", "etcd") not in table(app).list.keys)


async def test_the_screen_tells_members_holders_and_kinds_and_looks_often_only_while_it_is_there() -> None:
    memory = FakeRemembering()
    async with running(memory) as ready:
        app, pilot = ready
        assert memory.watchers == 0
        await pilot.press("E")
        await shows(ready, "addresses, labels and cordons of hosts")
        for wanted in (
            "● live 3 members, leader etcd2 /quarterdeck/",
            "revision 88412", "answers in 1.2 ms", "watch up to date", "members asked 0s ago",
            "etcd1   ● follower  3.5.16", "28.1 MiB, 1%", "902117",
            "engine/leader", '"host": "engine1"', "lease 694d8f", "locks/reboot/default",
        ):  # fmt: skip
            assert wanted in screen(app), wanted
        assert memory.watchers == 1
        await pilot.press("escape")
        await until(pilot, lambda: memory.watchers == 0)


async def test_what_is_wrong_with_members_is_told_at_length_and_what_is_not_known_is_not_said() -> None:
    status = replace(SILENT, reason="no quorum: it has no leader")
    look = replace(NO_QUORUM, alarms=(("etcd2", "no space"),))
    async with running(FakeRemembering(status, look)) as ready:
        await ready[1].press("E")
        await shows(ready, "▲ etcd1: connection refused")
        for wanted in (
            "✖ no quorum 3 members",
            "it has no leader; what is shown is 12s old",
            "✖ alarm on etcd2: no space",
        ):
            assert wanted in screen(ready[0]), wanted
        assert "✖ down" in screen(ready[0])


async def test_what_a_watch_has_not_told_yet_is_said_to_be_behind() -> None:
    async with running(FakeRemembering(LIVE, replace(LOOK, newest=88_500))) as ready:
        await ready[1].press("E")
        await shows(ready, "watch behind: 88408 of 88500")


async def test_from_kinds_to_a_key_and_what_it_held_before_and_back() -> None:
    async with running(FakeRemembering(), size=(80, 24)) as ready:
        app, pilot = ready
        await pilot.press("E")
        await shows(ready, "addresses, labels and cordons of hosts")
        await pilot.press("/", *"cordons", "enter")
        await shows(ready, "1 of 7 kinds")
        await pilot.press("enter")
        await shows(ready, "hosts/web1")
        assert "› etcd › hosts" in screen(app)
        await pilot.press("/", *"web1", "enter")
        await shows(ready, "1 of 2")
        await pilot.press("enter")
        await shows(ready, "› etcd › hosts › web1")
        await shows(ready, '+    "role": "web",')
        await pilot.press("/", *"zone", "enter")
        await shows(ready, "2 of")
        await pilot.press("escape", "escape")
        await shows(ready, "1 of 2")
        assert table(app).cursor_key == "hosts/web1"
        await pilot.press("escape", "escape")
        await shows(ready, "1 of 7 kinds")
        assert table(app).cursor_key == "hosts", "where it was left"


async def test_a_fleet_without_an_etcd_says_so_and_why() -> None:
    memory = FakeRemembering(None)
    memory.why = "no etcd on this machine"
    async with running(memory) as ready:
        await ready[1].press("E")
        await shows(ready, "✖ the fleet has no etcd: no etcd on this machine")


async def test_until_it_is_known_whether_there_is_one_it_is_looked_for() -> None:
    memory = FakeRemembering(None)
    memory.settled = asyncio.Event()
    async with running(memory) as ready:
        await ready[1].press("E")
        await shows(ready, "looking for etcd …")


async def test_what_is_told_before_there_is_a_screen_and_after_it_is_not_lost() -> None:
    memory = FakeRemembering()
    app = app_on(SmallFleet(), remembering=cast("Any", memory))
    memory.told("the first word")
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, lambda: any(note.message == "the first word" for note in app._notifications))
        memory.told("the next")
        await until(pilot, lambda: any(note.message == "the next" for note in app._notifications))
        assert app.untold == []
    memory.told("the last")
    assert app.untold == ["the last"]


async def test_who_acts_on_a_host_is_in_its_row_and_on_its_page() -> None:
    fleet = SmallFleet()
    async with running(FakeRemembering(), fleet, (180, 40)) as ready:
        app, pilot = ready
        await pilot.press("H")
        await shows(ready, "› hosts")
        since = datetime(2026, 11, 24, 2, 58, tzinfo=UTC)
        fleet.model.acted_on("web1", (Acting("web1", "a-1", "alice", "laptop", "unit restart web", since),))
        fleet.model.acted_on("lost1", (Acting("lost1", "a-2", "bob", "desk", "host reboot", since),))
        await shows(ready, "alice: unit")
        await shows(ready, "bob: host")
        await pilot.press("d")
        await shows(ready, "alice: unit restart web")
        await shows(ready, "bob: host reboot; no route to host")
        table(app).move_to("web1")
        await pilot.press("i")
        await shows(ready, "alice: unit restart web since 02:58:00 UTC, from laptop")
        fleet.model.acted_on("web1", ())
        await until(pilot, lambda: "alice" not in screen(app))


async def test_a_conflict_of_file_and_etcd_is_on_the_page_and_last_in_watch() -> None:
    fleet = SmallFleet()
    text = "address is 198.18.0.77 in etcd, and 198.18.0.0 in the fleet's file, which counts"
    fleet.model.configure(HostConfig("web1", "198.18.0.0", conflict=text))
    async with running(FakeRemembering(), fleet, (160, 40)) as ready:
        app, pilot = ready
        await shows(ready, "○ conflict")
        assert table(app).list.keys[-1] == ("web1", "address")
        table(app).move_to(("web1", "address"))
        await pilot.press("i")
        await shows(ready, text)


async def test_a_host_that_goes_while_it_is_looked_at_takes_its_rows_and_nothing_breaks() -> None:
    fleet = SmallFleet()
    async with running(FakeRemembering(), fleet) as ready:
        app, pilot = ready
        for key, there in (("H", "› hosts"), ("U", "› units"), ("C", "› containers"), ("M", "› map")):
            await pilot.press(key)
            await shows(ready, there)
        await pilot.press("H")
        await shows(ready, "web2")
        table(app).move_to("web2")
        await pilot.press("i")
        await shows(ready, "› web2")
        fleet.model.remove("web2")
        await shows(ready, "web2 is not the fleet's any more")
        await pilot.press("U")
        await shows(ready, "› units")
        assert {key[0] for key in table(app).list.keys} == {"web1"}
        fleet.model.remove("web1")
        await until(pilot, lambda: not table(app).list.keys)
        await pilot.press("W")
        await shows(ready, "no route to host")
        fleet.model.configure(HostConfig("new1", "198.18.0.8"))
        fleet.model.apply(HostChanged("new1", Status(State.REFUSED, NOW, "its key is another")))
        await shows(ready, "its key is an")
    assert app.fault is None
