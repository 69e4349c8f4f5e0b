"""This machine's own journal through libsystemd, on real journal files.

Following is tested for both ways of reading in test_journal_follow.py; here is what is different.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from console.errors import Absent, AccessRefused, HostFailure, UsageError
from console.hosts import journal_local
from console.hosts.journal_local import LocalJournal, LocalJournalSource, LocalStream, local_reader_available
from console.model.log import LogQuery, LogRecord
from tests.hosts.journal_files import Asking, JournalFiles, following, journal_files, needs_journal_tools

pytestmark = [
    needs_journal_tools,
    pytest.mark.skipif(not local_reader_available(), reason="needs systemd-python"),
]

OLD_BOOT = "0b" * 16


@pytest.fixture(name="journal")
def fixture_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JournalFiles]:
    with journal_files(tmp_path) as files:
        monkeypatch.setenv("PATH", files.path)
        monkeypatch.setattr("console.hosts.journal_follow._PAUSE_S", 0.1)
        yield files


async def read(journal: JournalFiles, query: LogQuery, fields: tuple[str, ...] = ()) -> list[LogRecord]:
    async with (
        LocalJournal.opened("here", journal.folder) as opened,
        aclosing(opened.look_back(query, fields)) as records,
    ):
        return [record async for record in records]


def fill(journal: JournalFiles) -> None:
    journal.write(
        *(f"old {i}" for i in range(600)), boot=OLD_BOOT, _SYSTEMD_UNIT="web@1.service", PRIORITY="6"
    )
    journal.close_file()
    for i in range(30):
        journal.write(
            f"new {i}",
            _SYSTEMD_UNIT=("web@1.service", "db.service", "docker.service")[i % 3],
            PRIORITY=str(i % 8),
            SYSLOG_IDENTIFIER=f"app[{i % 2}]",
            **({"CONTAINER_NAME": f"api-{i % 2}", "_UID": "0"} if i % 3 == 2 else {}),
        )
    journal.write("Started.", _PID="1", UNIT="db.service", _SYSTEMD_UNIT="init.scope", PRIORITY="6")


@pytest.mark.parametrize(
    ("query", "options"),
    [
        (LogQuery(), []),
        (LogQuery(lines=7), ["-n7"]),
        (LogQuery(lines=1000), ["-n1000"]),
        (LogQuery(units=("web@1",)), ["-u", "web@1"]),
        (LogQuery(units=("web@*", "db.service"), lines=30), ["-u", "web@*", "-u", "db.service", "-n30"]),
        (LogQuery(units=("db.service",), priority=3), ["-u", "db.service", "-p3"]),
        (LogQuery(containers=("api-*",)), ["CONTAINER_NAME=api-0", "CONTAINER_NAME=api-1"]),
        (LogQuery(identifiers=("app[1]",), priority=4), ["SYSLOG_IDENTIFIER=app[1]", "-p4"]),
        (LogQuery(boot="-1"), ["-b", "-1"]),
        (LogQuery(grep="old 59"), ["-g", "old 59"]),
    ],
)
async def test_a_look_back_finds_what_journalctl_finds(
    journal: JournalFiles, query: LogQuery, options: list[str]
) -> None:
    fill(journal)
    assert [record.message for record in await read(journal, query)] == journal.read(*options)


async def test_a_range_has_both_its_ends_and_a_count_takes_its_newest(journal: JournalFiles) -> None:
    fill(journal)
    times = {record.message: record.time for record in await read(journal, LogQuery())}
    since, until = times["old 10"], times["new 2"]
    whole = [record.message for record in await read(journal, LogQuery(since=since, until=until))]
    assert (whole[0], whole[-1], len(whole)) == ("old 10", "new 2", 593)
    for lines in (1, 5, 2000):
        query = LogQuery(since=since, until=until, lines=lines)
        assert [record.message for record in await read(journal, query)] == whole[-lines:]


@pytest.mark.parametrize(
    "query", [LogQuery(units=("no*",)), LogQuery(containers=("no*",)), LogQuery(lines=0), LogQuery(since=60)]
)
async def test_nothing_found_is_an_empty_answer(journal: JournalFiles, query: LogQuery) -> None:
    fill(journal)
    assert await read(journal, query) == []


async def test_bytes_repeats_and_long_lines_come_as_through_journalctl(journal: JournalFiles) -> None:
    wanted = [
        b"\x1b[31mred\x1b[0m\xff",
        bytes(range(256)),
        b"y" * (1024 * 1024),
        b"z" * (2 * 1024 * 1024),
        b"end",
    ]
    journal.write(*wanted, TAG=["a", "b"])
    records = await read(journal, LogQuery(), ("TAG",))
    assert [r.message.encode() if r.raw is None else r.raw for r in records] == [
        line[: 1024 * 1024] for line in wanted
    ]
    assert [r.cut for r in records] == [False, False, False, True, False]
    assert {r.fields["TAG"] for r in records} == {("a", "b")}


async def test_a_quiet_journal_is_not_asked_again_and_again(
    journal: JournalFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[None] = []
    look = LocalStream._look

    def counted(stream: LocalStream) -> object:
        looks.append(None)
        return look(stream)

    monkeypatch.setattr(LocalStream, "_look", counted)
    journal.write("before")
    async with following(LocalJournalSource("here", folder=journal.folder), Asking()) as heard:
        # What is announced by its pause went quiet; from here on only a change may wake it.
        before = len(looks)
        await asyncio.sleep(0.5)
        assert len(looks) == before
        journal.write("now")
        await heard.until(lambda h: h.messages == ["now"])


async def test_no_thread_and_no_descriptor_is_left_behind(journal: JournalFiles) -> None:
    journal.write("before")
    for _ in range(3):
        async with following(LocalJournalSource("here", folder=journal.folder), Asking()):
            pass
    for thread in threading.enumerate():
        if "journal" in thread.name:
            await asyncio.to_thread(thread.join, 10)
            assert not thread.is_alive()


async def test_a_journal_that_is_closed_to_us_is_asked_for_as_any_hosts_is(
    journal: JournalFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_local, "closed_to_us", lambda: True)
    journal.say('echo "No journal files were opened due to insufficient permissions." >&2; exit 1')
    with pytest.raises(AccessRefused, match="systemd-journal"):
        await LocalJournalSource("here").run(Asking(), lambda _: None, lambda: None)


@pytest.mark.parametrize("readable", [True, False])
def test_one_file_that_we_may_not_read_closes_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, readable: bool
) -> None:
    machine = Path("/etc/machine-id").read_text().strip()
    (tmp_path / machine).mkdir()
    for name in ("system.journal", "user-1000.journal", "fss"):
        (tmp_path / machine / name).touch()
    closed = "fss" if readable else "system.journal"
    monkeypatch.setattr(journal_local, "_FOLDERS", (tmp_path, tmp_path / "none"))
    monkeypatch.setattr("console.hosts.journal_local.os.access", lambda path, _: path.name != closed)
    assert journal_local.closed_to_us() is not readable


async def test_a_missing_folder_is_a_failure_and_a_missing_boot_is_absent(
    journal: JournalFiles, tmp_path: Path
) -> None:
    journal.write("before")
    nowhere = LocalJournalSource("here", folder=tmp_path / "nowhere")
    with pytest.raises(HostFailure, match="No such file"):
        await nowhere.run(Asking(), lambda _: None, lambda: None)
    with pytest.raises(Absent):
        await read(journal, LogQuery(boot="-9"))
    with pytest.raises(UsageError):
        await read(journal, LogQuery(boot="yesterday"))
