"""Time that goes faster than the machine's, for a whole event loop: what it waits for comes the sooner."""

from __future__ import annotations

import asyncio


def hasten(loop: asyncio.SelectorEventLoop, pace: float) -> None:
    """Have a loop's time go so many times as fast from now on. Nothing must wait on it yet.

    All that waits by the loop's own clock is hastened alike: sleeps, time-outs, what is called later.
    """
    clock, selector = loop.time, loop._selector  # type: ignore[attr-defined]  # asyncio has no other way in
    select = selector.select

    def select_for(timeout: float | None = None) -> object:
        return select(timeout / pace if timeout else timeout)

    loop.time = lambda: clock() * pace  # type: ignore[method-assign]
    selector.select = select_for
