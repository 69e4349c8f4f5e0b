"""Waiting for a condition of the real world, and who works on a folder."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def patience(seconds: float) -> float:
    """How long to wait for what takes at most `seconds` on a machine with nothing else to do.

    So many times as long as there are tasks for each of its processors.
    """
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


async def until(condition: Callable[[], bool], what: str, within: float = 30.0) -> None:
    """Wait for `condition`, which may block; after `within` seconds the test fails: `what` is missing."""
    try:
        async with asyncio.timeout(within):
            while True:
                if await asyncio.to_thread(condition):
                    return
                await asyncio.sleep(0.1)
    except TimeoutError:
        pytest.fail(f"not within {within:.0f} s: {what}")


def commands_naming(folder: Path) -> dict[int, str]:
    """The processes whose command line names `folder` or something in it, with that line."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = process.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended
        if str(folder) in command:
            found[int(process.name)] = command
    return found
