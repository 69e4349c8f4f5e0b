"""The log on the screen: what is drawn, where it stands, what is searched for and copied."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.events import MouseScrollUp
from textual.message import Message
from textual.pilot import Pilot

from console.commands import clock
from console.commands.logbook import LogBook
from console.commands.logbook_filter import Line, Mark
from console.errors import UsageError
from console.model.log import Gap, LogQuery, LogRecord, Skipped
from console.tui.tones import DEFAULT_VARIABLES
from console.tui.widgets import log_line
from console.tui.widgets.log_line import Look, Times, host_class, runs, wrapped
from console.tui.widgets.log_pane import LogPane

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def record(message: str, host: str = "web1", **more: object) -> LogRecord:
    return replace(LogRecord(host, "c", NOON, 0, "boot", message, identifier="app"), **more)  # type: ignore[arg-type]


def numbered(start: int, stop: int) -> list[LogRecord]:
    return [record(f"line {i}", time=NOON + timedelta(seconds=i)) for i in range(start, stop)]


class Shown(App[None]):
    """An app that is nothing but a log pane."""

    def __init__(self, book: LogBook | None = None) -> None:
        super().__init__()
        self.pane = LogPane(book)
        self.told: list[Message] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return DEFAULT_VARIABLES

    def compose(self) -> ComposeResult:
        yield self.pane

    def on_mount(self) -> None:
        self.pane.focus()

    def on_log_pane_search_ended(self, message: LogPane.SearchEnded) -> None:
        self.told.append(message)


SIZE = (60, 10)


def screen(pane: LogPane) -> list[str]:
    """The rows as they are drawn, without the blanks at their ends."""
    return [pane.render_line(y).text.rstrip() for y in range(pane.size.height)]


def messages(pane: LogPane) -> list[str]:
    """What is drawn after the origin."""
    return [row.partition("app ")[2] for row in screen(pane)]


def lines(*numbers: int) -> list[str]:
    return [f"line {i}" for i in numbers]


# -- one line ------------------------------------------------------------------------------------


def drawn(line: Line, look: Look = Look()) -> str:  # noqa: B008 - frozen
    return "".join(text for text, _ in runs(line, look))


def test_a_line_is_time_origin_and_message() -> None:
    line = record("hello", pid=7, time=NOON + timedelta(milliseconds=3))
    assert drawn(line) == "12:00:00.003 app[7] hello"
    assert drawn(line, Look(Times.DATE)) == "2026-11-23 12:00:00.003 app[7] hello"
    assert drawn(line, Look(Times.NONE, host_width=6)) == "web1   app[7] hello"


def test_a_host_keeps_its_colour_and_its_name() -> None:
    assert host_class("web1") == host_class("web1")
    assert len({host_class(f"web{i}") for i in range(40)}) == len(log_line.HOST_CLASSES)
    assert ("web1", host_class("web1")) in runs(record("x"), Look(host_width=8))
    assert drawn(record("x", "a-very-long-name"), Look(Times.NONE, host_width=8)).startswith("a-very-… ")


@pytest.mark.parametrize(
    ("priority", "glyph", "look"),
    [(0, "✖ ", "bad"), (3, "✖ ", "bad"), (4, "▲ ", "warn"), (5, "", "plain"), (None, "", "plain")],
)
def test_what_is_urgent_has_a_glyph_and_a_tone(priority: int | None, glyph: str, look: str) -> None:
    line = record("it burns", priority=priority)
    assert drawn(line, Look(Times.NONE)) == f"{glyph}app it burns"
    assert runs(line, Look())[-1] == ("it burns", f"tone--{look}")


def test_a_container_that_was_only_claimed_is_marked_in_words_and_tone() -> None:
    line = record("trust me", container="api", trusted=False)
    assert ("api(claimed)", "tone--warn") in runs(line, Look())


def test_a_late_line_says_so_in_word_and_tone() -> None:
    line = replace(record("hello"), late=True)
    assert drawn(line) == "12:00:00.000 late app hello"
    assert ("late ", "tone--warn") in runs(line, Look())


def test_a_gap_and_what_was_not_shown_are_bad() -> None:
    assert drawn(Gap("web1", NOON, "vacuumed", 3)) == "12:00:00.000 ✖ gap 3 lines missing: vacuumed"
    later = NOON + timedelta(seconds=2)
    skipped = runs(Skipped("web1", NOON, later, 7, LogQuery(units=("api",))), Look())
    assert skipped == [
        (
            "✖ 7 lines of web1 not shown: they came too fast; to see them :log show --on=web1 --unit=api "
            f"--since={NOON.isoformat()} --until={later.isoformat()}",
            "tone--bad",
        )
    ]


def test_what_a_terminal_would_act_on_is_never_drawn() -> None:
    line = record("a\x1b[31mb\rc\u202ed", container="x\x1b]0;y\x07z")
    assert drawn(line).isprintable()


def test_a_long_line_is_broken_into_rows_that_fit_and_loses_nothing() -> None:
    for text in ("x" * 300, "日本語" * 40, "a日" * 70, "é" * 99, "👩‍🚀" * 9):
        rows = wrapped([("12:00 ", "a"), (text, "b")], 20)
        assert all(sum(cell_len(run) for run, _ in row) <= 20 for row in rows)
        joined = "".join(run for row in rows for run, _ in row)
        assert joined.replace(" ", "") == "12:00" + text
        assert all(row[0][0] == "  " for row in rows[1:])


def test_a_character_wider_than_the_row_does_not_hold_it_up() -> None:
    assert [row[0][0] for row in wrapped([("日本", "a")], 1)] == ["日", "本"]


# -- following and standing still ------------------------------------------------------------------


async def test_it_follows_the_newest_line_and_draws_only_the_page() -> None:
    app = Shown()
    async with app.run_test(size=SIZE) as pilot:
        app.pane.append(numbered(0, 1000))
        await pilot.pause()
        assert messages(app.pane) == lines(*range(990, 1000))
        assert len(app.pane._painter._strips) == 10
        app.pane.append(numbered(1000, 1002))
        assert messages(app.pane) == lines(*range(992, 1002))
        assert app.pane.following
        assert app.pane.status() == "following · 1,002 lines"


async def test_few_lines_begin_at_the_top() -> None:
    app = Shown()
    async with app.run_test(size=SIZE):
        app.pane.append(numbered(0, 3))
        assert messages(app.pane) == [*lines(0, 1, 2), *[""] * 7]
        for move in ("up", "page_up", "half_up"):
            getattr(app.pane, f"action_{move}")()
        assert app.pane.following, "there is nothing above to go to"


async def test_scrolling_up_stands_still_while_lines_come_and_says_how_many() -> None:
    app = Shown()
    async with app.run_test(size=SIZE):
        app.pane.append(numbered(0, 100))
        app.pane.action_up()
        assert messages(app.pane) == lines(*range(89, 99))
        app.pane.append(numbered(100, 160))
        assert messages(app.pane) == lines(*range(89, 99))
        assert app.pane.status() == "paused, 60 new lines · 160 lines"
        app.pane.action_bottom()
        assert messages(app.pane) == lines(*range(150, 160))
        assert app.pane.status() == "following · 160 lines"


async def test_it_moves_by_lines_pages_and_halves() -> None:
    app = Shown()
    async with app.run_test(size=SIZE):
        app.pane.append(numbered(0, 100))
        for action, first in (
            ("page_up", 81), ("half_up", 76), ("up", 75), ("down", 76), ("half_down", 81),
            ("top", 0), ("up", 0), ("page_up", 0), ("page_down", 9), ("bottom", 90),
        ):  # fmt: skip
            getattr(app.pane, f"action_{action}")()
            assert messages(app.pane) == lines(*range(first, first + 10)), action
        assert app.pane.following


async def test_coming_down_to_the_newest_line_follows_it_again() -> None:
    app = Shown()
    async with app.run_test(size=SIZE):
        app.pane.append(numbered(0, 100))
        app.pane.action_page_up()
        app.pane.action_half_down()
        assert not app.pane.following
        app.pane.action_page_down()
        assert app.pane.following


async def test_it_can_be_told_to_stand_still_and_to_go_on() -> None:
    app = Shown()
    async with app.run_test(size=SIZE):
        app.pane.append(numbered(0, 100))
        app.pane.action_toggle_follow()
        app.pane.append(numbered(100, 101))
        assert messages(app.pane) == lines(*range(90, 100))
        assert app.pane.status().startswith("paused, 1 new line ·")
        app.pane.action_toggle_follow()
        assert messages(app.pane) == lines(*range(91, 101))


async def test_the_wheel_and_the_scrollbar_move_it() -> None:
    app = Shown()
    async with app.run_test(size=SIZE) as pilot:
        app.pane.append(numbered(0, 100))
        await pilot.pause()
        bar = app.pane.vertical_scrollbar
        assert (bar.window_virtual_size, bar.window_size, bar.position) == (100, 10, 90)
        await pilot._post_mouse_events([MouseScrollUp], LogPane)
        assert messages(app.pane)[0] == "line 87"
        assert bar.position == 87
        await pilot.click(offset=(59, 0))
        await pilot.pause()
        assert messages(app.pane)[0] == "line 78"


async def test_lines_that_are_forgotten_take_the_page_along() -> None:
    app = Shown(LogBook(cap=50))
    async with app.run_test(size=SIZE):
        app.pane.append(numbered(0, 50))
        app.pane.action_top()
        app.pane.append(numbered(50, 70))
        assert messages(app.pane) == lines(*range(20, 30))
        assert "20 older gone" in app.pane.status()


async def test_clear_forgets_all_and_follows() -> None:
    app = Shown()
    async with app.run_test(size=SIZE):
        app.pane.append([*numbered(0, 50), record("x", "db1")])
        app.pane.action_top()
        app.pane.clear()
        assert screen(app.pane) == [""] * 10
        app.pane.append(numbered(0, 1))
        assert screen(app.pane)[0] == "12:00:00.000 app line 0"


# -- looks ---------------------------------------------------------------------------------------


async def test_hosts_have_a_column_once_there_are_two() -> None:
    app = Shown()
    async with app.run_test(size=SIZE):
        app.pane.append([record("one")])
        assert screen(app.pane)[0] == "12:00:00.000 app one"
        app.pane.append([record("two", "database1")])
        assert screen(app.pane)[:2] == ["12:00:00.000 web1      app one", "12:00:00.000 database1 app two"]


async def test_times_are_shown_with_dates_local_since_the_line_before_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    app = Shown()
    async with app.run_test(size=SIZE):
        app.pane.append([record("one")])
        for shown, said in (
            ("2026-11-23 12:00:00.000 app one", "dates"),
            ("21:00:00.000 JST app one", "local times"),
            ("           app one", "times since the line before"),
            ("app one", "no times"),
        ):
            app.pane.action_toggle_time()
            assert screen(app.pane)[0] == shown
            assert said in app.pane.status()
        app.pane.action_toggle_time()
        assert screen(app.pane)[0] == "12:00:00.000 app one"
    monkeypatch.undo()
    time.tzset()


async def test_the_time_since_the_line_before_is_that_of_the_line_shown_before() -> None:
    app = Shown()
    moments = (0, 0.25, 90, 90, 7200, 90000)
    async with app.run_test(size=SIZE):
        app.pane.append([record(f"n{n}", time=NOON + timedelta(seconds=s)) for n, s in enumerate(moments)])
        for _ in range(3):
            app.pane.action_toggle_time()
        assert [row.split() for row in screen(app.pane)[: len(moments)]] == [
            ["app", "n0"],
            ["+0.250s", "app", "n1"],
            ["+89.750s", "app", "n2"],
            ["+0.000s", "app", "n3"],
            ["+118.5m", "app", "n4"],
            ["+23.0h", "app", "n5"],
        ]
        app.pane.set_filter("/n[03]/")
        assert [row.split() for row in screen(app.pane)[:2]] == [["app", "n0"], ["+90.000s", "app", "n3"]]


async def test_messages_have_the_colours_of_their_hosts_if_asked_and_what_is_urgent_its_own() -> None:
    calm, urgent = record("calm"), record("urgent", priority=3)
    assert runs(calm, Look())[-1] == ("calm", "tone--plain")
    assert runs(calm, Look(by_host=True))[-1] == ("calm", host_class("web1"))
    assert runs(urgent, Look(by_host=True))[-1] == ("urgent", "tone--bad")
    app = Shown()
    async with app.run_test(size=SIZE):
        app.pane.action_toggle_color()
        assert "coloured by host" in app.pane.status()
        app.pane.action_toggle_color()
        assert "coloured" not in app.pane.status()


async def test_errors_and_gaps_are_gone_to_from_either_side() -> None:
    app = Shown()
    async with app.run_test(size=SIZE) as pilot:
        many = numbered(0, 200)
        many[20] = replace(many[20], priority=3)
        many[90] = replace(many[90], priority=0)
        app.pane.append([*many[:60], Gap("web1", NOON, "vacuumed", 3), *many[60:]])

        async def found(go: Callable[[], None]) -> str:
            app.told.clear()
            go()
            async with asyncio.timeout(10):
                while not app.told:
                    await pilot.pause(0.01)
            return getattr(app.pane.line, "message", "gap")

        back, on = app.pane.action_error_previous, app.pane.action_error_next
        assert [await found(back) for _ in range(4)] == ["line 90", "gap", "line 20", "line 90"]
        assert [await found(on) for _ in range(2)] == ["line 20", "gap"]


async def test_a_time_is_gone_to_and_one_after_the_last_line_is_not() -> None:
    app = Shown()
    async with app.run_test(size=SIZE):
        app.pane.append(numbered(0, 300))
        assert app.pane.go_to_time(NOON + timedelta(seconds=99.5))
        assert getattr(app.pane.line, "message", None) == "line 100"
        assert "line 100" in "\n".join(messages(app.pane))
        assert not app.pane.go_to_time(NOON + timedelta(hours=1))
        app.pane.set_filter("/line ..0/")
        assert app.pane.go_to_time(NOON + timedelta(seconds=101))
        assert getattr(app.pane.line, "message", None) == "line 110"


def test_a_message_of_several_lines_is_one_row_that_shows_where_they_end() -> None:
    assert drawn(record("one\ntwo"), Look(Times.NONE)) == "app one⏎two"


def test_a_message_of_several_lines_has_rows_for_them_where_long_lines_are_broken() -> None:
    rows = wrapped(runs(record("one\ntwo and more\nthree"), Look(Times.NONE)), 20)
    assert ["".join(text for text, _ in row) for row in rows] == ["app one⏎", "  two and more⏎", "  three"]


def test_a_line_that_was_drawn_says_what_it_was_drawn_for() -> None:
    assert (
        drawn(Mark(NOON, "web1 is live again")) == "──── 2026-11-23 12:00:00.000 ──── web1 is live again ────"
    )


async def test_a_long_line_is_cut_and_can_be_moved_sideways_as_far_as_it_goes() -> None:
    app = Shown()
    async with app.run_test(size=SIZE):
        whole = "12:00:00.000 app " + "".join(f"{i:04}" for i in range(25))
        app.pane.append([record(whole[17:])])
        width = SIZE[0] - 1  # the scrollbar
        assert screen(app.pane)[0] == whole[:width]
        app.pane.action_right()
        assert screen(app.pane)[0] == whole[16 : 16 + width]
        for _ in range(9):
            app.pane.action_right()
        assert screen(app.pane)[0] == whole[-width:]
        for _ in range(9):
            app.pane.action_left()
        assert screen(app.pane)[0] == whole[:width]


async def test_wrapped_lines_are_moved_through_row_by_row() -> None:
    app = Shown()
    async with app.run_test(size=SIZE):
        app.pane.action_toggle_wrap()
        app.pane.append([record(f"{i}{'x' * 200}") for i in range(5)])
        rows = screen(app.pane)
        assert "".join(row.strip() for row in rows)[-200:] == "x" * 200
        app.pane.action_top()
        seen = screen(app.pane)
        top = [seen[0]]
        while not app.pane.following:
            app.pane.action_down()
            top.append(screen(app.pane)[0])
        everything = "".join(row.strip() for row in [*top[:-1], *screen(app.pane)])
        assert everything == "".join(f"12:00:00.000 app {i}{'x' * 200}" for i in range(5))


async def test_a_wrapped_page_is_laid_out_anew_when_the_width_changes() -> None:
    app = Shown()
    async with app.run_test(size=SIZE) as pilot:
        app.pane.action_toggle_wrap()
        app.pane.append([record("x" * 200)])
        await pilot.resize_terminal(120, 10)
        await pilot.pause()
        assert [len(row) for row in screen(app.pane)[:2]] == [119, 100]


async def test_the_styles_are_those_of_the_theme() -> None:
    app = Shown()
    async with app.run_test(size=SIZE) as pilot:
        app.pane.append([record("it burns", priority=3)])
        await pilot.pause()
        before = app.pane.render_line(0)
        app.theme = "textual-light"
        await pilot.pause()
        after = app.pane.render_line(0)
        assert before.text == after.text
        assert before != after


# -- filter and search ---------------------------------------------------------------------------


async def settled(pilot: Pilot[None], pane: LogPane) -> None:
    """Wait until filter and search have been through all lines."""
    for _ in range(500):
        await pilot.pause()
        if not pane.book.pending and pane._seek is None:
            return
    raise AssertionError("still at it")


async def test_a_filter_is_right_at_once_on_the_page_and_then_everywhere() -> None:
    app = Shown()
    async with app.run_test(size=SIZE) as pilot:
        app.pane.append(numbered(0, 50_000))
        app.pane.set_filter("7")
        newest = [i for i in range(49_000, 50_000) if "7" in str(i)][-10:]
        assert messages(app.pane) == lines(*newest)
        await settled(pilot, app.pane)
        assert len(app.pane.book) == sum("7" in str(i) for i in range(50_000))
        assert messages(app.pane) == lines(*newest)
        assert "of 50,000 lines · filter 7" in app.pane.status()


async def test_new_lines_are_filtered_too() -> None:
    app = Shown()
    async with app.run_test(size=SIZE) as pilot:
        app.pane.set_filter("!line 1")
        app.pane.append([Skipped("web1", NOON, NOON, 4), *numbered(0, 3)])
        await settled(pilot, app.pane)
        assert messages(app.pane)[1:3] == lines(0, 2)
        assert screen(app.pane)[0].startswith("✖ 4 lines of web1 not shown")
        assert "4 lines not shown" in app.pane.status()


async def test_what_is_read_stays_where_it_is_when_a_filter_goes() -> None:
    app = Shown()
    async with app.run_test(size=SIZE) as pilot:
        app.pane.append(numbered(0, 1000))
        app.pane.set_filter("5")
        await settled(pilot, app.pane)
        app.pane.action_top()
        app.pane.action_page_down()
        first = messages(app.pane)[0]
        app.pane.set_filter("")
        assert messages(app.pane)[0] == first


async def test_a_filter_that_cannot_be_read_changes_nothing() -> None:
    app = Shown()
    async with app.run_test(size=SIZE):
        app.pane.append(numbered(0, 20))
        app.pane.set_filter("1")
        with pytest.raises(UsageError):
            app.pane.set_filter("/(/")
        with pytest.raises(UsageError):
            app.pane.set_search("/(/")
        assert messages(app.pane) == lines(*range(10, 20))


def highlighted(pane: LogPane) -> Sequence[str]:
    """The texts with the background of a match."""
    style = pane._painter.style("match")
    return [
        segment.text
        for y in range(pane.size.height)
        for segment in pane.render_line(y)
        if segment.style and segment.style.bgcolor == style.bgcolor and segment.text.strip()
    ]


async def test_a_search_shows_what_it_finds_with_the_lines_around_it() -> None:
    app = Shown()
    async with app.run_test(size=SIZE) as pilot:
        app.pane.append([record("needle" if i in (100, 500) else f"line {i}") for i in range(1000)])
        app.pane.set_search("needle")
        await settled(pilot, app.pane)
        assert messages(app.pane) == [*lines(497, 498, 499), "needle", *lines(*range(501, 507))]
        assert highlighted(app.pane) == ["needle"]
        assert not app.pane.following
        app.pane.action_search_previous()
        await settled(pilot, app.pane)
        assert messages(app.pane)[3:5] == ["needle", "line 101"]
        app.pane.action_search_previous()
        await settled(pilot, app.pane)
        assert messages(app.pane)[3:5] == ["needle", "line 501"]
        app.pane.action_search_next()
        await settled(pilot, app.pane)
        assert messages(app.pane)[3:5] == ["needle", "line 101"]
        await pilot.pause()
        ended = [(m.found, m.wrapped) for m in app.told if isinstance(m, LogPane.SearchEnded)]
        assert ended == [(True, False), (True, False), (True, True), (True, True)]
        app.pane.set_search("")
        assert highlighted(app.pane) == []


async def test_a_search_that_finds_nothing_says_so_and_moves_nothing() -> None:
    app = Shown()
    async with app.run_test(size=SIZE) as pilot:
        app.pane.append(numbered(0, 100))
        app.pane.set_search("needle")
        await settled(pilot, app.pane)
        await pilot.pause()
        assert app.pane.following
        assert [m.found for m in app.told if isinstance(m, LogPane.SearchEnded)] == [False]


async def test_what_a_filter_found_is_highlighted_too() -> None:
    app = Shown()
    async with app.run_test(size=SIZE) as pilot:
        app.pane.append(numbered(0, 20))
        app.pane.set_filter("NE 7".lower())
        await settled(pilot, app.pane)
        assert highlighted(app.pane) == ["ne 7"]
        app.pane.set_filter("!line 7")
        await settled(pilot, app.pane)
        assert highlighted(app.pane) == []


# -- marks and copies ----------------------------------------------------------------------------


async def test_a_mark_is_a_line_that_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)
    app = Shown()
    async with app.run_test(size=SIZE):
        app.pane.append(numbered(0, 1))
        app.pane.action_mark_line()
        app.pane.append(numbered(1, 2))
        assert screen(app.pane)[1] == "──── 2026-11-23 12:00:00.000 ────"


async def test_the_page_is_copied_unless_lines_are_chosen() -> None:
    app = Shown()
    async with app.run_test(size=SIZE) as pilot:
        app.pane.append([*numbered(0, 20), record("x" * 100)])
        for _ in range(4):
            app.pane.action_toggle_time()
        assert app.pane.copy_text().splitlines() == [
            *(f"app line {i}" for i in range(11, 20)),
            f"app {'x' * 100}",
        ]
        await pilot.click(LogPane, offset=(3, 2))
        assert app.pane.copy_text() == "app line 13"
        await pilot.click(LogPane, offset=(3, 5), shift=True)
        assert app.pane.copy_text().splitlines() == [f"app line {i}" for i in range(13, 17)]
        app.pane.append(numbered(20, 23))
        assert app.pane.copy_text().splitlines() == [f"app line {i}" for i in range(13, 17)]
        app.pane.set_filter("!line 15")
        await settled(pilot, app.pane)
        assert app.pane.copy_text().splitlines() == [f"app line {i}" for i in (13, 14, 16)]
        app.pane.action_clear_selection()
        assert len(app.pane.copy_text().splitlines()) == 10


async def test_lines_can_come_before_the_pane_is_on_the_screen() -> None:
    app = Shown()
    app.pane.append(numbered(0, 5))
    async with app.run_test(size=SIZE):
        assert messages(app.pane)[:5] == lines(*range(5))
