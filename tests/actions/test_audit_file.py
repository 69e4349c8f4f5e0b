"""Reading on in an audit file while others write it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.actions.audit import Audit, Who
from console.actions.audit_file import FileSink, Trail, _lines
from console.errors import ConfigError

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def test_each_look_gives_what_came_since_the_last_one(tmp_path: Path) -> None:
    writer = Audit((FileSink(tmp_path),), Who("ann", "console1"), lambda: NOW)
    trail = Trail(tmp_path)
    assert trail.look() == []
    first = writer.begin("one", None)
    assert [record.line for record in trail.look()] == ["one"]
    assert trail.look() == []
    writer.end(first, "done")
    writer.refused("two", "no")
    assert [(record.line, record.outcome) for record in trail.look()] == [
        ("one", "done"),
        ("two", None),
        ("two", "refused"),
    ]
    assert [record.outcome for record in trail.records.values()] == ["done", "refused"]


def test_a_line_that_is_half_written_is_read_once_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    begun = Audit((FileSink(tmp_path),), Who("ann", "console1"), lambda: NOW).begin("one", None)
    whole = file.read_bytes()
    file.write_bytes(whole[:20])
    trail = Trail(tmp_path)
    assert trail.look() == []
    with file.open("ab") as more:
        more.write(whole[20:] + b"nothing of ours\n")
    assert [record.id for record in trail.look()] == [begun.id]
    assert [problem.line for problem in trail.problems()] == [2]
    assert trail.problems() == []


def test_a_line_whose_end_is_written_while_it_is_read_is_left_whole_for_the_next_look() -> None:
    read = [b"one\n", b"tw", b"o\n", b"three\n"]  # what a file gives that grows at the second read
    assert list(_lines(read, torn=False)) == [b"one\n"]
    assert list(_lines(read[:2], torn=True)) == [b"one\n", b"tw"]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").mkdir()
    with pytest.raises(ConfigError, match=r"audit\.jsonl: Is a directory"):
        Trail(tmp_path).look()
