"""Python's cyclic garbage collector, kept from stopping the screen.

A full collection looks at every object there is: a hundred thousand log records and rows take it
longer than a key may wait. What lives long here (rows, records, widgets, styles) is freed by its
reference count, so the full collection finds next to nothing.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from math import inf

#: New objects until the young are looked at, young collections until the middle-aged are, and of those
#: until all are. A collection takes about a millisecond a thousand objects where they live on, as a log's
#: records do: so few at a time, and all of them as good as never, for `calm` does it.
_THRESHOLDS = (1_500, 5, 1_000_000)

#: Seconds without a key after which somebody is likely not to press one right now, and between two full
#: collections.
REST_S, EVERY_S = 4.0, 60.0


def set_thresholds() -> None:
    """From now on the young are collected often, and all of them never by themselves."""
    gc.set_threshold(*_THRESHOLDS)


def calm() -> None:
    """Collect now, and leave what is alive out of later collections.

    It takes as long as there are objects made since the last time: some 2 ms a thousand lines of a log.
    """
    set_thresholds()
    gc.collect()
    gc.freeze()


class Collector:
    """When to be calm: now and then, while nobody types.

    :param now: a clock that never goes back, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._typed_at = now()
        self._calm_at = -inf

    def typed(self) -> None:
        """Somebody is at the keys."""
        self._typed_at = self._now()

    def look(self) -> None:
        """To be called every few seconds."""
        at = self._now()
        if at - self._typed_at >= REST_S and at - self._calm_at >= EVERY_S:
            self._calm_at = at
            calm()
