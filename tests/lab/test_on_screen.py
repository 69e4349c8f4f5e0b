"""Faults of lab hosts as they are seen on the screen."""

from __future__ import annotations

import asyncio

from console.lab.lab import Lab
from console.model.state import Source, State
from tests.lab.flooding import flooded
from tests.lab.on_screen import on_screen
from tests.lab.truth import Truth

_FLOOD = 50_000


async def test_docker_restarted_is_stale_on_the_screen_and_live_again_by_itself(
    breakable: Lab, truth: Truth
) -> None:
    async with on_screen((await breakable.status()).config) as screen:
        model = screen.app.model

        def containers() -> State:
            return model.host("docker1").sources[Source.CONTAINERS].state

        await screen.until(lambda: Source.CONTAINERS in model.host("docker1").sources)
        await screen.until(lambda: containers() is State.LIVE)
        await screen.pilot.press("C")
        await screen.shows("docker1", "web", "● running, healthy")
        await asyncio.to_thread(truth.ask, "docker1", "sudo systemctl stop docker.socket docker.service")
        await screen.until(lambda: containers() is not State.LIVE)
        await screen.shows("~")  # the rows that are left are marked as old
        await screen.pilot.press("W")
        await screen.shows("containers", "docker1")
        await asyncio.to_thread(truth.ask, "docker1", "sudo systemctl start docker.socket docker.service")
        await screen.until(lambda: containers() is State.LIVE, 60)
        await screen.pilot.press("C")
        await screen.until(lambda: "~" not in screen.text().replace("~/", ""), 30)


async def test_a_flood_of_fifty_thousand_lines_takes_no_key_away_and_loses_nothing_uncounted(
    lab: Lab, truth: Truth
) -> None:
    async with on_screen((await lab.status()).config) as screen:
        await screen.shows("› watch", "docker1")
        found = await flooded(screen, truth, "docker1", _FLOOD)
        # Each key was carried out before the next: the log paused and went on in the middle of it all.
        assert len(found.keys) > 3
        # What was not shown is counted; lines of others may be among it.
        assert found.shown <= _FLOOD <= found.shown + found.skipped
        await screen.pilot.press("H")
        await screen.shows("› hosts")
