"""The command line with a clock in its loop: how late the loop was, and what it took, into a file at the end.

python -m tests.sim.timed_engine FILE.json WORD…
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from pathlib import Path

import console.fleet.loop
from console.cli.main import main

_TICK_S = 0.01


class TimedLoop(console.fleet.loop.FairLoop):
    """Notes how late its own timer is, again and again, and the CPU time of its thread until then."""

    def __init__(self) -> None:
        super().__init__()
        self.began = time.monotonic()
        self.late: list[float] = []
        self.worked: list[float] = []
        self._beat(self.time(), time.thread_time())

    def _beat(self, due: float, used: float) -> None:
        self.late.append(max(self.time() - due, 0.0))
        self.worked.append(time.thread_time() - used)
        due = self.time() + _TICK_S
        self.call_at(due, self._beat, due, time.thread_time())

    def figures(self) -> dict[str, float]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        took = time.monotonic() - self.began
        return {
            "lived, s": took,
            "CPU, % of a core": 100 * (used.ru_utime + used.ru_stime) / took,
            "memory at most, MB": used.ru_maxrss / 1000,
            **_named("loop late", self.late),
            # Beside other work on the machine the loop is also late because it waits for a processor.
            **_named("loop's own work until it was its turn", self.worked),
        }


def _named(name: str, times: list[float]) -> dict[str, float]:
    last = len(times) - 1
    return {
        f"{name}, p99 ms": 1000 * sorted(times)[int(0.99 * last)],
        f"{name}, at worst ms": 1000 * max(times),
    }


def run(argv: list[str]) -> int:
    """Run a command line, and write what its loop took."""
    made: list[TimedLoop] = []

    def timed_loop() -> asyncio.AbstractEventLoop:
        made.append(TimedLoop())
        return made[-1]

    console.fleet.loop.fair_loop = timed_loop
    file, sys.argv[1:] = Path(argv[0]), argv[1:]
    try:
        return main()
    finally:
        file.write_text(json.dumps(made[-1].figures() if made else {}))


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
