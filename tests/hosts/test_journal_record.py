"""From an entry to a record."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from console.hosts.export_format import Entry, Fields
from console.hosts.journal_record import EntryError, record
from console.model.text import MAX_TEXT

META: Fields = {
    b"__CURSOR": b"s=98a1;i=1f;b=ab0f;m=6051f58;t=60a241e141d18;x=e9b0",
    b"__REALTIME_TIMESTAMP": b"1700000099999001",
    b"__MONOTONIC_TIMESTAMP": b"100999000",
    b"_BOOT_ID": b"ab0f",
}


def entry(message: bytes | list[bytes] | None = b"hello", **fields: bytes | list[bytes]) -> Entry:
    text: Fields = {} if message is None else {b"MESSAGE": message}
    return Entry({**META, **text, **{name.encode(): value for name, value in fields.items()}})


def test_a_plain_entry_becomes_a_record() -> None:
    made = record(
        "web1",
        entry(
            PRIORITY=b"6",
            SYSLOG_IDENTIFIER=b"nginx",
            _PID=b"812",
            _SYSTEMD_UNIT=b"web.service",
            _COMM=b"nginx-worker",
        ),
    )
    assert made.host == "web1"
    assert made.time == datetime(2023, 11, 14, 22, 14, 59, 999001, UTC)
    assert (made.monotonic_us, made.boot_id) == (100_999_000, "ab0f")
    assert made.cursor == META[b"__CURSOR"].decode()  # type: ignore[union-attr]
    assert (made.message, made.raw, made.cut) == ("hello", None, False)
    assert (made.unit, made.identifier, made.pid, made.priority) == ("web.service", "nginx", 812, 6)
    assert (made.container, made.trusted) == (None, True)
    assert (made.seqnum, made.seqnum_id) == (31, "98a1")
    assert made.fields == {}


def test_what_is_missing_is_none_and_the_program_stands_in_for_the_identifier() -> None:
    made = record("web1", entry(None, _COMM=b"cron", SYSLOG_PID=b"7"))
    assert (made.message, made.raw) == ("", None)
    assert (made.identifier, made.pid, made.priority, made.unit) == ("cron", 7, None, None)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"\x1b[31mred\x1b[0m alert", "red alert"),
        (b"\x1b]0;owned\x07 title", "␛]0;owned␇ title"),
        (b"\x1b[2J\x1b[31mred", "␛[2Jred"),
        (b"caf\xe9", "caf\N{REPLACEMENT CHARACTER}"),
        (b"a\tb", "a b"),
        ("right\N{RIGHT-TO-LEFT OVERRIDE}left".encode(), "right<U+202E>left"),
        (b"\x00\x01\x7f", "␀␁␡"),
    ],
)
def test_text_that_must_not_reach_a_terminal_is_made_safe_and_kept_as_bytes(raw: bytes, shown: str) -> None:
    made = record("web1", entry(raw))
    assert (made.message, made.raw) == (shown, raw)


def test_printable_text_of_any_script_is_kept_as_text_only() -> None:
    text = "größer — 日本語 — 🙂\nand a second line"
    made = record("web1", entry(text.encode()))
    assert (made.message, made.raw) == (text, None)


@pytest.mark.parametrize("letter", [b"x", "ä".encode(), "🙂".encode(), b"\x1b[1m"])
def test_a_megabyte_line_is_shown_in_part_and_kept_whole(letter: bytes) -> None:
    raw = letter * (1024 * 1024 // len(letter))
    made = record("web1", entry(raw))
    assert len(made.message) <= MAX_TEXT
    assert made.raw == raw


def test_names_are_made_safe_and_bounded_too() -> None:
    made = record("web1", entry(SYSLOG_IDENTIFIER=b"\x1b]0;own\x07ed" * 200, _SYSTEMD_UNIT=b"a\nb.service"))
    assert made.identifier is not None
    assert "\x1b" not in made.identifier
    assert len(made.identifier) <= 256
    assert made.unit == "a·b.service"


def test_a_container_that_is_only_claimed_is_marked() -> None:
    claimed = record("web1", entry(CONTAINER_NAME=b"api", _UID=b"1000", _COMM=b"dockerd"))
    assert (claimed.container, claimed.trusted) == ("api", False)


def test_repeated_and_further_fields_are_carried_along() -> None:
    made = record("web1", entry([b"first", b"second"], A=[b"1", b"\x1b[m2"], B=b"x"), ["A", "B", "C"])
    assert made.message == "first"
    assert made.fields == {"A": ("1", "2"), "B": "x"}


def test_a_cut_entry_says_so() -> None:
    assert record("web1", Entry(entry().fields, cut=True)).cut


@pytest.mark.parametrize("priority", [b"8", b"-1", b"", b"high", b"9" * 30, "٣".encode()])
def test_nonsense_in_a_number_is_no_number(priority: bytes) -> None:
    assert record("web1", entry(PRIORITY=priority)).priority is None


@pytest.mark.parametrize(
    "fields",
    [
        {b"MESSAGE": b"x"},
        {b"__CURSOR": b"c", b"MESSAGE": b"x"},
        {b"__CURSOR": b"c", b"__REALTIME_TIMESTAMP": b"soon"},
        {b"__CURSOR": b"c", b"__REALTIME_TIMESTAMP": b"18446744073709551615"},
    ],
)
def test_an_entry_without_its_place_or_time_is_refused(fields: Fields) -> None:
    with pytest.raises(EntryError):
        record("web1", Entry(fields))


def test_an_unknown_form_of_cursor_leaves_the_sequence_number_to_its_own_field() -> None:
    fields = {**META, b"__CURSOR": b"opaque", b"__SEQNUM": b"12", b"__SEQNUM_ID": b"98a1"}
    made = record("web1", Entry(fields))
    assert (made.cursor, made.seqnum, made.seqnum_id) == ("opaque", 12, "98a1")
