"""Journal files by their headers, and the spans of time in which a search goes through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.hosts.journal_header import FileHeader, headers, in_order_of_time
from console.hosts.journal_windows import FIRST, MOST, Window, windows
from console.hosts.journalctl import Journalctl
from console.model.log import LogQuery
from tests.hosts.journal_files import Asking, journal_files, needs_journal_tools

#: Two files as systemd 252 describes them, the second one new.
_SAID = b"""\
File path: /var/log/journal/a1/system@0006.journal
File ID: 9d9a43c3a2f54f83a1b0b9d8a1c7a5b1
Machine ID: a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1
Boot ID: b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2
Sequential number ID: c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3
State: ARCHIVED
Compatible flags:
Incompatible flags: COMPRESSED-ZSTD KEYED-HASH
Header size: 256
Arena size: 8388352
Data hash table size: 233016
Field hash table size: 333
Rotate suggested: no
Head sequential number: 1 (1)
Tail sequential number: 1500 (5dc)
Head realtime timestamp: Fri 2026-11-27 17:00:00 UTC (64496d57d5800)
Tail realtime timestamp: Fri 2026-11-27 17:30:00 UTC (64496e0c80d00)
Tail monotonic timestamp: 1h 2min 3.5s (ddddddd)
Objects: 5000
Entry objects: 1500
Data objects: 3000
Data hash table fill: 1.3%
Field objects: 40
Field hash table fill: 12.0%
Tag objects: 0
Entry array objects: 600
Deepest field hash chain: 2
Deepest data hash chain: 1
Disk usage: 8.0M

File path: /var/log/journal/a1/system.journal
Sequential number ID: c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3
Head sequential number: 0 (0)
Tail sequential number: 0 (0)
Head realtime timestamp: n/a (0)
Tail realtime timestamp: n/a (0)
Tail monotonic timestamp: 0 (0)
Objects: 0
Entry objects: 0

"""
NUMBERS = "c3" * 16
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def test_a_file_has_its_entries_their_numbers_and_their_times_and_an_empty_one_is_none() -> None:
    assert headers(_SAID) == [
        FileHeader(1500, 0x64496D57D5800, 0x64496E0C80D00, 1, 1500, NUMBERS),
    ]
    assert headers(b"") == []


@pytest.mark.parametrize(
    "change",
    [
        (b"Entry objects: 1500", b"Entry objects: many"),
        (b"(64496e0c80d00)", b""),
        (b"(64496e0c80d00)", b"(ffffffffffffffff)"),
        (b"Sequential number ID", b"Numbers"),
        (b"Tail sequential number: 1500", b"Tail sequential number: -1"),
    ],
)
def test_a_file_that_is_not_described_as_it_should_be_makes_all_unknown(change: tuple[bytes, bytes]) -> None:
    assert headers(_SAID.replace(*change)) is None


@needs_journal_tools
async def test_journalctl_describes_real_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with journal_files(tmp_path) as files:
        monkeypatch.setenv("PATH", files.path)
        files.write(*map(str, range(30)))
        files.close_file()
        files.write(*map(str, range(30, 50)))
        journal = await Journalctl.open(Asking())
        found = await journal.headers()
        assert found is not None
        records = [record async for record in journal.found(LogQuery())]
    assert sorted(file.entries for file in found) == [20, 30]
    assert min(file.first_us for file in found) == us(records[0].time)
    assert max(file.last_us for file in found) == us(records[-1].time)
    assert in_order_of_time(found)


def us(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def made(*spans: tuple[int, int, int, int], numbers_id: str = NUMBERS) -> list[FileHeader]:
    """Files by their times in seconds and their numbers."""
    return [
        FileHeader(last - first + 1, begin * 1_000_000, end * 1_000_000, first, last, numbers_id)
        for begin, end, first, last in spans
    ]


@pytest.mark.parametrize(
    ("files", "ordered"),
    [
        (made(), True),
        (made((0, 10, 1, 100), (10, 20, 101, 200)), True),
        (made((10, 20, 101, 200), (0, 10, 1, 100)), True),
        pytest.param(made((0, 20, 1, 200), (5, 15, 20, 150)), True, id="a user's beside the system's"),
        pytest.param(made((0, 20, 1, 100), (15, 30, 101, 200)), False, id="set back between two files"),
        pytest.param(made((0, 20, 1, 100), (30, 40, 101, 110), (15, 35, 111, 200)), False, id="and later"),
        pytest.param(
            made((0, 20, 1, 100)) + made((15, 30, 101, 200), numbers_id="d4" * 16), True, id="other numbers"
        ),
        pytest.param(made((20, 0, 1, 100)), False, id="nonsense"),
        pytest.param(made((0, 20, 100, 1)), False, id="numbers that are nonsense"),
    ],
)
def test_where_the_clock_was_set_back_the_order_is_not_that_of_the_times(
    files: list[FileHeader], ordered: bool
) -> None:
    assert in_order_of_time(files) is ordered


def test_the_first_span_is_short_and_each_is_longer_than_the_one_before_it_up_to_a_bound() -> None:
    spans = windows([FileHeader(2_000_000, 0, 2_000_000_000_000)])
    sizes = [span.entries for span in spans]
    assert sizes[0] == FIRST
    assert all(before <= after for before, after in pairwise(sizes[:-1]))
    assert max(sizes) == MOST
    assert sum(sizes) == 2_000_000


def test_a_small_journal_and_one_whose_clock_was_set_back_are_one_span() -> None:
    assert windows(made((0, 10, 1, 100))) == [Window(None, None, 100)]
    assert windows([]) == [Window(None, None, 0)]
    back = [replace(file, entries=1_000_000) for file in made((0, 20, 1, 100), (15, 30, 101, 200))]
    assert windows(back) == [Window(None, None, 2_000_000)]


def test_a_host_that_claims_more_lines_than_there_can_be_costs_no_time() -> None:
    spans = windows([FileHeader(10**19, 0, 10**15)] * 50)
    assert sum(span.entries for span in spans) == 50 * 10**19
    assert len(spans) < 10_000


files = st.lists(
    st.builds(
        lambda entries, begin, length: FileHeader(entries, begin, begin + length),
        st.integers(1, 10 * MOST),
        st.integers(0, 10**12),
        st.integers(0, 10**11),
    ),
    max_size=6,
)
moments = st.integers(0, 10**12).map(lambda us: EPOCH + timedelta(microseconds=us))


@given(files, st.none() | moments, st.none() | moments)
def test_every_moment_of_the_range_is_in_one_span_and_the_spans_go_back(
    known: Sequence[FileHeader], since: datetime | None, until: datetime | None
) -> None:
    spans = windows(known, since, until)
    assert spans[0].until == until
    assert spans[-1].since == since
    for newer, older in pairwise(spans):
        assert newer.since is not None
        assert older.until == newer.since - timedelta(microseconds=1)
        assert newer.until is None or newer.since <= newer.until
