"""What an engine could not have heard counts against no host."""

from __future__ import annotations

import asyncio
import time

from console.engine.ear import EVERY_S, USUAL_S, Ear

_STOPPED_S = 2.0


async def test_the_clock_stands_still_while_the_loop_does_and_goes_on_after() -> None:
    ear, now = Ear(), asyncio.get_running_loop().time
    listening = asyncio.create_task(ear.listen())
    try:
        await asyncio.sleep(0)
        before = ear.clock(now())
        time.sleep(_STOPPED_S)  # noqa: ASYNC251 - the loop stands still, and everything in it
        stood = ear.clock(now())
        assert stood - before <= EVERY_S + USUAL_S
        async with asyncio.timeout(20):
            while ear.clock(now()) <= stood + EVERY_S + USUAL_S:  # noqa: ASYNC110 - a clock tells nobody
                await asyncio.sleep(0.05)
        # What was not heard then is not heard later either.
        assert now() - ear.clock(now()) >= _STOPPED_S - EVERY_S - USUAL_S
    finally:
        listening.cancel()
        await asyncio.wait((listening,))


def test_one_that_does_not_listen_yet_counts_all_time() -> None:
    assert Ear().clock(7.0) == 7.0
