"""Changing things from the screen: what is offered, the plan, the answer, the account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from textual.pilot import Pilot

from console.commands import clock
from console.commands.ack import FleetAck
from console.commands.lock import LockRelease
from console.commands.picture import Trouble
from console.commands.rows.base import Cell, Tone
from console.commands.unit_change import UnitRestart
from console.errors import UsageError
from console.model.selector import Selector
from console.tui.acting.line import about, understood
from console.tui.acting.menu import ActionMenu
from console.tui.acting.offers import Target, commands, offers, targets_of
from console.tui.acting.run_screen import RunScreen
from console.tui.app import QuarterdeckApp
from console.tui.targets import opened
from console.tui.views import Kind
from console.tui.views import View as Place
from console.tui.widgets.fleet_table import FleetTable
from tests.tui.acting_app import Doing, asks, command, console, running
from tests.tui.picture_fleet import PictureFleet
from tests.tui.small_fleet import NOW, app_on, box, screen, unit, until


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_what_is_offered_fits_all_that_is_marked() -> None:
    found = offers([Target("unit", "web1", "db.service")])
    assert {offer.letter: offer.verb for offer in found}["r"] == "restart"
    assert len({offer.letter for offer in found}) == len(found)
    assert offers([Target("unit", "a", "b"), Target("container", "a", "b")]) == []


def test_troubles_of_any_kinds_can_be_looked_after_together_and_a_brake_be_let_go() -> None:
    def trouble(host: str, what: str, unit: str | None = None, service: str | None = None) -> Trouble:
        return Trouble(host, what, Cell("bad"), NOW, "", unit=unit, service=service)

    brake = trouble("", "engine", service="")
    web = trouble("", "web@.service", service="web@.service")
    unit_of = trouble("web1", "db.service", unit="db.service")
    lock = trouble("", "reboot lock default, web1")
    assert [offer.verb for offer in offers(targets_of([brake]))] == ["resume", "ack"]
    assert [offer.verb for offer in offers(targets_of([lock]))] == ["ack"]
    found = offers(targets_of([web]))
    assert {"restart", "ack"} <= {offer.verb for offer in found}
    assert len({offer.letter for offer in found}) == len(found)
    rows = [brake, web, unit_of, trouble("web2", "host"), lock]
    (ack,) = offers(targets_of(rows))
    names = (
        *("fleet/engine", "fleet/web@.service", "web1/db.service"),
        *("web2", "console/reboot lock default, web1"),
    )
    assert commands(ack, targets_of(rows)) == [FleetAck(troubles=names)]
    assert offers(targets_of([web, unit("web1", "x.service"), box("web1", "y")])) == []


def test_commands_are_by_name_and_hosts_with_the_same_names_are_one() -> None:
    restart = next(o for o in offers([Target("unit", "a", "x")]) if o.verb == "restart")
    rows = [
        unit("web1", "x.service"),
        unit("web2", "x.service"),
        unit("web3", "x.service"),
        unit("web3", "y.service"),
    ]
    assert commands(restart, targets_of(rows)) == [
        UnitRestart(on=Selector.parse("web1,web2"), patterns=("x.service",)),
        UnitRestart(on=Selector.parse("web3"), patterns=("x.service", "y.service")),
    ]


def test_a_trouble_of_a_rollout_or_of_a_lock_offers_what_is_done_about_it() -> None:
    how = Cell.state("halted", Tone.BAD)
    rollout = Trouble("", "rollout r-2f9c", how, NOW, "web1: not well", rollout="r-2f9c")
    assert {"resume", "abort", "undo"} <= {offer.verb for offer in offers(targets_of([rollout]))}
    assert opened(rollout) == Place(Kind.ROLLOUT, rollout="r-2f9c")
    stale = Trouble("", "reboot lock default, web1", how, NOW, "", lock=("default", "r-2f9c/web1"))
    release, ack = offers(targets_of([stale]))
    assert ack.command is FleetAck
    assert commands(release, targets_of([stale])) == [LockRelease(group="default", id="r-2f9c/web1")]


def test_a_container_with_a_name_that_could_be_read_otherwise_is_meant_by_its_id() -> None:
    (target,) = targets_of([box("web1", "*")])
    assert target.name == box("web1", "*").id[:12]


def test_a_typed_line_is_a_command_or_a_view() -> None:
    assert understood("unit restart x --on web1") == UnitRestart(on=Selector.parse("web1"), patterns=("x",))
    assert understood("go hosts") == understood("view go hosts") == Place(Kind.HOSTS)
    endless = ("unit list --watch", "engine run")
    for line in ("go nowhere", "unit lsit", "", *endless, "unit restart 'x", "theme", "view x"):
        with pytest.raises(UsageError):
            understood(line)
    assert about(Place(Kind.LOGS, "web1", unit="x.service")) == [Target("unit", "web1", "x.service")]


async def test_a_letter_of_the_menu_leads_to_a_plan_and_esc_to_nothing_done(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        await pilot.press("U", "a")
        await until(pilot, lambda: isinstance(app.screen, ActionMenu))
        assert "restart" in screen(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)


async def test_the_answer_that_fits_carries_the_plan_out_and_the_account_stays(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        app.carry_out([command("one", "two")])
        await until(pilot, lambda: asks(app))
        assert "2 steps: type 2" in screen(app)
        await pilot.press("2", "enter")
        await until(pilot, lambda: "esc closes" in screen(app))
        assert sorted(Doing.done) == ["one", "two"]
        assert screen(app).count("● done") == 2
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)


@pytest.mark.parametrize("keys", [["y", "enter"], ["escape"], ["enter"]])
async def test_any_other_answer_does_nothing(tmp_path: Path, keys: list[str]) -> None:
    async with running(tmp_path) as (app, pilot):
        app.carry_out([command("one", "two")])
        await until(pilot, lambda: asks(app))
        await pilot.press(*keys)
        await until(pilot, lambda: "not confirmed: nothing was done" in screen(app))
        assert Doing.done == []


async def test_a_failure_is_a_result_like_the_others(tmp_path: Path) -> None:
    async with running(tmp_path, yes=True) as (app, pilot):
        app.carry_out([command("one", "bad")])
        await until(pilot, lambda: "1 of 2 targets did not" in screen(app))
        assert "it broke" in screen(app)


async def test_esc_twice_interrupts_what_runs_and_tells_what_was_done(tmp_path: Path) -> None:
    async with running(tmp_path, yes=True) as (app, pilot):
        Doing.wait = asyncio.Event()
        app.carry_out([command("one")])
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and "running" in screen(app))
        await pilot.press("escape")
        await until(pilot, lambda: "esc again" in screen(app))
        await pilot.press("escape")
        await until(pilot, lambda: "1 interrupted" in screen(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)


async def test_a_read_only_console_offers_nothing_and_runs_nothing_by_any_way(tmp_path: Path) -> None:
    async with running(tmp_path, read_only=True) as (app, pilot):
        await pilot.press("U", "a")
        await until(pilot, lambda: isinstance(app.screen, ActionMenu))
        assert "read-only" in screen(app)
        await pilot.press("r")
        assert isinstance(app.screen, ActionMenu)
        await pilot.press("escape")
        # As the palette would: past every key.
        app.carry_out([command("one")])
        await until(pilot, lambda: "read-only: --read-only" in screen(app))
        assert Doing.done == []


async def test_without_a_place_for_records_nothing_runs_and_the_terminal_stays(tmp_path: Path) -> None:
    async with running(tmp_path, state=tmp_path / "fleet.toml") as (app, pilot):
        app.carry_out([command("a")])
        # Where the line is broken goes by how long the folder's path is.
        await until(
            pilot,
            lambda: "the state folder cannot be made" in " ".join(screen(app).replace("│", " ").split()),
        )
        assert Doing.done == []
        await pilot.press("escape", ":")
        await until(pilot, lambda: isinstance(app.screen, type(app.main)))
        told = [str(note.message) for note in app._notifications]
        assert any("the state folder cannot be made" in message for message in told)
        await pilot.press(*"go units", "enter")
        await until(pilot, lambda: app.main.view.kind is Kind.UNITS)


async def test_a_line_is_checked_while_it_is_typed_and_run_with_enter(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        await pilot.press(":")
        await pilot.press(*"go hsots")
        assert "where to" in screen(app)
        for _ in "hsots":
            await pilot.press("backspace")
        await pilot.press(*"hosts", "enter")
        await until(pilot, lambda: "› hosts" in screen(app))
        await pilot.press(":", *"audit list", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and "no audit record" in screen(app))


async def test_the_palette_leads_to_a_line_with_the_command_in_it_and_runs_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        await pilot.press("ctrl+p", *"unit restart")
        await until(pilot, lambda: "command: unit restart" in screen(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.main and app.main.line.is_open)
        assert app.main.line.value == "unit restart "


async def test_the_view_is_set_by_a_line_and_earlier_lines_come_back(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        await pilot.press("U", ":", *"filter db", "enter")
        await until(pilot, lambda: "/db" in screen(app) and "web.service" not in screen(app))
        await pilot.press(":", *"sort -unit", "enter")
        assert app.main.query_one(FleetTable).list.sort == ("UNIT", True)
        await pilot.press(":", *"theme light", "enter")
        assert app.theme == "light"
        await pilot.press(":", "up", "up")
        assert app.main.line.value == "sort -unit"
        await pilot.press("down", "down")
        assert app.main.line.value == ""
        await pilot.press(*"theme nosuch", "enter")
        await until(pilot, lambda: any("no theme" in note.message for note in app._notifications))


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids="{0[0]}x{0[1]}".format)
def test_a_picture_of_the_menu(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    async def open_menu(pilot: Pilot[int]) -> None:
        app = cast("QuarterdeckApp", pilot.app)
        await until(pilot, lambda: bool(app.main.query("#main")) and app.main.focused is not None)
        await pilot.press("U", "a")
        await until(pilot, lambda: isinstance(app.screen, ActionMenu))

    assert snap_compare(app_on(PictureFleet()), terminal_size=size, run_before=open_menu)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids="{0[0]}x{0[1]}".format)
def test_a_picture_of_a_plan(
    snap_compare: Callable[..., bool], size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.actions.plan.secrets.token_hex", lambda count: "1f0c92ab")
    app = app_on(PictureFleet())
    app.core = console(tmp_path)

    async def open_plan(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: bool(app.main.query("#main")) and app.main.focused is not None)
        app.carry_out([command("db.service", "api.service")])
        await until(pilot, lambda: asks(app))

    assert snap_compare(app, terminal_size=size, run_before=open_plan)
