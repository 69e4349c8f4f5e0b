"""Rollouts on the screen: the list of them, and one while it goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from textual.pilot import Pilot

from console.commands import clock
from console.rollouts import host_course as at
from console.rollouts.course import End
from console.rollouts.proving import WELL
from console.rollouts.records import progress_bytes, rollout_bytes
from console.rollouts.rollout import State
from console.store.client import Etcd, open_etcd
from console.store.schema import Keys
from console.store.values import Put
from console.tui.app import QuarterdeckApp
from console.tui.views import Kind, View
from tests.store.cluster import needs_etcd, running_cluster
from tests.tui.remembering import LIVE, FakeEtcd, FakeRemembering
from tests.tui.rollouts import ID, WebFleet, ago, all_values, ended, in_stage, rollout
from tests.tui.small_fleet import NOW, app_on, screen, until
from tests.tui.test_app import shows
from tests.tui.test_pictures import Comparison, at_every_size


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.delenv("NO_COLOR", raising=False)


def remembering(etcd: Any) -> FakeRemembering:
    memory = FakeRemembering()
    memory.memory = SimpleNamespace(etcd=etcd, keys=Keys(etcd.prefix), status=LIVE)
    return memory


@asynccontextmanager
async def looked_at(
    etcd: Any, view: View, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[QuarterdeckApp, Pilot[int]]]:
    app = app_on(WebFleet(), remembering=cast("Any", remembering(etcd)))
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: bool(app.main.query("#main")) and app.main.focused is not None)
        app.main.show(view)
        await until(pilot, lambda: app.main.shown is not None and app.main.shown.view == view)
        yield app, pilot


ONE = View(Kind.ROLLOUT, rollout=ID)


async def test_those_that_go_on_come_before_those_that_are_over_and_lead_to_their_page() -> None:
    async with looked_at(FakeEtcd(all_values()), View(Kind.ROLLOUTS)) as (app, pilot):
        await shows((app, pilot), "r-0a11")
        lines = screen(app).splitlines()
        order = [next(n for n, line in enumerate(lines) if name in line) for name in (ID, "r-77e0", "r-0a11")]
        assert order == sorted(order)
        await shows((app, pilot), "✖ halted")
        await pilot.press("enter")
        await until(pilot, lambda: app.main.view == ONE)
        await shows((app, pilot), "wave 2 of 3")
        await pilot.press("escape")
        await until(pilot, lambda: app.main.view.kind is Kind.ROLLOUTS)


async def test_a_page_says_how_far_it_is_what_it_waits_for_and_what_undoes_it() -> None:
    async with looked_at(FakeEtcd(all_values()), ONE, (200, 60)) as ready:
        await shows(ready, "5 of 40 done")
        for told in (
            "wave 1: 1 of 1",
            "wave 2: 4 of 9",
            "api.service is activating",
            "fails in 9m12s",
            "1 of 1 slots held",
            "`rollout undo r-2f9c` takes 5 back",
            "30 to come",
        ):
            await shows(ready, told)


async def test_the_cursor_tells_of_one_target_and_enter_leads_to_its_host() -> None:
    async with looked_at(FakeEtcd(all_values()), ONE) as (app, pilot):
        await shows((app, pilot), "5 of 40 done")
        await pilot.press("n")
        await shows((app, pilot), "43.20261108.3.0 → 43.20261122.3.0")
        await until(pilot, lambda: "web6" in screen(app).splitlines()[1])
        await pilot.press("enter")
        await until(pilot, lambda: app.main.view == View(Kind.PAGE, "web6"))
        await pilot.press("escape")
        await until(pilot, lambda: "web6" in screen(app).splitlines()[1])


async def test_the_arrows_go_from_wave_to_wave() -> None:
    async with looked_at(FakeEtcd(all_values()), ONE) as (app, pilot):
        await shows((app, pilot), "5 of 40 done")
        seen = []
        for key in ("j", "right", "right", "j", "k", "k", "G", "g"):
            await pilot.press(key)
            await pilot.pause()
            shown = app.main.shown
            assert shown is not None
            seen.append(shown.copy_text())
        assert seen == ["web2", "web3", "web4", "web13", "web4", "web1", "web40", "web1"]


async def test_a_letter_goes_to_a_host_by_its_name() -> None:
    async with looked_at(FakeEtcd(all_values()), ONE) as (app, pilot):
        await shows((app, pilot), "5 of 40 done")
        await pilot.press("slash", *"web33", "enter")
        await until(pilot, lambda: "web33" in screen(app).splitlines()[1])


async def test_pausing_is_one_key_and_asks_with_its_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    async with looked_at(FakeEtcd(all_values()), ONE) as (app, pilot):
        await shows((app, pilot), "5 of 40 done")
        asked: list[Any] = []
        monkeypatch.setattr(app, "carry_out", asked.extend)
        await pilot.press("p")
        await until(pilot, lambda: bool(asked))
        assert [(one.words, one.id) for one in asked] == [(("rollout", "pause"), ID)]
        await pilot.press("a")
        await shows((app, pilot), "Take a rollout back")
        await pilot.press("u")
        await until(pilot, lambda: len(asked) == 2)
        assert (asked[1].words, asked[1].id) == (("rollout", "undo"), ID)


async def test_a_halted_one_is_resumed_by_the_same_key_and_one_that_is_over_by_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []
    etcd = FakeEtcd(all_values())
    async with looked_at(etcd, View(Kind.ROLLOUT, rollout="r-77e0")) as (app, pilot):
        monkeypatch.setattr(app, "carry_out", asked.extend)
        await shows((app, pilot), "web1 has failed")
        await pilot.press("p")
        await until(pilot, lambda: bool(asked))
        assert asked[0].words == ("rollout", "resume")
        app.main.show(View(Kind.ROLLOUT, rollout="r-0a11"))
        await shows((app, pilot), "12 of 12 done")
        await pilot.press("p")
        await shows((app, pilot), "nothing here goes on")
        assert len(asked) == 1


async def test_a_rollout_that_is_not_there_is_said() -> None:
    async with looked_at(FakeEtcd({}), View(Kind.ROLLOUT, rollout="r-dead")) as ready:
        await shows(ready, "there is no rollout r-dead")


async def test_one_that_cannot_be_read_is_said_with_its_fault() -> None:
    async with looked_at(FakeEtcd({f"rollouts/{ID}": {"id": ID}}), ONE) as ready:
        await shows(ready, "cannot be read: targets is not a list of some")


async def test_without_an_etcd_there_are_none() -> None:
    app = app_on(WebFleet(3))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: bool(app.main.query("#main")) and app.main.focused is not None)
        await pilot.press("R")
        await shows((app, pilot), "the fleet has none")


@needs_etcd
async def test_targets_move_through_their_stages_as_etcd_tells(tmp_path: Path) -> None:
    async def put(etcd: Etcd, key: str, value: bytes) -> None:
        await etcd.write([Put(key, value)])

    async with running_cluster(tmp_path) as cluster, open_etcd(cluster.config()) as etcd:
        keys = Keys(etcd.prefix)
        await put(etcd, keys.rollout(ID), rollout_bytes(rollout()))
        async with looked_at(etcd, ONE) as ready:
            await shows(ready, "0 of 40 done")
            await shows(ready, "nobody carries it out")
            await put(etcd, keys.rollout_driver(ID), b'{"name": "engine1/812"}')
            await until(ready[1], lambda: "nobody carries" not in screen(ready[0]))
            web1 = keys.rollout_target(ID, "web1")
            await put(etcd, web1, progress_bytes(in_stage(at.RETURN, NOW, "it does not answer yet")))
            await shows(ready, "b 1 reboot")
            await put(etcd, web1, progress_bytes(in_stage(at.GATE, NOW, f"{WELL}, and has to be for 60 s")))
            await shows(ready, "opens in 1m, fails in 10m")
            await put(etcd, web1, progress_bytes(ended(End.DONE, NOW)))
            await shows(ready, "1 of 40 done")
            halted = replace(rollout(state=State.HALTED), why="web2 has failed", since=ago(seconds=3))
            await put(etcd, keys.rollout(ID), rollout_bytes(halted))
            await shows(ready, "✖ halted")
            await shows(ready, "`rollout resume r-2f9c` goes on")


def _there(view: View, there: str) -> Callable[[Pilot[int]], Awaitable[None]]:
    async def press(pilot: Pilot[int]) -> None:
        app = pilot.app
        assert isinstance(app, QuarterdeckApp)
        await until(pilot, lambda: app.main.shown is not None)
        app.main.show(view)
        await until(pilot, lambda: app.main.shown is not None and app.main.shown.view == view)
        await shows((app, pilot), there)
        await pilot.pause()

    return press


def _app() -> QuarterdeckApp:
    return app_on(WebFleet(), remembering=cast("Any", remembering(FakeEtcd(all_values()))))


@at_every_size
def test_a_picture_of_rollouts(snap_compare: Comparison, size: tuple[int, int]) -> None:
    look = _there(View(Kind.ROLLOUTS), "r-0a11")
    assert snap_compare(_app(), terminal_size=size, run_before=look)


@at_every_size
def test_a_picture_of_a_rollout(snap_compare: Comparison, size: tuple[int, int]) -> None:
    assert snap_compare(_app(), terminal_size=size, run_before=_there(ONE, "5 of 40 done"))


@at_every_size
def test_a_picture_of_a_rollout_that_was_halted(snap_compare: Comparison, size: tuple[int, int]) -> None:
    look = _there(View(Kind.ROLLOUT, rollout="r-77e0"), "web1 has failed")
    assert snap_compare(_app(), terminal_size=size, run_before=look)
