"""Text and columns fit exactly, whatever is in them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from console.commands.fitting import GAP, fit, make_room, safe_cell, width_of
from console.commands.rows import Cell, Column, Tone
from console.model.text import clean


@given(st.text(max_size=30), st.integers(1, 20))
def test_fit_gives_exactly_the_width_for_wide_and_narrow_characters(text: str, width: int) -> None:
    assert width_of(fit(clean(text), width)) == width


@given(st.text("ab 猫é❤\ufe0f\u200d👩🇩🇪\u0301", max_size=30), st.integers(1, 20), st.booleans())
def test_fit_goes_by_the_measure_it_is_given(text: str, width: int, right: bool) -> None:
    assert cell_len(fit(text, width, right=right, measure=cell_len)) == width


def test_a_cut_text_ends_with_an_ellipsis_and_no_room_gives_nothing() -> None:
    assert fit("nginx.service", 6) == "nginx…"
    assert fit("日本語", 4) == "日… "
    assert fit("x", 0) == ""
    assert fit("x", 3, right=True) == "  x"


def test_a_joiner_at_the_end_takes_no_column_away() -> None:
    assert cell_len(fit("\u200da\u200d", 1, measure=cell_len)) == 1


def test_no_control_character_passes() -> None:
    assert safe_cell("\x1b[2Jgone\x07") == Cell("gone·")
    assert safe_cell(Cell("a\nb", Tone.BAD)) == Cell("a·b", Tone.BAD)


COLUMNS: tuple[Column[object], ...] = (
    Column("NAME", lambda row: "", 9, shrink=True),
    Column("STATE", lambda row: "", 8),
    Column("TEXT", lambda row: "", 1, shrink=True),
    Column("OS", lambda row: "", 4),
)


def test_shrinking_columns_give_way_before_any_is_left_out_and_the_least_important_first() -> None:
    wanted = {0: 20, 1: 8, 2: 20, 3: 6}
    assert make_room(COLUMNS, (0, 1, 2, 3), wanted, 60, lambda column: 10) == wanted
    assert make_room(COLUMNS, (0, 1, 2, 3), wanted, 52, lambda column: 10) == {0: 20, 1: 8, 2: 12, 3: 6}
    assert make_room(COLUMNS, (0, 1, 2, 3), wanted, 46, lambda column: 10) == {0: 16, 1: 8, 2: 10, 3: 6}
    assert make_room(COLUMNS, (0, 1, 2, 3), wanted, 38, lambda column: 10) == {0: 20, 1: 8, 3: 6}
    assert make_room(COLUMNS, (0, 1, 2, 3), wanted, 5, lambda column: 10) == {0: 5}


@given(
    st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.integers(1, 60)), min_size=1, max_size=8),
    st.integers(1, 200),
)
def test_what_is_left_always_fits_into_the_room(parts: list[tuple[int, bool, int]], room: int) -> None:
    columns: list[Column[object]] = [
        Column(str(n), lambda row: "", keep, shrink=shrink) for n, (keep, shrink, _) in enumerate(parts)
    ]
    wanted = {index: width for index, (_, _, width) in enumerate(parts)}
    left = make_room(columns, range(len(parts)), wanted, room, lambda column: 8)
    assert left
    assert list(left) == sorted(left)
    assert sum(left.values()) + GAP * (len(left) - 1) <= room
    assert all(0 < width <= max(wanted[index], 1) or len(left) == 1 for index, width in left.items())
