"""Changes made by keys, on real hosts: the menu, the plan, the answer, the account, the way back."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from tests.lab.changing import Writer
from tests.lab.on_screen import OnScreen, on_screen
from tests.lab.truth import Truth


def life(truth: Truth, unit: str) -> str:
    return truth.ask("docker1", f"systemctl show -P InvocationID {unit}").strip()


async def typed(screen: OnScreen, line: str) -> None:
    await screen.pilot.press(":", *line, "enter")


async def to_unit(screen: OnScreen, unit: str) -> None:
    """To the units of docker1 with the cursor on one of them."""
    await screen.pilot.press("H")
    await screen.shows("› hosts", "docker1")
    await screen.pilot.press("/", *"docker1", "enter")
    await screen.shows("1 of")
    await screen.pilot.press("u")
    await screen.shows("› docker1 › units")
    await screen.pilot.press("/", *unit, "enter")
    await screen.shows(f"/{unit}", "1 of")


async def test_what_the_menu_stops_is_stopped_and_u_takes_it_back(truth: Truth, tmp_path: Path) -> None:
    environ = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    async with on_screen(truth.config.path, environ=environ) as screen:
        await to_unit(screen, "web@1")
        await screen.pilot.press("a")
        await screen.shows("stop")
        await screen.pilot.press("t")
        await screen.shows("stop docker1/web@1.service: y")
        assert truth.ask("docker1", "systemctl is-active web@1").strip() == "active", "a plan does nothing"
        await screen.pilot.press("y", "enter")
        await screen.shows("● done", "u: undo")
        assert truth.ask("docker1", "systemctl is-active web@1 || true").strip() == "inactive"
        await screen.pilot.press("u")
        await screen.shows("start docker1/web@1.service: y")
        await screen.pilot.press("y", "enter")
        await screen.shows("● done", "esc closes")
        assert truth.ask("docker1", "systemctl is-active web@1").strip() == "active"
        await screen.pilot.press("escape")
        await screen.pilot.press("A")
        await screen.shows("› audit", "unit stop web@1", "audit undo")


async def test_a_macro_recorded_on_the_screen_replays_headless_with_the_same_lines(
    truth: Truth, tmp_path: Path
) -> None:
    folders = {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    async with on_screen(truth.config.path, environ={**os.environ, **folders}) as screen:
        await screen.shows("› watch")
        await typed(screen, "record evening")
        await screen.shows("[REC evening]")
        before = life(truth, "chatty")
        await typed(screen, "unit restart chatty --on docker1,docker2")
        await screen.shows("2 steps on 2 hosts: type 2")
        await screen.pilot.press("2", "enter")
        await screen.shows("esc closes")
        await screen.pilot.press("escape")
        await to_unit(screen, "web@1")
        await screen.pilot.press("a")
        await screen.shows("restart")
        await screen.pilot.press("r")
        await screen.shows("restart docker1/web@1.service: y")
        await screen.pilot.press("y", "enter")
        await screen.shows("● done", "esc closes")
        await screen.pilot.press("escape")
        await typed(screen, "record")
        await screen.until(lambda: screen.app.badges == [])
    recorded = life(truth, "chatty")
    assert recorded != before
    writer = Writer(truth, tmp_path / "state")

    def replay() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The records before and after."""
        done = json.loads(writer.run("audit", "list", "-o", "json").stdout)
        writer.run("run", "evening", "--yes", XDG_CONFIG_HOME=folders["XDG_CONFIG_HOME"])
        return done, json.loads(writer.run("audit", "list", "-o", "json").stdout)[len(done) :]

    done, again = await asyncio.to_thread(replay)
    assert [record["line"] for record in again if record["part_of"]] == [record["line"] for record in done]
    assert [record["outcome"] for record in again] == ["done"] * 3
    assert life(truth, "chatty") != recorded
