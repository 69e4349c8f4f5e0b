"""A macro made of what is run from the screen."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from console.commands import clock
from console.tui.acting.form import MacroForm
from console.tui.acting.run_screen import RunScreen
from tests.tui.acting_app import asks, command, running
from tests.tui.small_fleet import NOW, screen, until


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


async def test_what_was_run_is_recorded_and_what_was_not_is_not(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        await pilot.press(":", *"record evening", "enter")
        await until(pilot, lambda: "[REC evening]" in screen(app))
        app.carry_out([command("one", "two")])
        await until(pilot, lambda: asks(app))
        await pilot.press("2", "enter")
        await until(pilot, lambda: "esc closes" in screen(app))
        await pilot.press("escape")
        app.carry_out([command("never")])
        await until(pilot, lambda: asks(app))
        await pilot.press("escape")
        await until(pilot, lambda: "not confirmed" in screen(app))
        await pilot.press("escape")
        app.carry_out([command("one", "bad")])
        await until(pilot, lambda: asks(app))
        await pilot.press("2", "enter")
        await until(pilot, lambda: "1 of 2 targets did not" in screen(app))
        await pilot.press("escape")
        await pilot.press(":", *"record", "enter")
        await until(pilot, lambda: "[REC" not in screen(app))
    macro = tomllib.loads((tmp_path / "config/quarterdeck/macros/evening.toml").read_text())
    assert macro["steps"] == ["unit restart one two --on=web1", "unit restart one bad --on=web1"]


async def test_a_name_that_is_taken_and_an_end_without_a_beginning_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "config/quarterdeck/macros"
    folder.mkdir(parents=True)
    (folder / "evening.toml").write_text("steps = ['unit list']")
    async with running(tmp_path) as (app, pilot):

        def told(words: str) -> bool:
            return any(words in note.message for note in app._notifications)

        await pilot.press(":", *"record evening", "enter")
        await until(pilot, lambda: told("already"))
        await pilot.press(":", *"record", "enter")
        await until(pilot, lambda: told("nothing is being recorded"))
        assert app.badges == []


async def test_a_read_only_console_records_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, read_only=True) as (app, pilot):
        await pilot.press(":", *"record evening", "enter")
        await until(pilot, lambda: any("read-only" in note.message for note in app._notifications))
        assert app.badges == ["READ-ONLY"]


MACRO = """
description = "Says what there is"
steps = ["unit list --on ${hosts} -- ${unit}"]
[params.unit]
type = "unit"
[params.hosts]
type = "selector"
default = "web1"
"""


async def test_a_macro_of_the_palette_has_its_parameters_filled_in_first(tmp_path: Path) -> None:
    folder = tmp_path / "config/quarterdeck/macros"
    folder.mkdir(parents=True)
    (folder / "look.toml").write_text(MACRO)
    async with running(tmp_path) as (app, pilot):
        await pilot.press("ctrl+p", *"macro: look")
        await until(pilot, lambda: "Says what there is" in screen(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, MacroForm))
        assert "unit (unit, must be given)" in screen(app)
        assert "unit is missing" in screen(app)
        await pilot.press("tab", "enter")
        assert isinstance(app.screen, MacroForm), "what is missing is not run without"
        await pilot.press("up", *"db.service", "enter", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and "esc closes" in screen(app))
        assert "macro run look --set=unit=db.service" in screen(app)
        assert re.search(r"web1 +db.service +● ok", screen(app))
        await pilot.press("escape")
        await pilot.press("ctrl+p", *"macro: look")
        await until(pilot, lambda: "Says what there is" in screen(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, MacroForm))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
