"""Tables fit, whatever is in them."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from console.cli.table import table
from console.commands.fitting import width_of
from console.commands.rows import Cell, Column

Row = tuple[str, str, str]
COLUMNS: tuple[Column[Row], ...] = (
    Column("NAME", lambda row: row[0], 9),
    Column("STATE", lambda row: row[1], 5),
    Column("TEXT", lambda row: row[2], 1, shrink=True),
)


def test_columns_give_way_by_priority_and_the_first_one_stays() -> None:
    rows: list[Row] = [("web1", "running", "a long description that nobody has room for")]
    wide = table(COLUMNS, rows, 80)
    assert wide == [
        "NAME  STATE    TEXT",
        "web1  running  a long description that nobody has room for",
    ]
    assert table(COLUMNS, rows, 30) == ["NAME  STATE    TEXT", "web1  running  a long descrip…"]
    assert table(COLUMNS, rows, 14) == ["NAME  STATE", "web1  running"]
    assert table(COLUMNS, rows, 8) == ["NAME", "web1"]


def test_a_column_that_is_empty_everywhere_is_left_out() -> None:
    assert table(COLUMNS, [("web1", "", "x")], None) == ["NAME  TEXT", "web1  x"]


def test_what_could_not_be_asked_is_a_row_with_the_reason() -> None:
    lines = table(COLUMNS, [("a", "b", "c")], 40, missing=[("web9", "unreachable: no route to host")])
    assert lines[-1] == "web9  ✖ unreachable: no route to host"


@given(
    st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20), st.text(max_size=200)), max_size=5),
    st.integers(4, 120),
)
def test_no_line_is_wider_than_the_terminal_or_holds_a_control_character(rows: list[Row], width: int) -> None:
    for line in table(COLUMNS, rows, width):
        assert width_of(line) <= width
        assert not any(unicodedata.category(char) == "Cc" for char in line)


def test_a_hostile_cell_does_not_reach_the_terminal() -> None:
    column: Column[str] = Column("X", lambda text: Cell(text))
    assert table([column], ["\x1b[2Jgone\x1b]0;title\x07"], 40)[1] == "gone"
