"""Python's cyclic garbage collector, kept from stopping a console that knows many hosts.

A full collection looks at every object there is, and takes a second where there are a thousand hosts. What
lives long here (units, containers, log records, rows, widgets) is freed by its reference count, and so is
most of a connection that has ended; but the sockets of asyncio and asyncssh refer to themselves, and some
fifty kilobytes stay. So all is collected after as many connections have ended as there are hosts, or an hour
at the latest; and then only while nobody types and no host is lost.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

#: New objects until the young are looked at, young collections until the middle-aged are, and of those
#: until all are. A collection takes about a millisecond a thousand objects where they live on, as a log's
#: records do: so few at a time, and all of them never by themselves.
_THRESHOLDS = (1_500, 5, 1_000_000)

#: Seconds without a key or another lost host, after which neither is likely right now.
REST_S = 4.0
#: Seconds between two full collections at most, and lost connections between them at least.
EVERY_S, _ENDED = 3600.0, 100


class _Young:
    """Contexts overlap where one fleet is opened before another is closed: the last one out restores."""

    def __init__(self) -> None:
        self._inside = 0
        self._before = gc.get_threshold()

    def enter(self) -> None:
        if not self._inside:
            self._before = gc.get_threshold()
            gc.set_threshold(*_THRESHOLDS)
        self._inside += 1

    def leave(self) -> None:
        self._inside -= 1
        if not self._inside:
            gc.set_threshold(*self._before)


_young = _Young()


@contextmanager
def only_the_young() -> Iterator[None]:
    """Have the young collected often, and all never by themselves, until the context is left."""
    _young.enter()
    try:
        yield
    finally:
        _young.leave()


class Collector:
    """Decides when all is collected.

    :param hosts: how many the fleet has.
    :param now: a clock that never goes back, in seconds.
    """

    def __init__(self, hosts: int, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._enough = max(hosts, _ENDED)
        self._ended = 0
        self._busy_at = self._collected_at = now()

    def typed(self) -> None:
        """Somebody is at the keys."""
        self._busy_at = self._now()

    def ended(self) -> None:
        """A host's connection has ended."""
        self._ended += 1
        self._busy_at = self._now()

    def look(self) -> None:
        """Collect if it is time to."""
        at = self._now()
        due = self._ended >= self._enough or at - self._collected_at >= EVERY_S
        if due and at - self._busy_at >= REST_S:
            self._ended, self._collected_at = 0, at
            gc.collect()

    async def run(self) -> NoReturn:
        """Look every second."""
        while True:
            await asyncio.sleep(1.0)
            self.look()
