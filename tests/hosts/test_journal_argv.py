"""journalctl's arguments."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from console.errors import UsageError
from console.hosts import journal_argv
from console.hosts.journal_record import FIELDS
from console.model.log import LogQuery

START = ("journalctl", "-q", "--no-pager", "-o", "export", "--output-fields=" + ",".join(FIELDS))


def look_back(query: LogQuery, *, backwards: bool = False) -> tuple[str, ...]:
    argv = journal_argv.look_back(query, backwards=backwards)
    assert argv[: len(START)] == START
    return argv[len(START) :]


@pytest.mark.parametrize(
    ("query", "argv"),
    [
        (LogQuery(), ()),
        (LogQuery(units=("web.service", "web@*")), ("--unit=web.service", "--unit=web@*")),
        (LogQuery(units=("-.mount",)), ("--unit=-.mount",)),
        (LogQuery(units=(r"dev-disk-by\x2dlabel.swap",)), (r"--unit=dev-disk-by\x2dlabel.swap",)),
        (LogQuery(containers=("api", "--db")), ("CONTAINER_NAME=api", "CONTAINER_NAME=--db")),
        (LogQuery(identifiers=("-x", "k[0]")), ("SYSLOG_IDENTIFIER=-x", "SYSLOG_IDENTIFIER=k[0]")),
        (LogQuery(priority=3), ("--priority=3",)),
        (LogQuery(boot="-1"), ("--boot=-1",)),
        (LogQuery(boot="0"), ("--boot=0",)),
        (LogQuery(boot="ab" * 16), ("--boot=" + "ab" * 16,)),
        (LogQuery(lines=5), ("--lines=5",)),
        (LogQuery(since=600.0, until=0.5), ("--since=-600.000000s", "--until=-0.500000s")),
        (LogQuery(since=0), ("--since=+0.000000s",)),
        (
            LogQuery(since=datetime(2026, 11, 23, 20, 0, 0, 123456, UTC)),
            ("--since=@1795464000.123456",),
        ),
        (
            LogQuery(units=("a.service",), containers=("api",), priority=4, lines=9),
            ("--lines=9", "--unit=a.service", "--priority=4", "CONTAINER_NAME=api"),
        ),
    ],
)
def test_a_look_back_asks_the_host_for_exactly_the_query(query: LogQuery, argv: tuple[str, ...]) -> None:
    assert look_back(query) == argv


def test_backwards_is_newest_first() -> None:
    assert look_back(LogQuery(lines=5, since=9), backwards=True) == ("-r", "--lines=5", "--since=-9.000000s")


@pytest.mark.parametrize("boot", ["", "all", "yesterday", "--1", "ab" * 17, "1; reboot"])
def test_what_is_no_boot_is_refused_before_it_reaches_a_host(boot: str) -> None:
    with pytest.raises(UsageError, match="no boot"):
        look_back(LogQuery(boot=boot))


def follow(query: LogQuery, cursor: str | None = "s=1", boot_id: str | None = None) -> tuple[str, ...]:
    argv = journal_argv.follow(query, machine_id="cd" * 16, cursor=cursor, boot_id=boot_id)
    assert argv[: len(START) + 3] == (*START, "-m", "-f", "--no-tail")
    return argv[len(START) + 3 :]


def test_a_follower_starts_at_the_cursor_and_keeps_other_machines_out() -> None:
    assert follow(LogQuery()) == ("--cursor=s=1", "_MACHINE_ID=" + "cd" * 16)
    assert follow(LogQuery(), cursor=None) == ("_MACHINE_ID=" + "cd" * 16,)


def test_a_follower_filters_on_the_host_and_names_its_boot_by_a_match() -> None:
    query = LogQuery(units=("a.service",), containers=("api",), identifiers=("x",), priority=3, boot="-1")
    assert follow(query, boot_id="ef" * 16) == (
        "--cursor=s=1",
        "--unit=a.service",
        "_MACHINE_ID=" + "cd" * 16,
        "_BOOT_ID=" + "ef" * 16,
        *(f"PRIORITY={level}" for level in range(4)),
        "CONTAINER_NAME=api",
        "SYSLOG_IDENTIFIER=x",
        "+",
        "_MACHINE_ID=" + "cd" * 16,
        "_BOOT_ID=" + "ef" * 16,
        journal_argv.REPORTS,
    )


def test_a_follower_leaves_globs_and_the_names_beside_them_to_the_client() -> None:
    query = LogQuery(units=("a.service", "web@*"), containers=("api", "db?"), identifiers=("x[1]",))
    here = "_MACHINE_ID=" + "cd" * 16
    assert follow(query) == (
        "--cursor=s=1", here, "SYSLOG_IDENTIFIER=x[1]", "+", here, journal_argv.REPORTS
    )  # fmt: skip


def test_a_follower_looks_at_neither_range_nor_count_nor_text() -> None:
    assert follow(LogQuery(since=60, lines=5, grep="x")) == follow(LogQuery())
