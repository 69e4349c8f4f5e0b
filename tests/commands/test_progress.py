"""Long work says how far it has come."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from console.commands.progress import progress


class Notes:
    def __init__(self) -> None:
        self.told = asyncio.Event()
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)
        if len(self.notes) == 2:
            self.told.set()


async def test_it_is_told_again_and_again_until_the_work_has_ended() -> None:
    out = Notes()
    done = 0
    async with progress(cast("Any", out), lambda: f"{done} done", every=0.01):
        done = 7
        await out.told.wait()
    told = list(out.notes)
    await asyncio.sleep(0.05)
    assert told[:2] == ["7 done"] * 2
    assert out.notes == told


async def test_work_that_fails_is_not_held_up_and_short_work_says_nothing() -> None:
    out = Notes()
    with pytest.raises(ValueError, match="broken"):
        async with progress(cast("Any", out), lambda: "?", every=60):
            raise ValueError("broken")
    assert out.notes == []
