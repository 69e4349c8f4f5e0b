"""What was done from here, on the screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.actions.audit import Audit, Who
from console.actions.audit_file import FileSink
from console.commands import clock
from console.tui.acting.menu import ActionMenu
from console.tui.acting.run_screen import RunScreen
from tests.tui.acting_app import console, running
from tests.tui.small_fleet import NOW, screen, until


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr("console.tui.shown.audit._LOOK_EVERY_S", 0.02)


def writer(tmp_path: Path) -> Audit:
    return Audit((FileSink(console(tmp_path).state_folder),), Who("ann", "console1"), lambda: NOW)


async def test_records_come_as_they_are_written_the_newest_on_top(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        await pilot.press("A")
        await until(pilot, lambda: "nothing was done yet" in screen(app))
        others = writer(tmp_path)
        begun = others.begin("unit stop db --on=web1", None)
        await until(pilot, lambda: "not ended" in screen(app))
        others.end(begun, "done", undo=["unit start db --on=web1"])
        await until(pilot, lambda: "● done" in screen(app) and "not ended" not in screen(app))
        others.refused("host reboot --on=web1", "nobody is there to confirm it")
        await until(pilot, lambda: "✖ refused" in screen(app))
        await pilot.press("/", *"reboot", "enter")
        await until(pilot, lambda: "1 of 2" in screen(app))


async def test_enter_leads_to_the_whole_record_and_a_letter_to_its_undo(tmp_path: Path) -> None:
    others = writer(tmp_path)
    done = others.begin("unit stop db --on=web1", None)
    others.end(done, "done", undo=["unit start db --on=web1"])
    async with running(tmp_path) as (app, pilot):
        await pilot.press("A")
        await until(pilot, lambda: "unit stop db" in screen(app))
        await pilot.press("enter")
        await until(pilot, lambda: f"› audit › {done.id}" in screen(app) and "undo:" in screen(app))
        assert "by ann, from console1" in screen(app)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ActionMenu) and "undo" in screen(app))
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        await until(pilot, lambda: f"audit undo {done.id}" in screen(app))


async def test_what_cannot_be_taken_back_is_offered_nothing(tmp_path: Path) -> None:
    writer(tmp_path).refused("host reboot --on=web1", "no")
    async with running(tmp_path) as (app, pilot):
        await pilot.press("A")
        await until(pilot, lambda: "✖ refused" in screen(app))
        await pilot.press("a")
        await until(pilot, lambda: any("nothing can be done" in note.message for note in app._notifications))
        assert app.screen is app.main
