"""A log as a view holds it: what a filter shows, what a search finds, and that no step takes long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.commands import logbook
from console.commands.logbook import LogBook, Seek
from console.commands.logbook_filter import Line, LogFilter, Mark, Pattern
from console.errors import UsageError
from console.model.log import Gap, LogItem, LogRecord, Skipped

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def record(message: str, host: str = "web1", **more: object) -> LogRecord:
    return replace(LogRecord(host, "c", NOON, 0, "boot", message, identifier="app"), **more)  # type: ignore[arg-type]


def gap(host: str = "web1") -> Gap:
    return Gap(host, NOON, "vacuumed", count=3)


def skipped(count: int, host: str = "web1") -> Skipped:
    return Skipped(host, NOON, NOON, count)


def text(line: Line) -> str:
    match line:
        case LogRecord():
            return line.message
        case Gap():
            return "gap"
        case Skipped():
            return f"skipped {line.count}"
        case Mark():
            return "mark"


def shown(book: LogBook) -> list[str]:
    return [text(book.line(book.sequence(position))) for position in range(len(book))]


def filtered(expression: str, *lines: LogRecord | Gap) -> list[str]:
    """What a book of `lines` shows under the filter."""
    book = LogBook()
    book.append(lines)
    book.set_filter(LogFilter.parse(expression))
    while book.work():
        pass
    return shown(book)


# -- the language of filters -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "messages"),
    [
        ("", ["Timeout", "timeout 5", "ok", "a/b/c"]),
        ("timeout", ["Timeout", "timeout 5"]),
        ("Timeout", ["Timeout"]),
        ("!timeout", ["ok", "a/b/c"]),
        ("!Timeout", ["timeout 5", "ok", "a/b/c"]),
        (r"/time\S+ \d/", ["timeout 5"]),
        ("/^(ok|TIMEOUT)$/", ["ok"]),
        ("/^(ok|timeout)$/", ["Timeout", "ok"]),
        ("!/^(ok|timeout)$/", ["timeout 5", "a/b/c"]),
        ("/b/", ["a/b/c"]),
        (r"\/b/", ["a/b/c"]),
        ("/b", ["a/b/c"]),
        ("!", ["Timeout", "timeout 5", "ok", "a/b/c"]),
    ],
)
def test_the_text_of_a_filter(expression: str, messages: list[str]) -> None:
    assert filtered(expression, *map(record, ("Timeout", "timeout 5", "ok", "a/b/c"))) == messages


def test_what_means_something_else_can_be_looked_for_behind_a_backslash() -> None:
    lines = [record(m) for m in ("!x", "x", "-p err", r"\x")]
    assert filtered(r"\!x", *lines) == ["!x"]
    assert filtered(r"\-p", *lines) == ["-p err"]
    assert filtered(r"\\x", *lines) == [r"\x"]


def test_the_origin_is_a_part_of_the_text() -> None:
    lines = (record("one", identifier="nginx", pid=7), record("two"), record("three", container="Api"))
    assert filtered("nginx[7]", *lines) == ["one"]
    assert filtered("api", *lines) == ["three"]


def test_the_host_is_a_part_of_the_text_where_there_is_more_than_one() -> None:
    assert filtered("web1", record("one"), record("two")) == []
    assert filtered("web1", record("one"), record("two", "db1")) == ["one"]
    assert filtered("!web1", record("one"), record("two", "db1")) == ["two"]


def test_a_second_host_makes_hosts_a_part_of_the_text_of_the_lines_before_it_too() -> None:
    book = LogBook()
    book.set_filter(LogFilter.parse("web1"))
    book.append([record("one")])
    book.work()
    assert shown(book) == []
    book.append([record("two", "db1")])
    book.work()
    assert shown(book) == ["one"]


def test_a_filter_by_priority_shows_the_more_urgent_too_and_counts_none_as_info() -> None:
    lines = (
        record("crit", priority=2), record("err", priority=3),
        record("info", priority=6), record("none"), record("debug", priority=7),
    )  # fmt: skip
    assert filtered("-p err", *lines) == ["crit", "err"]
    assert filtered("-p info", *lines) == ["crit", "err", "info", "none"]


def test_a_filter_by_host_takes_names_and_globs() -> None:
    lines = [record(host, host) for host in ("web1", "web2", "db1", "lb1")]
    assert filtered("-h web*,lb1", *lines) == ["web1", "web2", "lb1"]


def test_conditions_go_together() -> None:
    lines = [record(f"{host} {p} {m}", host, priority=p) for host in "ab" for p in (3, 6) for m in ("x", "y")]
    assert filtered("-p err -h a !x", *lines) == ["a 3 y"]
    assert filtered("-h a -p err y", *lines) == ["a 3 y"]


@pytest.mark.parametrize("expression", ["x", "!gap", "-p emerg", "-h nobody", "/^$/"])
def test_a_gap_is_shown_whatever_the_filter(expression: str) -> None:
    assert filtered(expression, record("one"), gap(), record("two")).count("gap") == 1


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("/(/", "no regular expression"),
        ("-p", "-p of what"),
        ("-p loud", "not a priority"),
        ("-h", "-h of what"),
    ],
)
def test_a_filter_that_cannot_be_read_says_what_is_accepted(expression: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        LogFilter.parse(expression)
    assert caught.value.hint


def test_no_filter_is_none() -> None:
    assert LogFilter.parse("  ") is None
    assert LogFilter.parse("!") is None


@pytest.mark.parametrize(
    ("pattern", "where", "found"),
    [
        ("an", "Banana", ["an", "an"]),
        ("AN", "Banana BANANA", ["AN", "AN"]),
        ("/a./", "Banana", ["an", "an"]),
        ("/x*/", "axxb", ["xx"]),
        ("/[a-c]+/", "xABCd", ["ABC"]),
        (r"/\x41b/", "xABab", ["AB", "ab"]),
        (r"/A\x42/", "xABab", ["AB"]),
        ("i", "İI", ["İ", "I"]),
    ],
)
def test_what_matches_is_what_is_highlighted(pattern: str, where: str, found: list[str]) -> None:
    parsed = Pattern.parse(pattern)
    assert [where[start:end] for start, end in parsed.spans(where)] == found
    assert parsed.found_in(where)


@given(st.text(min_size=1, max_size=3), st.text(max_size=30))
def test_a_plain_text_is_highlighted_wherever_it_is_found_and_nowhere_else(word: str, where: str) -> None:
    pattern = Pattern.parse("\\\\" + word if word.startswith("\\") else word)
    assert bool(pattern.spans(where)) is pattern.found_in(where)
    for start, end in pattern.spans(where):
        assert len(where[start:end]) == end - start


# -- the ring ----------------------------------------------------------------------------------


def test_the_oldest_lines_make_room_and_are_counted() -> None:
    book = LogBook(cap=3)
    book.append([record("1"), record("2")])
    book.append([record("3"), record("4")])
    assert shown(book) == ["2", "3", "4"]
    assert (book.held, book.evicted, book.first, book.end) == (3, 1, 1, 4)
    book.append([record(str(i)) for i in range(5, 12)])
    assert shown(book) == ["9", "10", "11"]
    assert book.line(book.first) == record("9")


def test_what_found_no_place_is_a_line_where_it_would_have_been() -> None:
    book = LogBook()
    book.append([record("1")])
    book.append([skipped(7), record("9")])
    assert shown(book) == ["1", "skipped 7", "9"]
    assert book.skipped == 7
    book.set_filter(LogFilter.parse("nothing of it"))
    book.work()
    assert shown(book) == ["skipped 7"]


def test_late_lines_stay_where_they_arrived() -> None:
    book = LogBook()
    book.append([record("now"), record("late", time=datetime(2020, 1, 1, tzinfo=UTC))])
    assert shown(book) == ["now", "late"]


def test_a_line_drawn_by_the_reader_is_shown_whatever_the_filter() -> None:
    book = LogBook()
    book.append([record("1")])
    book.mark(NOON)
    book.set_filter(LogFilter.parse("x"))
    book.append([record("x")])
    book.work()
    assert shown(book) == ["mark", "x"]


def test_clear_forgets_lines_hosts_and_counts_but_no_number_and_no_filter() -> None:
    book = LogBook()
    book.set_filter(LogFilter.parse("2"))
    book.append([record("1"), record("2", "db1"), skipped(4)])
    book.clear()
    assert (len(book), book.held, book.skipped, book.pending, list(book.hosts)) == (0, 0, 0, 0, [])
    assert book.end == 3
    book.append([record("21"), record("3")])
    book.work()
    assert shown(book) == ["21"]
    assert book.sequence(0) == 3


# -- a step at a time --------------------------------------------------------------------------


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logbook, "_STRIDE", 3)


@pytest.mark.usefixtures("small_steps")
def test_a_new_filter_shows_the_newest_first_and_new_lines_before_old_ones() -> None:
    book = LogBook()
    book.append([record(f"{i}") for i in range(10)])
    book.set_filter(LogFilter.parse("!x"))
    assert shown(book) == []
    assert book.pending == 10
    assert book.work(0)
    assert shown(book) == ["7", "8", "9"]
    book.append([record("10"), record("x"), record("11")])
    book.work(0)
    assert shown(book) == ["7", "8", "9", "10", "11"]
    book.work(0)
    assert shown(book) == ["4", "5", "6", "7", "8", "9", "10", "11"]
    while book.work(0):
        pass
    assert shown(book) == [str(i) for i in range(12)]
    assert book.pending == 0


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.lists(st.sampled_from(["x", "y", "gap"]), max_size=9)),
        st.tuples(st.just("drop"), st.just(["x"])),
        st.tuples(st.just("filter"), st.sampled_from(["", "x", "!x", "-p err"])),
        st.tuples(st.just("work"), st.just(None)),
        st.tuples(st.just("mark"), st.just(None)),
        st.tuples(st.just("clear"), st.just(None)),
    ),
    max_size=30,
)


@settings(deadline=None)
@given(OPERATIONS)
def test_however_it_comes_about_a_book_shows_the_newest_lines_that_its_filter_wants(
    operations: list[tuple[str, object]],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logbook, "_STRIDE", 2)
        book, all_lines, expression, number = LogBook(cap=12), list[Line](), "", 0
        for name, what in operations:
            if name in ("append", "drop"):
                assert isinstance(what, list)
                batch: list[LogItem] = [
                    gap() if m == "gap" else record(f"{m} {(number := number + 1)}") for m in what
                ]
                if name == "drop":
                    batch.insert(0, skipped(2))
                book.append(batch)
                all_lines += batch
            elif name == "filter":
                expression = str(what)
                book.set_filter(LogFilter.parse(expression))
            elif name == "work":
                book.work(0)
            elif name == "mark":
                book.mark(NOON)
                all_lines.append(Mark(NOON))
            else:
                book.clear()
                all_lines = []
            check_numbers(book)
        while book.work(0):
            pass
        kept = all_lines[-12:]
        parsed = LogFilter.parse(expression)
        wanted: Callable[[LogRecord], bool] = (
            parsed.predicate(with_host=False) if parsed else lambda record: True
        )
        expected = [line for line in kept if not isinstance(line, LogRecord) or wanted(line)]
        assert shown(book) == [text(line) for line in expected]
        assert book.held == len(kept)


def check_numbers(book: LogBook) -> None:
    """Positions and sequences say the same, in both directions."""
    sequences = [book.sequence(position) for position in range(len(book))]
    assert sequences == sorted(set(sequences))
    for number in range(book.first - 1, book.end + 2):
        after = [position for position, sequence in enumerate(sequences) if sequence >= number]
        assert book.position(number) == (after[0] if after else len(book))


# -- search ------------------------------------------------------------------------------------


def sought(book: LogBook, word: str, start: int, *, backwards: bool = False, inclusive: bool = False) -> Seek:
    seek = Seek(book, Pattern.parse(word), start, backwards=backwards, inclusive=inclusive)
    while seek.work(0):
        pass
    return seek


@pytest.mark.usefixtures("small_steps")
def test_a_search_goes_to_the_next_line_that_holds_it_and_around() -> None:
    book = LogBook()
    book.append([record("needle" if i in (3, 9) else f"{i}") for i in range(20)])
    assert sought(book, "needle", 0).found == 3
    assert sought(book, "needle", 3).found == 9
    around = sought(book, "needle", 9)
    assert (around.found, around.wrapped) == (3, True)
    assert sought(book, "needle", 9, backwards=True).found == 3
    back = sought(book, "needle", 3, backwards=True)
    assert (back.found, back.wrapped) == (9, True)
    assert sought(book, "needle", book.end, backwards=True).found == 9


@pytest.mark.usefixtures("small_steps")
def test_a_search_that_finds_nothing_ends_and_one_that_stands_on_the_only_match_finds_it_again() -> None:
    book = LogBook()
    book.append([record("needle" if i == 3 else f"{i}") for i in range(20)])
    for backwards in (False, True):
        assert sought(book, "pin", 5, backwards=backwards).found is None
        assert sought(book, "needle", 3, backwards=backwards).found == 3
        assert not sought(book, "needle", 3, backwards=backwards, inclusive=True).wrapped
        assert sought(LogBook(), "x", 0, backwards=backwards).found is None


def test_a_search_goes_through_the_lines_that_are_shown_only_and_hides_none() -> None:
    book = LogBook()
    book.append([record("needle a"), record("b"), record("needle b"), gap()])
    book.set_filter(LogFilter.parse("b"))
    book.work()
    assert sought(book, "needle", book.end).found == 2
    assert sought(book, "missing", 0).found == 3
    assert shown(book) == ["b", "needle b", "gap"]


@pytest.mark.usefixtures("small_steps")
def test_a_search_goes_on_while_lines_come_and_go() -> None:
    book = LogBook(cap=20)
    book.append([record(f"{i}") for i in range(20)])
    seek = Seek(book, Pattern.parse("needle"), 0, backwards=False)
    assert seek.work(0)
    book.append([record(f"{i}") for i in range(12)])
    assert seek.work(0)
    book.append([record("needle")])
    while seek.work(0):
        pass
    assert seek.found == 32


def test_no_step_through_many_lines_is_left_unbounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes by a millisecond at each look at the clock: a step of 8 ms is 8 strides."""
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 0.001
        return now

    monkeypatch.setattr("time.perf_counter", clock)
    book = LogBook()
    book.append([record("x")] * 100_000)
    book.set_filter(LogFilter.parse("x"))
    assert book.work(0.008)
    assert len(book) == 8 * 64
    seek = Seek(book, Pattern.parse("y"), book.end, backwards=True)
    assert seek.work(0.002)
    book.append([record("x")] * 10_000)
    assert len(book) == 8 * 64, "new lines are looked at in steps too"
