"""Places in a journal, and the holes between them."""

from __future__ import annotations

import pytest

from console.hosts.journal_cursor import Hole, Place, hole, same_entry, step


def at(seqnum: int, *, journal: str = "aa", time: int | None = None, boot: str = "b0") -> str:
    time = 1000 * seqnum if time is None else time
    return f"s={journal};i={seqnum:x};b={boot};m={time:x};t={time:x};x={seqnum * 7:x}"


def test_a_cursor_of_the_known_form_tells_its_place() -> None:
    cursor = "s=98a1;i=186a0;b=ab0f;m=6051f58;t=60a241e141d18;x=e9b0"
    assert Place.of(cursor) == Place("98a1", 100_000, "ab0f", 100_999_000, 1_700_000_099_999_000, "e9b0")


@pytest.mark.parametrize(
    "cursor", ["", "x", "s=98;i=1", at(1) + ";y=1", at(1).replace("i=", "i=-"), "s=" + "f" * 99]
)
def test_a_cursor_of_another_form_has_no_place_and_no_counts(cursor: str) -> None:
    assert Place.of(cursor) is None
    assert step(cursor, at(2)) is None
    assert same_entry(cursor, cursor)
    assert not same_entry(cursor, at(2))


def test_an_entry_that_moved_to_another_file_is_the_same() -> None:
    assert same_entry("s=aa;i=5;b=1;m=2;t=3;x=4", "s=bb;i=900;b=1;m=2;t=3;x=4")
    assert not same_entry("s=aa;i=5;b=1;m=2;t=3;x=4", "s=aa;i=5;b=1;m=2;t=4;x=4")


def test_a_step_counts_what_lies_between() -> None:
    assert step(at(5), at(6)) == 0
    assert step(at(5), at(9)) == 3
    assert step(at(5), at(5)) == 0
    assert step(at(5), at(9, journal="bb")) is None


@pytest.mark.parametrize(
    ("found", "missing"),
    [
        pytest.param([5, 6, 7], None, id="all there"),
        pytest.param([5], None, id="nothing new"),
        pytest.param([6, 7], None, id="only the cursor's own entry is gone"),
        pytest.param([9, 10], (5, 9, 3), id="the next three are gone"),
        pytest.param([5, 8], (5, 8, 2), id="two are gone although the cursor's own is there"),
        pytest.param([5, 6, 9], (6, 9, 2), id="two are gone further on"),
        pytest.param([], (5, None, None), id="all gone"),
    ],
)
def test_a_hole_is_what_is_missing_after_the_last_entry(
    found: list[int], missing: tuple[int, int | None, int | None] | None
) -> None:
    expected = None
    if missing:
        after, before, count = missing
        expected = Hole(at(after), at(before) if before else None, count)
    assert hole(at(5), [at(seqnum) for seqnum in found]) == expected


def test_a_journal_that_began_anew_is_a_hole_of_unknown_size() -> None:
    found = [at(1, journal="bb", time=9_000_000)]
    assert hole(at(5), found) == Hole(at(5), found[0], None)


def test_numbers_of_two_journals_side_by_side_are_no_hole() -> None:
    assert hole(at(5), [at(5), at(900, journal="bb", time=5500), at(6)]) is None


def test_an_entry_moved_from_run_to_var_is_no_hole() -> None:
    moved = at(5).replace("s=aa;i=5", "s=bb;i=400")
    following = at(401, journal="bb", time=6000)
    assert hole(at(5), [moved, following]) is None


@pytest.mark.parametrize(("heard_until", "told"), [(8_999, True), (9_000, False), (None, True)])
def test_what_was_heard_already_is_not_missed(heard_until: int | None, told: bool) -> None:
    for found in ([at(9)], [at(5), at(9)], [at(1, journal="bb", time=9_000)]):
        assert (hole(at(5), found, heard_until) is not None) is told
