"""Keys under load: a table of 10,000 units and a log, 2,000 cell changes and 5,000 lines a second.

FleetTable and LogPane beside DataTable and RichLog, which get the same load and the same keys. A key's
latency is from the event to the first write to the terminal after its action was carried out. Beside each
time stands the CPU time that was ours in it: the rest was spent waiting for a processor, or for the
next frame.

python -m tests.bench.bench_terminal [SECONDS]
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Protocol

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import DataTable, RichLog

from console.commands.lists import LiveList
from console.commands.logbook import LogBook
from console.commands.rows import UNIT
from console.fleet.collector import only_the_young
from console.model.log import LogRecord
from console.model.unit import Unit
from console.tui.tones import DEFAULT_VARIABLES
from console.tui.widgets.fleet_table import FleetTable
from console.tui.widgets.log_line import Look, as_text
from console.tui.widgets.log_pane import LogPane
from tests.bench.screens import (
    COLUMNS,
    Sink,
    beating,
    changed,
    on_screen,
    quiet,
    taken_by_machine,
    texts,
    units,
)

_ROWS = 10_000
_FLUSHES = 10
_CHANGES = 2_000 // _FLUSHES
_VISIBLE_CHANGES = 10
_LINES = 5_000 // _FLUSHES
_KEY_EVERY_S = 0.11
_THERE_AND_BACK = 40  # keys in one direction: some move the cursor, some scroll

_LOADED_S, _IDLE_S = 0.050, 0.016
_STALL_S = 0.050


class Keys:
    """When keys were pressed, carried out, and seen; in seconds of the clock, and of our own CPU time."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.cpu: list[float] = []
        self._pressed = (0.0, 0.0)
        self.acted = False
        self.seen = asyncio.Event()

    def clear(self) -> None:
        self.latencies.clear()
        self.cpu.clear()
        self.seen = asyncio.Event()  # of the loop that runs now

    def press(self) -> None:
        self.acted = False
        self.seen.clear()
        self._pressed = time.perf_counter(), time.thread_time()

    def written(self) -> None:
        if self.acted:
            self.acted = False
            self.latencies.append(time.perf_counter() - self._pressed[0])
            self.cpu.append(time.thread_time() - self._pressed[1])
            self.seen.set()


KEYS = Keys()


class KeySink(Sink):
    """Notes the first write after a key's action."""

    def write(self, data: str) -> None:
        super().write(data)
        KEYS.written()


class _Ours(FleetTable[Any, Unit]):
    def action_cursor_down(self) -> None:
        super().action_cursor_down()
        KEYS.acted = True

    def action_cursor_up(self) -> None:
        super().action_cursor_up()
        KEYS.acted = True


class _Theirs(DataTable[str]):
    def action_cursor_down(self) -> None:
        super().action_cursor_down()
        KEYS.acted = True

    def action_cursor_up(self) -> None:
        super().action_cursor_up()
        KEYS.acted = True


class Pair(Protocol):
    """A table and a log, of whatever make."""

    @property
    def widgets(self) -> tuple[Widget, Widget]: ...

    def fill(self) -> None: ...

    def flush(self, changes: list[int], records: list[LogRecord]) -> None: ...


class OurPair:
    def __init__(self, rows: dict[tuple[str, str], Unit]) -> None:
        self.rows = dict(rows)
        self.keys = list(rows)
        self.table = _Ours(LiveList(UNIT, self.rows.get, columns=COLUMNS))
        self.log = LogPane(LogBook())
        self.widgets = self.table, self.log

    def fill(self) -> None:
        self.table.apply(self.keys)

    def flush(self, changes: list[int], records: list[LogRecord]) -> None:
        touched = [self.keys[index] for index in changes]
        for key in touched:
            self.rows[key] = changed(self.rows[key])
        self.table.apply(touched)
        self.log.append(records)


class TheirPair:
    def __init__(self, rows: dict[tuple[str, str], Unit]) -> None:
        self.units = list(rows.values())
        self.keys = ["/".join(key) for key in rows]
        self.table = _Theirs(cursor_type="row")
        self.log = RichLog(max_lines=200_000)
        self.widgets = self.table, self.log
        self._look = Look(host_width=4)

    def fill(self) -> None:
        for column in COLUMNS:
            self.table.add_column(column.title, key=column.title)
        for key, unit in zip(self.keys, self.units, strict=True):
            self.table.add_row(*texts(unit), key=key)

    def flush(self, changes: list[int], records: list[LogRecord]) -> None:
        for index in changes:
            unit = self.units[index] = changed(self.units[index])
            self.table.update_cell(self.keys[index], "SUB", unit.sub)
        for record in records:
            self.log.write(as_text(record, self._look))


class BenchApp(App[None]):
    """Both, one above the other."""

    CSS = "Screen > * { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "focused.cursor_down", show=False),
        Binding("k", "focused.cursor_up", show=False),
    ]

    def __init__(self, pair: Pair) -> None:
        super().__init__(driver_class=KeySink)
        self.pair = pair

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return DEFAULT_VARIABLES

    def compose(self) -> ComposeResult:
        yield from self.pair.widgets


def _records(start: int, count: int) -> list[LogRecord]:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    return [
        LogRecord(
            f"web{n % 4}", f"c{n}", at + timedelta(milliseconds=n), n, "boot",
            f"GET /api/v1/orders/{n} 200 {n % 97}ms upstream=10.0.3.{n % 255} request_id=7f3a9c{n:08x}",
            identifier="nginx", pid=n % 999, priority=3 if n % 50 == 0 else 6,
        )
        for n in range(start, start + count)
    ]  # fmt: skip


async def _load(pair: Pair) -> None:
    """Flushes at their times; one that comes late is not made up for."""
    chance = random.Random(7)
    number = 0
    due = time.perf_counter()
    while True:
        changes = [chance.randrange(_ROWS) for _ in range(_CHANGES - _VISIBLE_CHANGES)]
        changes += [chance.randrange(_THERE_AND_BACK) for _ in range(_VISIBLE_CHANGES)]
        pair.flush(changes, _records(number, _LINES))
        number += _LINES
        due = max(due + 1 / _FLUSHES, time.perf_counter())
        await asyncio.sleep(due - time.perf_counter())


async def _press(app: App[None], seconds: float) -> None:
    chance = random.Random(3)
    end = time.perf_counter() + seconds
    pressed = 0
    while time.perf_counter() < end:
        KEYS.press()
        key = "j" if pressed // _THERE_AND_BACK % 2 == 0 else "k"
        app.post_message(events.Key(key, key))
        pressed += 1
        await asyncio.sleep(_KEY_EVERY_S * chance.uniform(0.7, 1.3))
        async with asyncio.timeout(10):
            await KEYS.seen.wait()


def _measure(pair: Pair, seconds: float, idle_s: float) -> dict[str, float]:
    found: dict[str, float] = {}

    async def phase(app: App[None], name: str, length: float) -> None:
        KEYS.clear()
        async with beating() as beat:
            cpu, start, frames = time.process_time(), time.perf_counter(), Sink.writes
            await _press(app, length)
            taken = time.perf_counter() - start
            found[f"{name}: CPU, %"] = 100 * (time.process_time() - cpu) / taken
            found[f"{name}: writes/s"] = (Sink.writes - frames) / taken
            found[f"{name}: longest stall, ms"] = 1000 * beat.longest
            found[f"{name}: longest stall, ms of CPU"] = 1000 * beat.longest_cpu
        for what, taken_by in (("ms", KEYS.latencies), ("ms of CPU", KEYS.cpu)):
            found[f"{name}: key -> paint p50, {what}"] = 1000 * statistics.median(taken_by)
            found[f"{name}: key -> paint p95, {what}"] = 1000 * statistics.quantiles(taken_by, n=20)[18]

    app = BenchApp(pair)

    async def work() -> None:
        pair.fill()
        pair.widgets[0].focus()
        await quiet()
        await phase(app, "idle", idle_s)
        load = asyncio.create_task(_load(pair), name="load")
        await asyncio.sleep(1)
        try:
            await phase(app, "loaded", seconds)
        finally:
            load.cancel()
            await asyncio.gather(load, return_exceptions=True)

    with only_the_young():
        on_screen(app, work)
    return found


def run(seconds: float = 60, compared_s: float = 10) -> dict[str, object]:
    """Ours for `seconds` under load, the others for `compared_s`."""
    rows = units(_ROWS)
    ours = _measure(OurPair(rows), seconds, min(seconds, 8))
    theirs = _measure(TheirPair(rows), compared_s, compared_s / 2)
    result: dict[str, object] = {
        "load average of the machine, as it ended": os.getloadavg()[0],
        "longest time the machine takes from one that works 15 ms in 50, ms": 1000 * taken_by_machine(20),
    }
    for name, value in ours.items():
        result[f"{name}: FleetTable + LogPane"] = value
        result[f"{name}: DataTable + RichLog"] = theirs[name]
    for name, limit in (
        ("loaded: key -> paint p95, ms", _LOADED_S),
        ("idle: key -> paint p95, ms", _IDLE_S),
        ("loaded: longest stall, ms", _STALL_S),
        ("loaded: longest stall, ms of CPU", _STALL_S),
    ):
        result[f"{name}: at most {1000 * limit:.0f}"] = "yes" if ours[name] <= 1000 * limit else "NO"
    return result


if __name__ == "__main__":
    for key, value in run(*(float(text) for text in sys.argv[1:])).items():
        print(f"{key:<60} {value:.4g}" if isinstance(value, float) else f"{key:<60} {value}")
