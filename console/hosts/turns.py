"""Takes turns on the event loop, so that journals that pour in leave time for the keys of whoever reads them.

Yielding alone does not: a key passes a dozen callbacks before it is painted, and waits for one piece of
work at each. So the work of all journals of a loop is done in turns, one after the other, and after
a few milliseconds of it all of them rest for as long.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

#: Work between two rests, in seconds, and the longest rest.
_WORK_S, _REST_S = 0.004, 0.02


class Turns:
    """The turns of one event loop."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._worked = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Do a piece of work that waits for nothing."""
        async with self._lock:
            began = time.perf_counter()
            yield
            self._worked += time.perf_counter() - began
            if self._worked >= _WORK_S:
                rest, self._worked = min(self._worked, _REST_S), 0.0
                await asyncio.sleep(rest)


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = WeakKeyDictionary()


def turns() -> Turns:
    """Those of the running loop."""
    return _turns.setdefault(asyncio.get_running_loop(), Turns())
