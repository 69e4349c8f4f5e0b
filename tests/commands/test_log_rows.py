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
from console.commands.rows.log import log_lines
from console.model.log import Gap, LogItem, LogQuery, LogRecord, Skipped

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
RECORD = LogRecord("web1", "c1", NOON, 0, "boot", "hello", identifier="app")
SKIPPED = Skipped("web1", NOON, NOON + timedelta(seconds=2), 7, LogQuery(units=("api",), priority=3, lines=9))
GAP = Gap("web1", NOON, "vacuumed", 3, "c1", "c9")


def texts(item: LogItem) -> list[str]:
    return [cell.text for cell in log_lines(item)[0]]


def test_a_late_line_is_marked_for_people_and_scripts_and_others_are_as_they_were() -> None:
    late = replace(RECORD, late=True)
    assert texts(RECORD) == ["Nov 23 12:00:00.000", "web1", "app", "hello"]
    assert texts(late) == ["Nov 23 12:00:00.000", "web1", "late", "app", "hello"]
    assert LOG.fields(late) == {**LOG.fields(RECORD), "late": True}
    assert "late" not in LOG.fields(RECORD)


def test_a_gap_has_its_bounds() -> None:
    assert LOG.fields(GAP)["gap"] == {"count": 3, "after": "c1", "before": "c9"}
    assert log_lines(GAP)[0][-1].tone is Tone.BAD


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


def test_what_was_only_claimed_is_marked_by_glyph_and_word_and_told_to_scripts() -> None:
    claimed = replace(RECORD, container="api", image="registry/api:1", trusted=False, user="mallory", pid=7)
    assert texts(claimed)[2] == "▲ api(claimed)[7]"
    fields = LOG.fields(claimed)
    assert fields["trusted"] is False
    assert fields["claimed"] == {"container": "api", "image": "registry/api:1"}
    assert fields["user"] == "mallory"
    assert LOG.fields(replace(claimed, trusted=True))["claimed"] is None


def test_a_users_own_container_is_named_with_the_user() -> None:
    rootless = replace(RECORD, container="api", user="core", unit="user@1000.service")
    assert texts(rootless)[2] == "core/api"
    assert texts(replace(rootless, user="root", unit="docker.service"))[2] == "api"


def test_every_line_of_a_message_is_shown_and_none_looks_like_a_record() -> None:
    lines = log_lines(replace(RECORD, message="one\ntwo\nthree"))
    assert [[cell.text for cell in line][-1] for line in lines] == ["one", "    two", "    three"]
    assert [len(line) for line in lines] == [4, 1, 1]


def test_colours_are_kept_where_they_are_asked_for_and_nothing_else_of_a_terminals() -> None:
    raw = b"\x1b[31mred\x1b[0m \x1b]0;owned\x07\x1b[2Jtext"
    line = log_lines(replace(RECORD, message="red", raw=raw), in_color=True)[0][-1]
    assert line.coloured == "\x1b[31mred\x1b[0m ␛]0;owned␇␛[2Jtext\x1b[0m"
    assert log_lines(replace(RECORD, message="red", raw=raw))[0][-1].coloured is None


def test_a_line_of_which_something_is_missing_says_so() -> None:
    assert "(cut)" in texts(replace(RECORD, cut=True))
    assert LOG.fields(replace(RECORD, cut=True))["cut"] is True
