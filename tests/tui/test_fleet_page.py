"""Cursor and marks of a list, with no screen."""

from __future__ import annotations

from console.commands.filters import Filter
from console.commands.lists import LiveList
from console.commands.rows import Column, RowKind
from console.tui.widgets.fleet_page import FleetPage

KIND: RowKind[str] = RowKind(
    "letter", lambda row: (row,), lambda row: {}, (Column("NAME", lambda row: row, 9, width=8),), str
)


class Letters:
    """The page of a list of letters that can be taken away."""

    def __init__(self, letters: str) -> None:
        self.there = set(letters)
        self.list: LiveList[str, str] = LiveList(KIND, lambda key: key if key in self.there else None)
        self.list.update(letters)
        self.page = FleetPage(self.list)
        self.page.find()

    def take_away(self, letters: str) -> None:
        self.there -= set(letters)
        self.list.update(letters)
        self.page.find()
        self.page.keep_marks()


def test_the_cursor_ends_at_the_ends() -> None:
    page = Letters("abc").page
    page.move(-5)
    assert (page.cursor, page.at) == ("a", 0)
    page.move(9)
    assert (page.cursor, page.at) == ("c", 2)


def test_no_rows_no_cursor_and_no_mark() -> None:
    page = Letters("").page
    page.move(3)
    page.mark()
    page.mark_range()
    assert (page.cursor, page.marks) == (None, frozenset())


def test_the_cursor_stays_on_its_row_and_goes_to_the_next_when_that_goes() -> None:
    letters = Letters("abcd")
    letters.page.move(2)
    letters.take_away("a")
    assert (letters.page.cursor, letters.page.at) == ("c", 1)
    letters.take_away("c")
    assert (letters.page.cursor, letters.page.at) == ("d", 1)


def test_a_range_is_marked_from_the_last_mark_to_the_cursor_either_way() -> None:
    page = Letters("abcdefg").page
    page.move(2)
    page.mark()
    page.move(4)
    page.mark_range()
    assert page.marks == set("cde")
    page.move(6)
    page.mark()
    page.move(5)
    page.mark_range()
    assert page.marks == set("cdefg")


def test_a_range_without_a_mark_to_begin_at_is_the_row_itself() -> None:
    page = Letters("abc").page
    page.move(1)
    page.mark_range()
    assert page.marks == {"b"}
    page.clear_marks()
    page.move(2)
    page.mark_range()
    assert page.marks == {"c"}, "where marks were taken back nothing begins"


def test_a_range_begins_at_no_row_that_was_unmarked_or_is_hidden() -> None:
    letters = Letters("abcd")
    page = letters.page
    page.mark()
    page.mark()
    page.move(2)
    page.mark_range()
    assert page.marks == {"c"}
    letters.list.set_filter(Filter.parse("!c"))
    page.find()
    page.move(0)
    page.mark_range()
    assert page.marks == {"a", "c"}, "c is hidden: what would be between is not to be seen"


def test_a_mark_goes_with_its_row() -> None:
    letters = Letters("abc")
    letters.page.mark_all()
    letters.take_away("b")
    assert letters.page.marks == {"a", "c"}


def test_the_screen_moves_no_further_than_the_cursor_needs() -> None:
    page = Letters("abcdefghij").page
    page.move(7)
    assert page.reach(0, 4) == 4
    assert page.reach(5, 4) == 5
    assert page.reach(9, 4) == 7


def test_the_cursors_row_keeps_its_line_when_rows_above_it_go() -> None:
    letters = Letters("abcdefghij")
    letters.page.move(6)
    anchor = letters.page.anchor(5, 4)
    letters.take_away("ab")
    assert letters.page.follow(anchor, 5) == 3
    assert letters.page.anchor(0, 4) is None, "at the top what comes first is seen to come"
