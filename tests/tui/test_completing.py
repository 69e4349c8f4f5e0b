"""Tab on the typed line."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.events import Key

from console.tui.acting.completing import Completing
from tests.tui.acting_app import running
from tests.tui.small_fleet import SmallFleet, app_on, screen, until


@pytest.mark.parametrize(
    ("typed", "becomes", "choices"),
    [
        ("unit rest", "unit restart ", []),
        ("unit re", "unit re", ["reload", "restart", "reset-failed"]),
        ("go aud", "go audit ", []),
        ("view the", "view theme ", []),
        ("unit restart d", "unit restart db.service ", []),
        ("unit restart db.service --on w", "unit restart db.service --on web", ["web1", "web2"]),
        ("unit restart --on=lost", "unit restart --on=lost1 ", []),
        ("unit restart --wav", "unit restart --wave=", []),
        ("unit 'rest", "unit 'rest", []),
        ("nonsense x", "nonsense x", []),
    ],
)
def test_a_line_goes_on_as_far_as_it_only_can(typed: str, becomes: str, choices: list[str]) -> None:
    completed, found = Completing(app_on(SmallFleet()))(typed)
    assert completed == becomes
    assert sorted(found) == sorted(choices)


async def test_tab_completes_and_shows_what_can_come_next(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        await pilot.press(":", *"unit rel", "tab")
        assert app.main.line.value == "unit reload "
        await pilot.press(*"--on w", "tab")
        await until(pilot, lambda: "web1  web2" in screen(app))
        assert app.main.line.value == "unit reload --on web"
        assert app.main.line.has_focus


async def test_what_can_come_next_stays_while_the_fleet_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        await pilot.press(":", *"unit reload --on w", "tab")
        await until(pilot, lambda: "web1  web2" in screen(app))
        app.main.tick()
        await pilot.pause()
        assert "web1  web2" in screen(app)
        await pilot.press("escape")
        await until(pilot, lambda: "web1  web2" not in screen(app))
        await pilot.press(":")
        app.main.tick()
        await pilot.pause()
        assert "web1  web2" not in screen(app)


async def test_a_tab_right_behind_a_letter_shows_what_can_come_next(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        await pilot.press(":", *"unit reload --on ")
        for key in (Key("w", "w"), Key("tab", "\t")):  # both wait before either is looked at
            app.main.line.post_message(key)
        await until(pilot, lambda: app.main.line.value.endswith("web"))
        await pilot.pause(0.1)
        assert "web1  web2" in screen(app)
