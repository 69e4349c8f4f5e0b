"""Says how far long work has come, and nothing about work that is short."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.commands.output import Output

_EVERY_S = 2.0


@asynccontextmanager
async def progress(out: Output, say: Callable[[], str], every: float = _EVERY_S) -> AsyncIterator[None]:
    """Have `say` noted every so many seconds, until the work in this context has ended."""

    async def tell() -> None:
        while True:
            await asyncio.sleep(every)
            out.note(say())

    telling = asyncio.create_task(tell(), name="progress")
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
