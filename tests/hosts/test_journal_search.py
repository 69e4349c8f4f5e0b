"""A search finds what there is, newest first, however the host goes about it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from console.errors import HostFailure
from console.hosts import journal_windows
from console.hosts.journal_search import JournalSearch
from console.hosts.journalctl import Journalctl
from console.model.log import LogQuery, LogRecord
from tests.hosts.journal_files import (
    JOURNALCTL,
    Asking,
    JournalFiles,
    journal_files,
    needs_journal_tools,
)

pytestmark = needs_journal_tools

#: Messages of every kind, some of which hold a word that is looked for.
_MESSAGES: tuple[bytes, ...] = (
    b"GET /orders/7 500 in 12ms",
    b"timeout while connecting",
    b"TIMEOUT, in capitals",
    b"two lines\nthe second has a timeout",
    b"\xff\xfe timeout between bytes \xff",
    b"\x1b[31mtimeout in red\x1b[0m",
    "größer als ein Timeout".encode(),
    b"x" * 40_000 + b" timeout far on",
    b"y" * 200_000 + b" timeout very far on",
    b"zero \0 timeout after it",
    b"nothing",
)
_TEXTS = ("timeout", "Timeout", r"time.?out (while|far|very)", r"^GET /orders/\d+ 5", "größer", r"\d\dms?$")


@pytest.fixture(name="journal")
def fixture_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JournalFiles]:
    monkeypatch.setattr(journal_windows, "FIRST", 8)
    monkeypatch.setattr(journal_windows, "MOST", 20)
    monkeypatch.setattr(journal_windows, "_PART", 2)
    with journal_files(tmp_path) as files:
        monkeypatch.setenv("PATH", files.path)
        yield files


def fill(journal: JournalFiles) -> None:
    """Three files, 132 entries."""
    for turn in range(3):
        journal.write(*_MESSAGES * 4, PRIORITY=str(turn * 2), _SYSTEMD_UNIT="web.service")
        journal.close_file()


async def found(query: LogQuery) -> list[LogRecord]:
    search = JournalSearch(await Journalctl.open(Asking()), query)
    async with aclosing(search.found()) as records:
        return [record async for record in records]


async def read_back(query: LogQuery) -> list[LogRecord]:
    """The same with all of it brought over, and looked through here."""
    journal = await Journalctl.open(Asking())
    async with aclosing(journal.found(query, backwards=True)) as records:
        return [record async for record in records]


def asked(journal: JournalFiles) -> Path:
    """Where is written down what journalctl was asked."""
    return journal.folder.parent / "asked"


def spans(journal: JournalFiles) -> list[str]:
    """The journalctls that were asked for lines, each with its words."""
    return [line for line in asked(journal).read_text().splitlines() if " -r " in line]


def told(journal: JournalFiles, more: str = "") -> str:
    """A script that writes down what journalctl is asked, and does it."""
    return f'echo "$@" >> {asked(journal)}; {more}\nexec {JOURNALCTL} -D {journal.folder} "$@"'


@pytest.mark.parametrize("text", _TEXTS)
async def test_the_lines_are_those_of_a_search_through_everything(journal: JournalFiles, text: str) -> None:
    fill(journal)
    journal.say(told(journal))
    query = LogQuery(grep=text)
    records = await found(query)
    assert records
    assert len(spans(journal)) > 5
    assert all(" --grep=" in line for line in spans(journal)), "the host found nothing, and that was enough"
    assert records == await read_back(query)


@pytest.mark.parametrize(
    "query",
    [
        LogQuery(grep="timeout", units=("web@1.service",)),
        LogQuery(grep="timeout", units=("web@*",), priority=3),
        LogQuery(grep="timeout", boot="0"),
        LogQuery(grep="nowhere"),
        LogQuery(grep="timeout", containers=("no*",)),
    ],
)
async def test_filters_hold_in_every_span(journal: JournalFiles, query: LogQuery) -> None:
    fill(journal)
    assert await found(query) == await read_back(query)


async def test_a_range_has_both_its_ends(journal: JournalFiles) -> None:
    fill(journal)
    everything = await read_back(LogQuery())
    until, since = everything[40].time, everything[100].time
    query = LogQuery(grep="timeout", since=since, until=until)
    records = await found(query)
    assert records == await read_back(query)
    assert records[0].time <= until
    assert records[-1].time >= since
    assert await found(LogQuery(grep="timeout", since=60.0)) == []
    assert len(await found(LogQuery(grep="timeout", since=7200.0))) == len(
        await found(LogQuery(grep="timeout"))
    )


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            "echo 'Compiled without pattern matching support' >&2; exit 1", id="cannot look for text"
        ),
        pytest.param(
            "n=$(cat count 2>/dev/null || echo 0); echo $((n + 1)) > count; "
            f'[ $((n % 2)) = 0 ] || {{ {JOURNALCTL} -D FOLDER "$@" | head -c 700; '
            "echo 'Failed to get MESSAGE field: Bad message' >&2; exit 1; }",
            id="meets a damaged message at every other span",
        ),
    ],
)
async def test_where_the_host_cannot_look_for_text_it_is_looked_for_here(
    journal: JournalFiles, fault: str, tmp_path: Path
) -> None:
    fill(journal)
    fault = fault.replace("count", str(tmp_path / "count")).replace("FOLDER", str(journal.folder))
    journal.say(told(journal, f'case "$*" in *--grep*) {fault} ;; esac'))
    query = LogQuery(grep="timeout")
    assert await found(query) == await read_back(query)


async def test_where_the_clock_was_set_back_the_whole_journal_is_one_span(
    journal: JournalFiles, tmp_path: Path
) -> None:
    fill(journal)
    header = tmp_path / "header"
    header.write_text(
        "".join(
            f"File path: {n}\nSequential number ID: {'ab' * 16}\nHead sequential number: {n} ({n:x})\n"
            f"Tail sequential number: {n + 5} ({n + 5:x})\nHead realtime timestamp: x ({100 - n:x})\n"
            f"Tail realtime timestamp: x ({100 - n:x})\nEntry objects: 500\n\n"
            for n in (0, 10)
        )
    )
    journal.say(told(journal, f'case "$*" in *--header*) exec cat {header} ;; esac'))
    query = LogQuery(grep="timeout")
    assert await found(query) == await read_back(query)
    assert len(spans(journal)) == 1


async def test_it_tells_how_far_back_it_is(journal: JournalFiles) -> None:
    fill(journal)
    search = JournalSearch(await Journalctl.open(Asking()), LogQuery(grep="nothing"))
    places = []
    async with aclosing(search.found()) as records:
        async for record in records:
            places.append((search.passed, search.back_to))
            assert search.back_to is None or record.time < search.back_to
    assert search.entries == search.passed == 3 * 4 * len(_MESSAGES)
    assert places == sorted(places, key=lambda place: place[0])
    assert len(set(places)) > 5


async def test_a_journal_that_cannot_be_read_is_a_failure(journal: JournalFiles) -> None:
    fill(journal)
    journal.say(
        f'case "$*" in *" -r "*) echo "Failed to iterate through journal: Bad message" >&2; exit 1 ;; esac\n'
        f'exec {JOURNALCTL} -D {journal.folder} "$@"'
    )
    with pytest.raises(HostFailure, match="Bad message"):
        await found(LogQuery(grep="timeout"))


def running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_a_search_that_is_left_leaves_nothing_running(journal: JournalFiles, tmp_path: Path) -> None:
    fill(journal)
    journal.say(told(journal, f"echo $$ >> {tmp_path}/pids"))
    search = JournalSearch(await Journalctl.open(Asking()), LogQuery(grep="timeout"))
    before = asyncio.all_tasks()
    async with aclosing(search.found()) as records:
        async for _ in records:
            break
    assert asyncio.all_tasks() == before
    pids = [int(line) for line in (tmp_path / "pids").read_text().split()]
    assert pids
    assert not [pid for pid in pids if running(pid)]
