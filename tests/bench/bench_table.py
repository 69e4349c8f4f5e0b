"""FleetTable beside Textual's DataTable: 10,000 units in 8 columns, on a screen of 160 by 50."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from textual.app import App, ComposeResult
from textual.widgets import DataTable

from console.commands.lists import LiveList
from console.commands.rows import UNIT
from console.model.unit import Unit
from console.tui.tones import DEFAULT_VARIABLES
from console.tui.widgets.fleet_table import FleetTable
from tests.bench.screens import COLUMNS, Sink, Timing, beating, changed, on_screen, texts, timed, units

_ROWS = 10_000
_LEAST_RATIO = 20
_VISIBLE, _OFF_SCREEN = 20, 5000
_SUB = "SUB"
#: What takes a millisecond is done so often: one time slice of the machine's other work is longer.
_TIMES = 15


class Ours(App[None]):
    """A FleetTable, empty at first."""

    def __init__(self, rows: dict[tuple[str, str], Unit]) -> None:
        super().__init__(driver_class=Sink)
        self.rows = rows
        self.keys = list(rows)
        self.there: dict[tuple[str, str], Unit] = {}
        self.table: FleetTable[tuple[str, str], Unit] = FleetTable(
            LiveList(UNIT, self.there.get, columns=COLUMNS)
        )

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return DEFAULT_VARIABLES

    def compose(self) -> ComposeResult:
        yield self.table

    def populate(self) -> None:
        self.there.update(self.rows)
        self.table.apply(self.keys)

    def change(self, index: int) -> None:
        key = self.keys[index]
        self.there[key] = changed(self.there[key])
        self.table.apply((key,))

    def sort(self) -> None:
        self.table.set_sort("HEALTH")

    def down(self) -> None:
        self.table.action_cursor_down()


class Theirs(App[None]):
    """A DataTable, empty at first."""

    def __init__(self, rows: dict[tuple[str, str], Unit]) -> None:
        super().__init__(driver_class=Sink)
        self.rows = rows
        self.keys = ["/".join(key) for key in rows]
        self.units = list(rows.values())
        self.table: DataTable[str] = DataTable(cursor_type="row")

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        for column in COLUMNS:
            self.table.add_column(column.title, key=column.title)

    def populate(self) -> None:
        for key, unit in zip(self.keys, self.units, strict=True):
            self.table.add_row(*texts(unit), key=key)

    def change(self, index: int) -> None:
        unit = self.units[index] = changed(self.units[index])
        self.table.update_cell(self.keys[index], _SUB, unit.sub)

    def sort(self) -> None:
        self.table.sort("HEALTH")

    def down(self) -> None:
        self.table.action_cursor_down()


def _measure(app: Ours | Theirs) -> dict[str, list[Timing]]:
    steps: dict[str, tuple[int, Callable[[], Any]]] = {
        "populate": (1, app.populate),
        "visible cell": (_TIMES, lambda: app.change(_VISIBLE)),
        "off-screen cell": (_TIMES, lambda: app.change(_OFF_SCREEN)),
        "cursor down": (_TIMES, app.down),
        "sort": (1, app.sort),
    }
    found: dict[str, list[Timing]] = {}

    async def work() -> None:
        app.table.focus()
        async with beating() as beat:
            for name, (times, step) in steps.items():
                found[name] = [await timed(beat, step) for _ in range(times)]

    on_screen(app, work)
    return found


def run(runs: int = 3) -> dict[str, object]:
    """Medians over `runs` runs of each, in turn. A stall is the longest time the event loop had to wait."""
    rows = units(_ROWS)
    taken: dict[str, dict[str, list[Timing]]] = {"FleetTable": {}, "DataTable": {}}
    for _ in range(runs):
        for name, app in (("FleetTable", Ours(rows)), ("DataTable", Theirs(rows))):
            for step, timings in _measure(app).items():
                taken[name].setdefault(step, []).extend(timings)
    result: dict[str, object] = {}
    for step in taken["FleetTable"]:
        stalls = {}
        for name, steps in taken.items():
            stalls[name] = statistics.median(timing.stall for timing in steps[step])
            call = statistics.median(timing.call for timing in steps[step])
            result[f"{step}: {name}, call, ms"] = 1000 * call
            result[f"{step}: {name}, longest stall, ms"] = 1000 * stalls[name]
            result[f"{step}: {name}, written, characters"] = steps[step][0].written
        ratio = stalls["DataTable"] / stalls["FleetTable"]
        result[f"{step}: DataTable / FleetTable, stall"] = ratio
        if step in ("populate", "visible cell"):
            result[f"{step}: at least {_LEAST_RATIO}x"] = "yes" if ratio >= _LEAST_RATIO else "NO"
    return result
