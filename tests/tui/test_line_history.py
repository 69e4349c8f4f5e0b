"""Typed lines outlive the terminal."""

from __future__ import annotations

import stat
from pathlib import Path

from console.tui.acting.history import LineHistory


def test_lines_are_there_at_the_next_start_each_once_the_newest_last(tmp_path: Path) -> None:
    first = LineHistory(tmp_path)
    for line in ("one", "two", " one "):
        first.add(line)
    assert first.lines == ("two", "one")
    assert LineHistory(tmp_path).lines == ("two", "one")
    assert stat.S_IMODE((tmp_path / "typed-lines").stat().st_mode) == 0o600


def test_two_terminals_add_to_it_side_by_side(tmp_path: Path) -> None:
    one, two = LineHistory(tmp_path), LineHistory(tmp_path)
    one.add("a")
    two.add("b")
    assert one.lines == ("a",)
    assert LineHistory(tmp_path).lines == ("a", "b")


def test_the_file_is_bounded_and_what_cannot_be_shown_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "typed-lines"
    file.write_text("".join(f"line {n}\n" for n in range(1200)) + "bad\x1b[2J\n")
    found = LineHistory(tmp_path)
    assert len(found.lines) == 500
    assert found.lines[-1] == "line 1199"
    assert len(file.read_text().splitlines()) == 500
    found.add("tab\there")
    assert "tab" not in file.read_text()


def test_a_file_that_cannot_be_kept_is_told_and_lines_still_come_back(tmp_path: Path) -> None:
    (tmp_path / "typed-lines").mkdir()
    found = LineHistory(tmp_path)
    assert found.problem is not None
    assert "typed lines are not kept" in found.problem
    found.add("one")
    assert found.lines == ("one",)
    assert LineHistory(None).lines == ()
