"""Waiting until a file descriptor can be read or written, without a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def readable(handle: int) -> None:
    """Wait until `handle` can be read, or has ended."""
    loop = asyncio.get_running_loop()
    await _ready(handle, loop.add_reader, loop.remove_reader)


async def writable(handle: int) -> None:
    """Wait until `handle` takes something, or has ended."""
    loop = asyncio.get_running_loop()
    await _ready(handle, loop.add_writer, loop.remove_writer)


async def _ready(
    handle: int, watch: Callable[[int, Callable[[], None]], object], leave: Callable[[int], object]
) -> None:
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def told() -> None:
        if not ready.done():
            ready.set_result(None)

    watch(handle, told)
    try:
        await ready
    finally:
        leave(handle)
