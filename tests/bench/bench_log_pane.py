"""5,000 lines appended to LogPane against RichLog in the same run; what painting, filters and searches take.

The longest stall is the longest time in which the event loop did nothing else: from the call until the
loop has painted and is idle again, seen by a task that only ever wants its turn. It is taken over the
same work for both, with a full pane before it.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from textual.app import App, ComposeResult
from textual.widget import Widget
from textual.widgets import RichLog

from console.commands.logbook import LogBook, Seek
from console.commands.logbook_filter import LogFilter, Pattern
from console.model.log import LogRecord
from console.tui.tones import DEFAULT_VARIABLES
from console.tui.widgets.log_line import Look, as_text
from console.tui.widgets.log_pane import LogPane

_HELD = 100_000
_APPENDED = 5_000
_SIZE = (160, 50)
_ROUNDS = 5
_START = datetime(2026, 11, 23, tzinfo=UTC)


def _records(start: int, count: int) -> list[LogRecord]:
    return [
        LogRecord(
            f"web{n % 4}", f"c{n}", _START + timedelta(milliseconds=n), n, "boot",
            f"GET /api/v1/orders/{n} 200 {n % 97}ms upstream=10.0.3.{n % 255} request_id=7f3a9c{n:08x}",
            identifier="nginx", pid=n % 999, priority=3 if n % 50 == 0 else 6,
        )
        for n in range(start, start + count)
    ]  # fmt: skip


class _Bench(App[None]):
    def __init__(self, shown: Widget) -> None:
        super().__init__()
        self.shown = shown

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return DEFAULT_VARIABLES

    def compose(self) -> ComposeResult:
        yield self.shown


class _Stall:
    """The longest time for which the loop was not given back, in seconds."""

    longest = 0.0


@contextmanager
def _watched() -> Iterator[_Stall]:
    stall = _Stall()

    async def watch() -> None:
        before = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            stall.longest = max(stall.longest, now - before)
            before = now

    task = asyncio.create_task(watch())
    try:
        yield stall
    finally:
        task.cancel()


async def _appended(shown: Widget, append: Callable[[int], None]) -> dict[str, float]:
    """Medians over the rounds."""
    calls, stalls, cpus = [], [], []
    app = _Bench(shown)
    async with app.run_test(size=_SIZE) as pilot:
        await pilot.pause()
        for n in range(_ROUNDS):
            with _watched() as stall:
                await asyncio.sleep(0.05)
                stall.longest = 0.0
                cpu, wall = time.process_time(), time.perf_counter()
                append(n)
                calls.append(time.perf_counter() - wall)
                cpus.append(time.process_time() - cpu)
                await asyncio.sleep(0.5)
                stalls.append(stall.longest)
    medians = (1000 * statistics.median(values) for values in (calls, stalls, cpus))
    return dict(zip(("call, ms", "longest stall, ms", "CPU of the call, ms"), medians, strict=True))


async def _append() -> dict[str, object]:
    batches = [_records(_HELD + n * _APPENDED, _APPENDED) for n in range(_ROUNDS)]
    book = LogBook()
    book.append(_records(0, _HELD))
    pane = LogPane(book)
    ours = await _appended(pane, lambda n: pane.append(batches[n]))
    rich = RichLog(max_lines=_HELD)
    look = Look(host_width=4)

    def write(n: int) -> None:
        for record in batches[n]:
            rich.write(as_text(record, look))

    theirs = await _appended(rich, write)
    result: dict[str, object] = {}
    for name, value in ours.items():
        result[f"append of {_APPENDED:,}: LogPane, {name}"] = value
        result[f"append of {_APPENDED:,}: RichLog, {name}"] = theirs[name]
        result[f"append of {_APPENDED:,}: RichLog / LogPane, {name}"] = theirs[name] / value
    return result


async def _paint() -> dict[str, object]:
    """A whole page: all lines new, all lines drawn before, and wrapped."""
    book = LogBook()
    book.append(_records(0, _HELD))
    pane = LogPane(book)
    result: dict[str, object] = {}
    async with _Bench(pane).run_test(size=_SIZE) as pilot:
        await pilot.pause()

        def page(cold: bool) -> float:
            taken = []
            for _ in range(20):
                if cold:
                    pane._painter.forget()
                pane._page.forget()
                start = time.perf_counter()
                for y in range(_SIZE[1]):
                    pane.render_line(y)
                taken.append(time.perf_counter() - start)
            return 1000 * statistics.median(taken)

        result["paint of 50 rows, new, ms"] = page(True)
        result["paint of 50 rows, drawn before, ms"] = page(False)
        pane.set_search("request")
        result["paint of 50 rows, new, with matches, ms"] = page(True)
        pane.set_search("")
        pane.action_toggle_wrap()
        result["paint of 50 rows, new, wrapped, ms"] = page(True)
    return result


def _steps(work: Callable[[], bool]) -> tuple[float, float, float]:
    """The first step, the longest, and all of them, in ms of CPU time: others' work is not ours."""
    taken = []
    more = True
    while more:
        start = time.process_time()
        more = work()
        taken.append(1000 * (time.process_time() - start))
    return taken[0], max(taken), sum(taken)


def _filtered() -> dict[str, object]:
    book = LogBook()
    book.append(_records(0, 2 * _HELD))
    result: dict[str, object] = {}
    jobs: dict[str, Any] = {
        "filter, substring": "orders/77",
        "filter, inverse": "!orders/77",
        "filter, regex": "/(timeout|refused|99ms)/",
        "filter, priority": "-p err",
    }
    for name, text in jobs.items():
        book.set_filter(LogFilter.parse(text))
        _tell(result, name, _steps(book.work))
    book.set_filter(None)
    _tell(
        result,
        "search, nothing found",
        _steps(Seek(book, Pattern.parse("zz"), book.end, backwards=True).work),
    )
    return result


def _tell(result: dict[str, object], name: str, steps: tuple[float, float, float]) -> None:
    for what, value in zip(("first step", "longest step", "all"), steps, strict=True):
        result[f"{name}, {2 * _HELD:,} lines: {what}, ms CPU"] = value


def run() -> dict[str, object]:
    """Milliseconds, and RichLog's over ours."""
    return asyncio.run(_append()) | asyncio.run(_paint()) | _filtered()
