"""This machine's own journal through libsystemd, on real journal files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from console.hosts.become import Becoming
from console.hosts.journal_local import LocalJournalSource, local_reader_available
from console.hosts.local import LocalTransport
from console.hosts.secrets import Keyring
from console.model.log import Gap, LogQuery, LogRecord
from tests.hosts.journal_files import Heard, JournalFiles, following, journal_files, needs_journal_tools

pytestmark = [
    needs_journal_tools,
    pytest.mark.skipif(not local_reader_available(), reason="needs systemd-python"),
]


@pytest.fixture
def files(tmp_path: Path) -> Iterator[JournalFiles]:
    with journal_files(tmp_path) as made:
        yield made


def heard_from(source: LocalJournalSource) -> AbstractAsyncContextManager[Heard]:
    return following(source, LocalTransport("here", Becoming("none", "me", Keyring())))


async def test_it_begins_now_and_tells_what_comes(files: JournalFiles) -> None:
    files.write("before")
    async with heard_from(LocalJournalSource("here", folder=files.folder)) as heard:
        files.write("one", "two", PRIORITY="3", _SYSTEMD_UNIT="web.service")
        await heard.until(lambda h: "two" in h.messages)
        assert heard.messages == ["one", "two"]
        record = heard.items[0]
        assert isinstance(record, LogRecord)
        assert (record.unit, record.priority, record.host) == ("web.service", 3, "here")


async def test_the_newest_lines_come_first_where_they_are_wanted(files: JournalFiles) -> None:
    files.write(*(str(n) for n in range(50)))
    async with heard_from(LocalJournalSource("here", LogQuery(lines=3), folder=files.folder)) as heard:
        assert heard.messages == ["47", "48", "49"]


async def test_run_again_it_goes_on_after_the_last_entry(files: JournalFiles) -> None:
    files.write("old")
    source = LocalJournalSource("here", folder=files.folder)
    async with heard_from(source) as heard:
        files.write("a")
        await heard.until(lambda h: h.messages == ["a"])
    files.write(*(f"missed {n}" for n in range(600)))
    async with heard_from(source) as heard:
        await heard.until(lambda h: len(h.messages) >= 600)
        assert heard.messages == [f"missed {n}" for n in range(600)]
        assert not [r for r in heard.items if isinstance(r, Gap)]


async def test_bytes_that_are_no_text_are_kept_and_what_is_shown_is_safe(files: JournalFiles) -> None:
    files.write("start")
    async with heard_from(LocalJournalSource("here", folder=files.folder)) as heard:
        files.write(b"\x1b[31mred\x1b[0m\xff")
        await heard.until(lambda h: len(h.items) == 1)
        record = heard.items[0]
        assert isinstance(record, LogRecord)
        assert record.raw == b"\x1b[31mred\x1b[0m\xff"
        assert record.message.isprintable()
        assert "red" in record.message


async def test_filters_hold(files: JournalFiles) -> None:
    query = LogQuery(units=("web",), priority=4, grep="time ?out")
    async with heard_from(LocalJournalSource("here", query, folder=files.folder)) as heard:
        files.write("timeout", PRIORITY="6", _SYSTEMD_UNIT="web.service")
        files.write("timeout", PRIORITY="3", _SYSTEMD_UNIT="db.service")
        files.write("fine", PRIORITY="3", _SYSTEMD_UNIT="web.service")
        files.write("Time out", PRIORITY="4", _SYSTEMD_UNIT="web.service")
        await heard.until(lambda h: h.messages == ["Time out"])
