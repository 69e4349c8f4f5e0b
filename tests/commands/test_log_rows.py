"""A line of a log as scripts and people get it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from console.commands.everything import core_registry
from console.commands.grammar import parse_line
from console.commands.log import LogShow
from console.commands.log_fetch import to_fetch
from console.commands.rows import LOG
from console.commands.rows.base import Tone
from console.commands.rows.log import log_line
from console.model.log import Gap, LogItem, LogQuery, LogRecord, Skipped

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
RECORD = LogRecord("web1", "c1", NOON, 0, "boot", "hello", identifier="app")
SKIPPED = Skipped("web1", NOON, NOON + timedelta(seconds=2), 7, LogQuery(units=("api",), priority=3, lines=9))
GAP = Gap("web1", NOON, "vacuumed", 3, "c1", "c9")


def texts(item: LogItem) -> list[str]:
    return [cell.text for cell in log_line(item)]


def test_a_late_line_is_marked_for_people_and_scripts_and_others_are_as_they_were() -> None:
    late = replace(RECORD, late=True)
    assert texts(RECORD) == ["Nov 23 12:00:00.000", "web1", "app", "hello"]
    assert texts(late) == ["Nov 23 12:00:00.000", "web1", "late", "app", "hello"]
    assert LOG.fields(late) == {**LOG.fields(RECORD), "late": True}
    assert "late" not in LOG.fields(RECORD)


def test_a_gap_has_its_bounds() -> None:
    assert LOG.fields(GAP)["gap"] == {"count": 3, "after": "c1", "before": "c9"}
    assert log_line(GAP)[-1].tone is Tone.BAD


def test_what_is_skipped_is_counted_and_has_the_line_that_fetches_it() -> None:
    assert LOG.fields(SKIPPED)["skipped"] == {"count": 7, "until": "2026-11-23T12:00:02.000000Z"}
    assert texts(SKIPPED)[-1] == "7 lines of web1 not shown: they came too fast"
    command = parse_line(to_fetch(SKIPPED), core_registry()).command
    assert isinstance(command, LogShow)
    assert (str(command.on), command.unit, command.priority) == ("web1", ("api",), 3)
    assert (command.since, command.until, command.lines) == (SKIPPED.time, SKIPPED.until, None)


def test_rows_of_every_kind_have_a_key_of_their_host() -> None:
    assert [LOG.key(item) for item in (RECORD, GAP, SKIPPED)] == [
        ("web1", "c1"),
        ("web1", "c1"),
        ("web1", ""),
    ]
