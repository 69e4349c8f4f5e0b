"""A look back: the lines of `read_journal` are journalctl's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.errors import Absent, AccessRefused, HostFailure, UsageError
from console.hosts.journal import read_journal
from console.hosts.transport import Transport
from console.model.log import LogQuery, LogRecord
from tests.hosts.journal_files import (
    BOOT,
    JOURNALCTL,
    Asking,
    JournalFiles,
    journal_files,
    needs_journal_tools,
)

pytestmark = needs_journal_tools
OLD_BOOT = "0b" * 16


@pytest.fixture(name="journal")
def fixture_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JournalFiles]:
    with journal_files(tmp_path) as files:
        monkeypatch.setenv("PATH", files.path)
        yield files


async def read(
    query: LogQuery, fields: tuple[str, ...] = (), transport: Transport | None = None
) -> list[LogRecord]:
    async with aclosing(read_journal(transport or Asking(), query, fields=fields)) as records:
        return [record async for record in records]


async def messages(query: LogQuery) -> list[str]:
    return [record.message for record in await read(query)]


def fill(journal: JournalFiles) -> None:
    """Two files, two boots, three units, containers, priorities."""
    journal.write(
        *(f"old {i}" for i in range(40)), boot=OLD_BOOT, _SYSTEMD_UNIT="web@1.service", PRIORITY="6"
    )
    journal.close_file()
    for i in range(60):
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
        (LogQuery(units=("web@1.service",)), ["-u", "web@1.service"]),
        (LogQuery(units=("web@*", "db.service"), lines=30), ["-u", "web@*", "-u", "db.service", "-n30"]),
        (LogQuery(units=("db.service",), lines=2), ["-u", "db.service", "-n2"]),
        (LogQuery(containers=("api-1",)), ["CONTAINER_NAME=api-1"]),
        (LogQuery(containers=("api-*",), units=("docker.service",)), ["-u", "docker.service"]),
        (LogQuery(priority=3, units=("db.service",)), ["-p", "3", "-u", "db.service"]),
        (LogQuery(identifiers=("app[1]",)), ["SYSLOG_IDENTIFIER=app[1]"]),
        (LogQuery(boot="-1"), ["-b", "-1"]),
        (LogQuery(boot=BOOT, lines=3), ["-b", BOOT, "-n3"]),
        (LogQuery(grep="new 5"), ["-g", "new 5"]),
    ],
)
async def test_the_lines_are_those_of_journalctl(
    journal: JournalFiles, query: LogQuery, options: list[str]
) -> None:
    fill(journal)
    assert await messages(query) == journal.read(*options)


async def test_a_count_with_a_range_is_the_newest_of_the_range(journal: JournalFiles) -> None:
    fill(journal)
    times = {record.message: record.time for record in await read(LogQuery())}
    since, until = times["old 10"], times["new 20"]
    assert (await messages(LogQuery(since=since, until=until)))[:2] == ["old 10", "old 11"]
    assert await messages(LogQuery(since=since, until=until, lines=2)) == ["new 19", "new 20"]
    assert await messages(LogQuery(since=times["new 59"], lines=10)) == ["new 59", "Started."]
    assert await messages(LogQuery(until=times["old 1"], lines=10)) == ["old 0", "old 1"]


async def test_a_relative_range_is_by_the_hosts_clock(journal: JournalFiles) -> None:
    journal.write("an hour ago")
    assert await messages(LogQuery(since=7200)) == ["an hour ago"]
    assert await messages(LogQuery(since=600)) == []
    assert await messages(LogQuery(until=600, lines=1)) == ["an hour ago"]


async def test_text_is_searched_in_the_whole_message_and_counted_from_the_newest(
    journal: JournalFiles,
) -> None:
    journal.write(*(f"timeout {i}" for i in range(50)), *["noise"] * 50)
    journal.write("x" * 100_000 + " TIMEOUT last")
    assert [m[:9] for m in await messages(LogQuery(grep="timeout", lines=2))] == ["timeout 4", "xxxxxxxxx"]
    assert await messages(LogQuery(grep="Timeout")) == []
    assert len(await messages(LogQuery(grep=r"timeout \d$"))) == 10


@pytest.mark.parametrize("query", [LogQuery(), LogQuery(lines=5), LogQuery(since=86400, lines=5)])
async def test_a_line_that_its_engine_cut_is_one_line_in_every_look_back(
    journal: JournalFiles, query: LogQuery
) -> None:
    line = {"CONTAINER_NAME": "api", "CONTAINER_ID_FULL": "ab", "CONTAINER_PARTIAL_ID": "L1"}
    journal.write("one ", **line, CONTAINER_PARTIAL_ORDINAL="1", CONTAINER_PARTIAL_MESSAGE="true")
    journal.write("between")
    journal.write("two", **line, CONTAINER_PARTIAL_ORDINAL="2")
    assert [(record.message, record.cut) for record in await read(query)] == [
        ("between", False),
        ("one two", False),
    ]


async def test_where_text_is_looked_for_backwards_a_part_of_a_line_is_marked_as_one(
    journal: JournalFiles,
) -> None:
    line = {"CONTAINER_NAME": "api", "CONTAINER_ID_FULL": "ab", "CONTAINER_PARTIAL_ID": "L1"}
    journal.write("one ", **line, CONTAINER_PARTIAL_ORDINAL="1", CONTAINER_PARTIAL_MESSAGE="true")
    journal.write("two", **line, CONTAINER_PARTIAL_ORDINAL="2")
    found = await read(LogQuery(grep="two", lines=5))
    assert [(record.message, record.cut) for record in found] == [("two", True)]


async def test_a_damaged_record_costs_its_own_text_and_no_other_line(journal: JournalFiles) -> None:
    journal.write(*(f"line {n} of the log" for n in range(100)))
    file = journal.close_file()
    data = bytearray(file.read_bytes())
    data[data.index(b"MESSAGE=line 50 of") - 64] = 0  # the kind of the object that holds it
    file.write_bytes(data)
    assert await messages(LogQuery()) == [f"line {n} of the log" if n != 50 else "" for n in range(100)]


@pytest.mark.parametrize(
    "query",
    [
        LogQuery(units=("nothing-*",)),
        LogQuery(units=("nothing.service",)),
        LogQuery(containers=("nothing-*",)),
        LogQuery(lines=0),
        LogQuery(grep="nowhere", lines=5),
    ],
)
async def test_nothing_found_is_an_empty_answer(journal: JournalFiles, query: LogQuery) -> None:
    fill(journal)
    assert await messages(query) == []


async def test_an_empty_journal_is_an_empty_answer(journal: JournalFiles) -> None:
    assert await messages(LogQuery()) == []


async def test_bytes_escapes_and_long_lines_come_whole(journal: JournalFiles) -> None:
    wanted = [
        b"\x1b[31mred\x1b[0m",
        b"two\n\nlines\n\n__CURSOR=no\n\n",
        bytes(range(256)),
        b"y" * (1024 * 1024),
        b"\xff" * 5000,
        "plain text, größer".encode(),
    ]
    journal.write(*wanted)
    records = await read(LogQuery())
    assert [r.message.encode() if r.raw is None else r.raw for r in records] == wanted
    assert [r.cut for r in records] == [False] * len(wanted)
    assert all(len(r.message) <= 4096 and r.message.replace("\n", "").isprintable() for r in records)


async def test_a_line_beyond_the_bound_is_cut_and_says_so_and_the_next_is_whole(
    journal: JournalFiles,
) -> None:
    journal.write(b"z" * (3 * 1024 * 1024), "next")
    long, following = await read(LogQuery())
    assert long.cut
    assert long.raw == b"z" * (1024 * 1024)
    assert (following.message, following.cut) == ("next", False)


async def test_further_fields_are_carried_along_repeated_ones_too(journal: JournalFiles) -> None:
    journal.write("m", IMAGE_NAME="registry/api:1", TAG=["a", "b"])
    (record,) = await read(LogQuery(), ("IMAGE_NAME", "TAG", "NONE"))
    assert record.fields == {"IMAGE_NAME": "registry/api:1", "TAG": ("a", "b")}


async def test_units_with_every_legal_odd_character_are_found(journal: JournalFiles) -> None:
    names = ["-.mount", r"a\x2db@c:d_e.f-g.service", "web@-1.service", "a@.b.socket"]
    for name in names:
        journal.write(name, _SYSTEMD_UNIT=name)
    for name in names:
        assert await messages(LogQuery(units=(name,))) == [name]


async def test_times_are_exact_to_the_microsecond(journal: JournalFiles) -> None:
    journal.write("m")
    (record,) = await read(LogQuery())
    assert record.time == datetime.fromtimestamp(0, UTC) + (record.time - datetime(1970, 1, 1, tzinfo=UTC))
    assert journal.read("-o", "short-unix")[0].split()[0] == f"{record.time.timestamp():.6f}"


async def test_a_boot_the_journal_does_not_have_is_absent(journal: JournalFiles) -> None:
    fill(journal)
    for boot in ("-7", "cd" * 16):
        with pytest.raises(Absent):
            await read(LogQuery(boot=boot))


@pytest.mark.parametrize("query", [LogQuery(grep="("), LogQuery(boot="last")])
async def test_a_question_that_is_none_is_the_users_error(journal: JournalFiles, query: LogQuery) -> None:
    with pytest.raises(UsageError):
        await read(query)


async def test_a_journalctl_that_fails_is_a_failure_in_its_own_words(journal: JournalFiles) -> None:
    journal.say(
        '[ "$1" = --no-pager ] && exit 0; echo "Failed to iterate through journal: Bad message" >&2; exit 1'
    )
    with pytest.raises(HostFailure, match="Bad message"):
        await read(LogQuery())


@pytest.mark.parametrize(
    "output",
    ["head -c 300 /dev/zero", "echo '-- No entries --'; echo", "printf '__CURSOR=s=1;i=2\\nMESSAGE=cut'"],
)
async def test_output_that_is_no_export_stream_is_a_failure(journal: JournalFiles, output: str) -> None:
    journal.say(f'[ "$1" = --no-pager ] && exit 0; {output}')
    with pytest.raises(HostFailure, match=r"cannot be read|broke off"):
        await read(LogQuery())


async def test_no_journalctl_is_absent(
    journal: JournalFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "sh").symlink_to("/bin/sh")
    with pytest.raises(Absent, match="journalctl is not installed"):
        await read(LogQuery())


CLOSED = """\
[ -n "$AS_ROOT" ] && exec {journalctl} -D {folder} "$@"
for word; do [ "$word" = -q ] && exit 0; done
echo "Hint: You are currently not seeing messages from other users and the system." >&2
echo "      Pass -q to turn off this notice." >&2
"""


async def test_a_journal_that_is_closed_to_the_user_is_refused_not_shown_in_part(
    journal: JournalFiles,
) -> None:
    journal.write("secret")
    journal.say(CLOSED.format(journalctl=JOURNALCTL, folder=journal.folder))
    with pytest.raises(AccessRefused, match="systemd-journal") as refusal:
        await read(LogQuery(), transport=Asking(root=False))
    assert "closed to this user" in refusal.value.message


async def test_a_journal_that_is_closed_to_the_user_is_read_as_root_where_that_is_allowed(
    journal: JournalFiles,
) -> None:
    journal.write("secret")
    journal.say(CLOSED.format(journalctl=JOURNALCTL, folder=journal.folder))
    assert [r.message for r in await read(LogQuery(), transport=Asking(root=True))] == ["secret"]
