"""The table as whoever looks at it sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.events import MouseScrollDown
from textual.message import Message

from console.commands import clock
from console.commands.filters import Filter
from console.commands.lists import LiveList
from console.commands.rows import Cell, Column, RowKind, Tone
from console.commands.rows.base import since_cell
from console.tui.tones import DEFAULT_VARIABLES
from console.tui.widgets.fleet_columns import lay_out
from console.tui.widgets.fleet_table import FleetTable

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    name: str
    state: str = "ok"
    text: str = ""
    since: datetime = NOW


KIND: RowKind[Row] = RowKind(
    "row",
    lambda row: (row.name,),
    lambda row: {},
    (
        Column("NAME", lambda row: row.name, 9, width=8),
        Column("STATE", lambda row: Cell.state(row.state, Tone.GOOD if row.state == "ok" else Tone.BAD), 8),
        Column("SINCE", lambda row: since_cell(row.since), 4, right=True, width=7, ticks=True),
        Column("TEXT", lambda row: row.text, 1, shrink=True, width=20, least=8),
    ),
    lambda row: row.name,
)

_KEYS = {
    "j": "cursor_down",
    "k": "cursor_up",
    "g": "top",
    "G": "bottom",
    "pagedown": "page_down",
    "pageup": "page_up",
    "ctrl+d": "half_down",
    "ctrl+u": "half_up",
    "space": "mark",
    "asterisk": "mark_all",
    "backslash": "clear_marks",
    "s": "sort_next",
    "S": "sort_reverse",
    "enter": "choose",
}


class TableApp(App[None]):
    """A table of rows named n000 and so on, its keys bound as `tui/keys.py` binds them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, f"focused.{action}", show=False) for key, action in _KEYS.items()
    ]

    def __init__(self, count: int = 100, *, stale: Callable[[Row], bool] | None = None) -> None:
        super().__init__()
        self.rows = {f"n{n:03}": Row(f"n{n:03}") for n in range(count)}
        self.live: LiveList[str, Row] = LiveList(KIND, self.rows.get)
        self.live.update(self.rows)
        self.table: FleetTable[str, Row] = FleetTable(self.live, stale=stale, empty="no row at all")
        self.told: list[Message] = []
        self.drawn: list[int] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return DEFAULT_VARIABLES

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.table.focus()

    def on_fleet_table_moved(self, message: FleetTable.Moved) -> None:
        self.told.append(message)

    def on_fleet_table_chosen(self, message: FleetTable.Chosen) -> None:
        self.told.append(message)

    def put(self, *rows: Row) -> None:
        self.rows |= {row.name: row for row in rows}
        self.table.apply([row.name for row in rows])

    def drop(self, *names: str) -> None:
        for name in names:
            del self.rows[name]
        self.table.apply(names)

    def lines(self) -> list[str]:
        """What is on the screen, the scroll bar left off."""
        return [self.table.render_line(y).text for y in range(self.table.size.height)]

    def watch_drawing(self) -> None:
        """Note from now on which lines are drawn."""
        draw = self.table.render_line

        def noted(y: int) -> Any:
            self.drawn.append(y)
            return draw(y)

        self.table.render_line = noted  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def _frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(seconds=5))


async def test_it_shows_heading_rows_and_where_the_cursor_is() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 10)) as pilot:
        await pilot.pause()
        lines = app.lines()
        assert lines[0].rstrip() == "   NAME      STATE         SINCE  TEXT"
        assert lines[1].rstrip() == "▸  n000      ● ok             5s"
        assert lines[2].rstrip() == "   n001      ● ok             5s"
        assert {cell_len(line) for line in lines} == {59}
        assert app.table.cursor_key == "n000"


async def test_the_keys_move_the_cursor_and_the_rows_follow() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 11)) as pilot:
        for key, expected in [
            ("j", "n001"),
            ("k", "n000"),
            ("k", "n000"),
            ("pagedown", "n010"),
            ("ctrl+d", "n015"),
            ("ctrl+u", "n010"),
            ("G", "n099"),
            ("j", "n099"),
            ("pageup", "n089"),
            ("g", "n000"),
        ]:
            await pilot.press(key)
            assert app.table.cursor_key == expected
            assert any(line.startswith(f"▸  {expected}") for line in app.lines())
        assert app.lines()[0].startswith("   NAME")


async def test_the_cursor_stays_on_its_row_when_rows_come_and_go_above() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 11)) as pilot:
        await pilot.press("G")
        before = app.lines()
        app.put(*(Row(f"a{n:03}") for n in range(50)))
        await pilot.pause()
        assert app.table.cursor_key == "n099"
        assert app.lines() == before
        app.drop(*(f"n{n:03}" for n in range(60)))
        await pilot.pause()
        assert app.lines() == before


async def test_a_screen_at_the_top_of_the_list_shows_what_comes_first() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 11)) as pilot:
        app.put(Row("a"))
        await pilot.pause()
        assert app.lines()[1].startswith("   a ")
        assert app.lines()[2].startswith("▸  n000")


async def test_a_cursor_whose_row_goes_is_on_the_next_one() -> None:
    app = TableApp(3)
    async with app.run_test(size=(60, 11)) as pilot:
        await pilot.press("j")
        app.drop("n001")
        assert app.table.cursor_key == "n002"
        app.drop("n002")
        assert app.table.cursor_key == "n000"
        app.drop("n000")
        await pilot.pause()
        assert app.lines()[1].strip() == "no row at all"
        keys = [message.key for message in app.told if isinstance(message, FleetTable.Moved)]
        assert keys == ["n000", "n001", "n002", "n000", None]
        app.put(Row("new"))
        assert app.table.cursor_key == "new"


async def test_only_the_lines_that_show_something_else_are_drawn() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 11)) as pilot:
        await pilot.pause()
        app.watch_drawing()
        app.put(replace(app.rows["n003"], state="failed"))
        await pilot.pause()
        assert app.drawn == [4]
        app.drawn.clear()
        app.put(replace(app.rows["n050"], state="failed"))  # not on the screen
        app.put(replace(app.rows["n003"]))  # nothing is different
        await pilot.pause()
        assert app.drawn == []
        await pilot.press("j")
        assert sorted(app.drawn) == [1, 2]


async def test_ages_are_drawn_anew_only_where_they_read_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    app = TableApp(2)
    app.rows["n001"] = replace(app.rows["n001"], since=NOW - timedelta(days=2))
    app.live.update(["n001"])
    async with app.run_test(size=(60, 11)) as pilot:
        await pilot.pause()
        app.watch_drawing()
        monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(seconds=6))
        app.table.refresh_ages()
        await pilot.pause()
        assert app.drawn == [1]
        assert app.lines()[1].split() == ["▸", "n000", "●", "ok", "6s"]


async def test_marks_are_kept_by_key_and_seen_without_colour() -> None:
    app = TableApp(4)
    async with app.run_test(size=(60, 11)) as pilot:
        await pilot.press("space", "j", "j", "space", "j")
        assert app.table.marked == {"n000", "n002"}
        assert [line[:3] for line in app.lines()[1:5]] == [" ✓ ", "   ", " ✓ ", "▸  "]
        app.drop("n000")
        assert app.table.marked == {"n002"}
        app.table.set_filter(Filter.parse("n001"))
        await pilot.press("asterisk")
        assert app.table.marked == {"n001", "n002"}
        await pilot.press("backslash")
        assert app.table.marked == frozenset()


async def test_what_is_stale_says_so_in_a_sign_and_has_no_tone_any_more() -> None:
    gone: set[str] = set()
    app = TableApp(3, stale=lambda row: row.name in gone)
    async with app.run_test(size=(60, 11)) as pilot:
        await pilot.press("j", "space")
        live = app.table.render_line(3)
        app.watch_drawing()
        gone |= {"n001", "n002"}
        app.table.apply(())
        await pilot.pause()
        assert app.drawn == [2, 3]
        assert [line[:3] for line in app.lines()[1:4]] == ["   ", "▸✓~", " ~ "]
        stale = app.table.render_line(3)
        assert len({segment.style for segment in live}) > 1
        assert len({segment.style for segment in stale}) == 1


async def test_a_filter_leaves_the_cursor_on_its_row_if_it_is_still_there() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 11)) as pilot:
        await pilot.press("G")
        app.table.set_filter(Filter.parse("9"))
        await pilot.pause()
        assert app.table.cursor_key == "n099"
        assert [line[3:7] for line in app.lines()[1:]] == [f"n09{n}" for n in range(10)]
        app.table.set_filter(Filter.parse("n05"))
        assert app.table.cursor_key == "n059"
        app.table.set_empty("no row matches /x")
        app.table.set_filter(Filter.parse("x"))
        await pilot.pause()
        assert app.lines()[1].strip() == "no row matches /x"
        app.table.set_filter(None)
        await pilot.pause()
        assert len(app.table.list) == 100
        assert app.table.cursor_key == "n000"


async def test_sorting_goes_from_column_to_column_and_an_arrow_says_which() -> None:
    app = TableApp(2)
    async with app.run_test(size=(60, 11)) as pilot:
        app.put(replace(app.rows["n000"], text="z"), replace(app.rows["n001"], text="a"))
        await pilot.press("s")
        assert app.lines()[0].startswith("   NAME▲ ")
        await pilot.press("S")
        assert app.lines()[0].startswith("   NAME▼ ")
        assert list(app.table.list.keys) == ["n001", "n000"]
        assert app.table.cursor_key == "n000"
        await pilot.press("s", "s")
        assert "SINCE▲" in app.lines()[0]
        await pilot.press("s")
        assert list(app.table.list.keys) == ["n001", "n000"]
        await pilot.press("s")
        assert app.table.list.sort == (None, False)


async def test_the_mouse_puts_the_cursor_opens_sorts_and_scrolls() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 11)) as pilot:
        await pilot.click(FleetTable, offset=(5, 4))
        assert app.table.cursor_key == "n003"
        await pilot.click(FleetTable, offset=(5, 4), times=2)
        assert [message.key for message in app.told if isinstance(message, FleetTable.Chosen)] == ["n003"]
        await pilot.click(FleetTable, offset=(5, 0))
        assert app.table.list.sort == ("NAME", False)
        await pilot.click(FleetTable, offset=(5, 0))
        assert app.table.list.sort == ("NAME", True)
        await pilot.press("enter", "g")
        await pilot.press("g")
        for _ in range(9):
            await pilot._post_mouse_events([MouseScrollDown], FleetTable, offset=(5, 5))
        top = app.table.scroll_offset.y
        assert top >= 9
        assert app.lines()[1].startswith(f"   n{99 - top:03}")
        assert app.table.cursor_key == "n099"  # left behind


async def test_a_narrow_table_leaves_out_what_matters_least_and_a_wide_one_gives_to_the_last() -> None:
    app = TableApp()
    async with app.run_test(size=(31, 6)) as pilot:
        assert [info.title for info in app.table.columns if info.fits] == ["NAME", "STATE"]
        await pilot.resize_terminal(60, 6)
        await pilot.pause()
        assert [info.title for info in app.table.columns if info.fits] == ["NAME", "STATE", "SINCE", "TEXT"]
        app.table.set_hidden({"STATE", "SINCE"})
        app.table.set_widths({"NAME": 12})
        await pilot.pause()
        assert app.lines()[0].rstrip() == "   NAME          TEXT"
        assert [info.hidden for info in app.table.columns] == [False, True, True, False]


def test_a_layout_always_fills_the_line_if_a_column_can_shrink() -> None:
    for width in range(1, 200):
        layout = lay_out(KIND.columns, (), {}, width)
        taken = 3 + sum(room + 2 for _, room in layout.places) - 2
        assert taken <= max(width, 4)
        if any(KIND.columns[index].shrink for index, _ in layout.places):
            assert taken == width
    assert lay_out(KIND.columns, {column.title for column in KIND.columns}, {}, 80).places == ((0, 8),)


async def test_wide_characters_and_hostile_text_keep_the_columns_where_they_are() -> None:
    app = TableApp(3)
    async with app.run_test(size=(50, 6)) as pilot:
        app.put(
            Row("n000", text="日本語のとても長いサービスの説明"),
            Row("n001", text="\x1b[31mred\x1b[0m\r\nsecond\tline \u202e"),
            Row("n002", text="👩‍👩‍👧 é ❤️" * 9),
        )
        await pilot.pause()
        for y in range(6):
            strip = app.table.render_line(y)
            assert strip.cell_length == cell_len(strip.text) == 49
            assert strip.text.replace("\u200d", "").isprintable()
        assert "red··second li…" in app.lines()[2]


async def test_a_table_made_before_there_are_rows_fills_as_they_come() -> None:
    app = TableApp(0)
    async with app.run_test(size=(60, 11)) as pilot:
        await pilot.press("j", "G", "space", "enter", "s")
        assert not app.told
        app.put(*(Row(f"n{n:03}") for n in range(30)))
        await pilot.press("G")
        await pilot.pause()
        assert app.lines()[-1].startswith("▸  n029")
        assert app.table.move_to("n004")
        assert not app.table.move_to("nowhere")
        assert app.table.cursor_row == Row("n004")


async def test_a_new_theme_is_seen_at_once() -> None:
    app = TableApp(3)
    async with app.run_test(size=(60, 11)) as pilot:
        await pilot.pause()
        before = app.table.render_line(2)
        app.theme = "textual-light"
        await pilot.pause()
        after = app.table.render_line(2)
        assert before.text == after.text
        assert [segment.style for segment in before] != [segment.style for segment in after]
