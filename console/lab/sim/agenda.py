"""What is going to happen, in order, on a clock that is given. Pure.

Time is in seconds since the fleet began. Actions see in `now` the time they were due at, however late
they are run, so that what happens does not depend on how busy the machine is.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

Action = Callable[[], None]


class Agenda:
    """Actions by time; those for the same time in the order they were put.

    :param clock: seconds since the fleet began; without one time passes only in `run`.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock
        self._reached = 0.0
        self._running: float | None = None
        self._due: list[tuple[float, int, Action]] = []
        self._count = 0
        #: Called when something is put that is due before everything else.
        self.sooner: Callable[[], None] | None = None

    @property
    def now(self) -> float:
        """Within an action when it was due, else what the clock says."""
        if self._running is not None:
            return self._running
        return self._clock() if self._clock else self._reached

    @property
    def due(self) -> float | None:
        """When the next action is due."""
        return self._due[0][0] if self._due else None

    def after(self, delay: float, action: Action) -> None:
        """Do `action` that many seconds from now."""
        self.at(self.now + delay, action)

    def at(self, time: float, action: Action) -> None:
        """Do `action` at a time, or at the next chance if that is past."""
        first = not self._due or time < self._due[0][0]
        self._count += 1
        heapq.heappush(self._due, (max(time, self.now), self._count, action))
        if first and self.sooner is not None:
            self.sooner()

    def run(self, until: float, most: int | None = None) -> bool:
        """Do what is due by `until`; False if `most` actions were done and more are due."""
        done = 0
        try:
            while self._due and self._due[0][0] <= until:
                if done == most:
                    return False
                self._running, _, action = heapq.heappop(self._due)
                action()
                done += 1
        finally:
            self._running = None
        self._reached = max(self._reached, until)
        return True
