"""Apps on a screen that nobody looks at: what goes to the terminal is made in full, timed and dropped."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from selectors import DefaultSelector
from typing import Any

from textual.app import App
from textual.drivers.headless_driver import HeadlessDriver
from textual.pilot import Pilot

from console.commands.rows import UNIT, Cell, Column
from console.model.unit import Health, Unit

WIDTH, HEIGHT = 160, 50

#: Nothing was written for so long: the work is done.
_QUIET_S = 0.15


class Sink(HeadlessDriver):
    """A terminal that takes everything and shows nothing."""

    written = 0
    writes = 0
    last_write = 0.0

    @property
    def is_headless(self) -> bool:
        return False  # or Textual would not make the escape sequences, a good part of the work

    def write(self, data: str) -> None:
        Sink.written += len(data)
        Sink.writes += 1
        Sink.last_write = time.perf_counter()

    def flush(self) -> None:
        """Nothing is held back."""


class Beat:
    """A task that only wants to run: the longest it had to wait is the longest stall of the loop.

    `longest_cpu` is the longest by our own CPU time: what a machine that is busy with other things adds
    is not in it.
    """

    def __init__(self) -> None:
        self.longest = self.longest_cpu = 0.0

    async def run(self) -> None:
        before, cpu_before = time.perf_counter(), time.thread_time()
        while True:
            await asyncio.sleep(0.001)
            now, cpu = time.perf_counter(), time.thread_time()
            self.longest = max(self.longest, now - before - 0.001)
            self.longest_cpu = max(self.longest_cpu, cpu - cpu_before)
            before, cpu_before = now, cpu

    def reset(self) -> None:
        self.longest = self.longest_cpu = 0.0


@contextmanager
def own_clock() -> Iterator[Callable[[], float]]:
    """A clock of this thread's work and waiting: what the machine kept from it is not counted, in seconds.

    It works for as long as an event loop waits in `select`, which it watches. Any thread may look at it.
    """
    waited = 0.0
    began: float | None = None
    select = DefaultSelector.select
    worked = time.pthread_getcpuclockid(threading.get_ident())

    def watched(self: DefaultSelector, timeout: float | None = None) -> Any:
        nonlocal waited, began
        began = time.perf_counter()
        try:
            return select(self, timeout)
        finally:
            since, began = began, None
            waited += time.perf_counter() - since

    def now() -> float:
        since = began
        waiting = 0.0 if since is None else time.perf_counter() - since
        return time.clock_gettime(worked) + waited + waiting

    DefaultSelector.select = watched  # type: ignore[method-assign]
    try:
        yield now
    finally:
        DefaultSelector.select = select  # type: ignore[method-assign]


def taken_by_machine(seconds: float) -> float:
    """The longest time that the machine kept a processor from this process, in seconds.

    Of a process that works 15 ms in 50, as the terminal does under load: what a stall of it would be
    if its own work were nothing.
    """
    longest = 0.0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        before, cpu_before = time.perf_counter(), time.thread_time()
        while time.thread_time() - cpu_before < 0.015:
            pass
        longest = max(longest, time.perf_counter() - before - (time.thread_time() - cpu_before))
        time.sleep(0.035)
    return longest


@dataclass(frozen=True, slots=True)
class Timing:
    """One operation: seconds of its call, seconds the loop stood still at most, characters written."""

    call: float
    stall: float
    written: int


@asynccontextmanager
async def beating() -> AsyncIterator[Beat]:
    """A beat for as long as the context lasts."""
    beat = Beat()
    task = asyncio.create_task(beat.run(), name="beat")
    try:
        yield beat
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def timed(beat: Beat, work: Callable[[], Any]) -> Timing:
    """Do it, and wait until the screen is quiet again."""
    await quiet()
    beat.reset()
    Sink.written = 0
    start = time.perf_counter()
    work()
    call = time.perf_counter() - start
    await asyncio.sleep(0)
    await quiet()
    return Timing(call, max(beat.longest, call), Sink.written)


async def quiet() -> None:
    """Wait until nothing was written for a while, and the loop had nothing to do meanwhile."""
    still = time.perf_counter()
    while time.perf_counter() - max(Sink.last_write, still) < _QUIET_S:
        before = time.perf_counter()
        await asyncio.sleep(0.01)
        if time.perf_counter() - before > 0.03:
            still = time.perf_counter()


def on_screen(
    app: App[Any], work: Callable[[], Awaitable[None]], size: tuple[int, int] = (WIDTH, HEIGHT)
) -> None:
    """Run `app` in full, do `work` in it, and end it."""

    async def pilot_work(pilot: Pilot[Any]) -> None:
        await pilot.pause()
        try:
            await work()
        finally:
            app.exit()

    asyncio.run(app.run_async(size=size, auto_pilot=pilot_work))


#: Eight columns of a unit.
COLUMNS: tuple[Column[Unit], ...] = tuple(column for column in UNIT.columns if column.title != "LOAD")

_HEALTHS = (Health.OK, Health.OK, Health.OK, Health.FAILED, Health.FLAPPING)


def units(count: int) -> dict[tuple[str, str], Unit]:
    """Units of hosts with two hundred each."""
    now = datetime.now(UTC)
    made = {}
    for number in range(count):
        unit = Unit(
            f"web{number // 200:03}",
            f"service-{number % 200:03}.service",
            "loaded",
            "active",
            "running",
            f"The service number {number} of a host",
            "success",
            number % 7,
            now - timedelta(seconds=17 * number),
            _HEALTHS[number % len(_HEALTHS)],
        )
        made[unit.key] = unit
    return made


def changed(unit: Unit) -> Unit:
    """The unit with one cell that reads otherwise."""
    return replace(unit, sub="exited" if unit.sub == "running" else "running")


def texts(unit: Unit) -> list[str]:
    """The cells of a unit as text."""
    cells = [column.cell(unit) for column in COLUMNS]
    return [cell.text if isinstance(cell, Cell) else cell for cell in cells]
