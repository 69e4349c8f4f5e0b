"""Following: every entry once and in order, through cuts, filters and holes."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from console.errors import Absent, AccessRefused, HostFailure, UsageError
from console.hosts.journal_follow import JournalSource
from console.hosts.journal_local import LocalJournalSource, local_reader_available
from console.model.log import Bookmark, Gap, LogQuery, LogRecord
from tests.hosts.journal_files import (
    JOURNALCTL,
    Asking,
    Heard,
    JournalFiles,
    following,
    journal_files,
    needs_journal_tools,
)

pytestmark = needs_journal_tools


@pytest.fixture(name="journal")
def fixture_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JournalFiles]:
    with journal_files(tmp_path) as files:
        monkeypatch.setenv("PATH", files.path)
        monkeypatch.setattr("console.hosts.journal_follow._PAUSE_S", 0.1)
        yield files


Make = Callable[..., JournalSource]


@pytest.fixture(name="make", params=["journalctl", "libsystemd"])
def fixture_make(request: pytest.FixtureRequest, journal: JournalFiles) -> Make:
    """Sources that read the files through either."""
    if request.param == "journalctl":
        return JournalSource
    if not local_reader_available():
        pytest.skip("needs systemd-python")
    return partial(LocalJournalSource, folder=journal.folder)


def numbered(start: int, end: int) -> list[str]:
    return [f"line {i}" for i in range(start, end)]


async def test_it_begins_now_and_tells_each_new_line_once(journal: JournalFiles, make: Make) -> None:
    journal.write(*numbered(0, 20))
    async with following(make("web1"), Asking()) as heard:
        assert heard.items == []
        journal.write(*numbered(20, 1220))
        journal.write("last")
        await heard.until(lambda h: "last" in h.messages)
    assert heard.messages == [*numbered(20, 1220), "last"]
    assert max(heard.batches) <= 500


async def test_an_empty_journal_is_followed_from_its_first_entry(journal: JournalFiles, make: Make) -> None:
    async with following(make("web1"), Asking()) as heard:
        journal.write(*numbered(0, 3))
        await heard.until(lambda h: len(h.items) == 3)
    assert heard.messages == numbered(0, 3)


async def test_an_entry_written_between_two_runs_on_an_empty_journal_is_told(
    journal: JournalFiles, make: Make
) -> None:
    source = make("web1")
    async with following(source, Asking()) as heard:
        pass
    journal.write("first")
    async with following(source, Asking(), heard):
        await heard.until(lambda h: len(h.items) == 1)
    assert heard.messages == ["first"]


async def test_after_a_cut_it_goes_on_where_it_was(journal: JournalFiles, make: Make) -> None:
    journal.write("before")
    source, heard = make("web1"), Heard()
    for i in range(0, 50, 10):
        journal.write(*numbered(i, i + 5))
        if i == 0:
            heard.items.clear()
        async with following(source, Asking(), heard):
            journal.write(*numbered(i + 5, i + 10))
            await heard.until(lambda h, i=i: f"line {i + 9}" in h.messages)  # type: ignore[misc]
    assert heard.messages == numbered(5, 50)


async def test_a_rotation_in_the_stream_and_one_while_cut_off_lose_nothing(
    journal: JournalFiles, make: Make
) -> None:
    journal.write("before")
    source = make("web1")
    async with following(source, Asking()) as heard:
        journal.write("a")
        journal.close_file()
        journal.write("b")
        await heard.until(lambda h: "b" in h.messages)
    journal.write("c")
    journal.close_file()
    journal.write("d", boot="c2" * 16)
    async with following(source, Asking(), heard):
        await heard.until(lambda h: "d" in h.messages)
    assert heard.messages == ["a", "b", "c", "d"]


async def test_what_was_vacuumed_while_cut_off_is_a_gap_and_the_rest_is_told(
    journal: JournalFiles, make: Make
) -> None:
    journal.write("before")
    source = make("web1")
    async with following(source, Asking()) as heard:
        journal.write("a")
        await heard.until(lambda h: "a" in h.messages)
    journal.write("lost")
    vacuumed = journal.close_file()
    journal.write("b", "c")
    vacuumed.unlink()
    async with following(source, Asking(), heard):
        await heard.until(lambda h: "c" in h.messages)
    assert heard.messages == ["a", "GAP None", "b", "c"]
    told, gap, after, _ = heard.items
    assert isinstance(gap, Gap)
    assert isinstance(told, LogRecord)
    assert isinstance(after, LogRecord)
    assert (gap.after, gap.before, gap.time) == (told.cursor, after.cursor, after.time)


async def test_a_gap_is_told_once_however_often_the_stream_begins_anew(
    journal: JournalFiles, make: Make
) -> None:
    journal.write("before")
    source = make("web1")
    async with following(source, Asking()) as heard:
        pass
    journal.close_file().unlink()
    for _ in range(3):
        async with following(source, Asking(), heard):
            pass
    journal.write("after")
    async with following(source, Asking(), heard):
        await heard.until(lambda h: "after" in h.messages)
    assert heard.messages.count("GAP None") == 2  # nothing there; then an entry, and not the one before it
    assert heard.messages[-1] == "after"


async def test_a_filter_that_matched_nothing_yet_misses_no_first_line(
    journal: JournalFiles, make: Make
) -> None:
    journal.write(*numbered(0, 30), SYSLOG_IDENTIFIER="other")
    query = LogQuery(identifiers=("mine",))
    async with following(make("web1", query), Asking()) as heard:
        for message in ("a", "b", "c"):
            journal.write(message, SYSLOG_IDENTIFIER="mine")
            journal.write("noise", SYSLOG_IDENTIFIER="other")
        await heard.until(lambda h: "c" in h.messages)
    assert heard.messages == ["a", "b", "c"]


async def test_a_cursor_that_the_filter_does_not_match_costs_no_line_and_shows_no_gap(
    journal: JournalFiles,
    make: Make,
) -> None:
    journal.write("before", SYSLOG_IDENTIFIER="other")
    unfiltered = make("web1")
    async with following(unfiltered, Asking()):
        pass
    journal.write("a", "b", SYSLOG_IDENTIFIER="mine")
    left = unfiltered.bookmark()
    assert left is not None
    resumed = make("web1", LogQuery(identifiers=("mine",)), resume=Bookmark(left.cursor))
    async with following(resumed, Asking()) as heard:
        await heard.until(lambda h: "b" in h.messages)
    assert heard.messages == ["a", "b"]


async def test_a_filter_resumes_after_its_own_last_line(journal: JournalFiles, make: Make) -> None:
    journal.write("before", SYSLOG_IDENTIFIER="mine")
    source, heard = make("web1", LogQuery(identifiers=("mine",))), Heard()
    for message in ("a", "b", "c"):
        async with following(source, Asking(), heard):
            journal.write(message, SYSLOG_IDENTIFIER="mine")
            journal.write("noise", SYSLOG_IDENTIFIER="other")
            await heard.until(lambda h, m=message: m in h.messages)  # type: ignore[misc]
    assert heard.messages == ["a", "b", "c"]


async def test_with_a_filter_the_vacuum_of_what_was_heard_is_no_gap(
    journal: JournalFiles, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.hosts.journal_follow._SURELY_HEARD_S", 0.0)
    journal.write("a", SYSLOG_IDENTIFIER="mine")
    source = make("web1", LogQuery(identifiers=("mine",)))
    async with following(source, Asking()) as heard:
        journal.write("b", SYSLOG_IDENTIFIER="mine")
        await heard.until(lambda h: "b" in h.messages)
        vacuumed = journal.close_file()
        journal.write("noise", SYSLOG_IDENTIFIER="other")  # an hour ago by its time: long heard
    vacuumed.unlink()
    async with following(source, Asking(), heard):
        journal.write("c", SYSLOG_IDENTIFIER="mine")
        await heard.until(lambda h: "c" in h.messages)
    assert heard.messages == ["b", "c"]


async def test_with_a_filter_the_vacuum_of_what_was_not_heard_is_a_gap(
    journal: JournalFiles, make: Make
) -> None:
    journal.write("a", SYSLOG_IDENTIFIER="mine")
    source = make("web1", LogQuery(identifiers=("mine",)))
    async with following(source, Asking()) as heard:
        journal.write("b", SYSLOG_IDENTIFIER="mine")
        await heard.until(lambda h: "b" in h.messages)
    journal.pass_time(7200)
    journal.write("noise", SYSLOG_IDENTIFIER="other")
    journal.close_file().unlink()
    journal.write("c", SYSLOG_IDENTIFIER="mine")
    async with following(source, Asking(), heard):
        await heard.until(lambda h: "c" in h.messages)
    assert heard.messages == ["b", "GAP None", "c"]


async def test_units_that_first_log_later_are_shown_by_a_glob(journal: JournalFiles, make: Make) -> None:
    journal.write("before", _SYSTEMD_UNIT="web@1.service")
    query = LogQuery(units=("web@*", "db.service"), containers=("api-?",))
    async with following(make("web1", query), Asking()) as heard:
        journal.write("a", _SYSTEMD_UNIT="web@2.service", CONTAINER_NAME="api-1")
        journal.write("no unit", CONTAINER_NAME="api-1")
        journal.write("no container", _SYSTEMD_UNIT="web@2.service")
        journal.write("b", _PID="1", UNIT="web@3.service", _SYSTEMD_UNIT="init.scope", CONTAINER_NAME="api-2")
        journal.write("c", _SYSTEMD_UNIT="db.service", CONTAINER_NAME="api-9")
        await heard.until(lambda h: "c" in h.messages)
    assert heard.messages == ["a", "b", "c"]


async def test_a_text_filter_moves_the_place_on_though_it_shows_little(
    journal: JournalFiles, make: Make
) -> None:
    journal.write("before")
    source = make("web1", LogQuery(grep="match"))
    async with following(source, Asking()) as heard:
        journal.write("match 1", *numbered(0, 100))
        await heard.until(lambda h: "match 1" in h.messages)
    resumed_at = source.bookmark()
    journal.write("match 2")
    async with following(source, Asking(), heard):
        await heard.until(lambda h: "match 2" in h.messages)
    assert heard.messages == ["match 1", "match 2"]
    assert resumed_at is not None
    assert isinstance(heard.items[0], LogRecord)
    assert resumed_at.cursor != heard.items[0].cursor


@pytest.mark.parametrize(
    ("query", "past"),
    [
        (LogQuery(lines=3), ["line 7", "line 8", "line 9"]),
        (LogQuery(since=7200), numbered(0, 10)),
        (LogQuery(since=7200, lines=1), ["line 9"]),
        (LogQuery(since=60), []),
        (LogQuery(lines=2, grep="line [12]"), ["line 1", "line 2"]),
        (LogQuery(lines=2, identifiers=("none",)), []),
    ],
)
async def test_it_tells_first_what_the_query_wants_of_the_past(
    journal: JournalFiles, make: Make, query: LogQuery, past: list[str]
) -> None:
    journal.write(*numbered(0, 10), SYSLOG_IDENTIFIER="x")
    source = make("web1", query)
    async with following(source, Asking()) as heard:
        journal.write("line 10", SYSLOG_IDENTIFIER="none")
        await heard.until(lambda h: "line 10" in h.messages)
    async with following(source, Asking(), heard):
        journal.write("line 11", SYSLOG_IDENTIFIER="none")
        await heard.until(lambda h: "line 11" in h.messages)
    assert heard.messages == [*past, "line 10", "line 11"]


async def test_one_boot_only_is_one_boot_only(journal: JournalFiles, make: Make) -> None:
    old, new = "0b" * 16, "0c" * 16
    journal.write("old", boot=old)
    journal.write("new", boot=new)
    async with following(make("web1", LogQuery(boot="-1", lines=9)), Asking()) as heard:
        journal.write("late words of the new", boot=new)
        journal.write("late words of the old", boot=old)
        await heard.until(lambda h: len(h.items) > 1)
    assert heard.messages == ["old", "late words of the old"]


async def test_journalds_report_of_suppressed_messages_is_a_gap_beside_the_message(
    journal: JournalFiles,
    make: Make,
) -> None:
    journal.write("before")
    async with following(make("web1"), Asking()) as heard:
        journal.write(
            "Suppressed 12 messages from web.service",
            MESSAGE_ID="a596d6fe7bfa4994828e72309e95d61e",
            N_DROPPED="12",
            _SYSTEMD_UNIT="systemd-journald.service",
            _UID="0",
            OBJECT_SYSTEMD_UNIT="web.service",
        )
        await heard.until(lambda h: len(h.items) == 2)
    assert heard.messages == ["GAP 12", "Suppressed 12 messages from web.service"]


@pytest.mark.parametrize(
    "query", [LogQuery(identifiers=("mine",)), LogQuery(containers=("api",)), LogQuery(priority=3)]
)
async def test_a_report_of_suppressed_messages_comes_through_every_filter_and_only_as_a_gap(
    journal: JournalFiles, make: Make, query: LogQuery
) -> None:
    journal.write("before")
    async with following(make("web1", query), Asking()) as heard:
        journal.write("a", SYSLOG_IDENTIFIER="mine", CONTAINER_NAME="api", PRIORITY="3")
        journal.write(
            "Suppressed 12 messages from docker.service",
            MESSAGE_ID="a596d6fe7bfa4994828e72309e95d61e",
            N_DROPPED="12",
            PRIORITY="6",
            _SYSTEMD_UNIT="systemd-journald.service",
            _UID="0",
            OBJECT_SYSTEMD_UNIT="docker.service",
        )
        journal.write("b", SYSLOG_IDENTIFIER="mine", CONTAINER_NAME="api", PRIORITY="3")
        await heard.until(lambda h: "b" in h.messages)
    assert heard.messages == ["a", "GAP 12", "b"]


async def test_numbers_of_a_containers_lines_that_are_missing_are_a_gap_between_its_neighbours(
    journal: JournalFiles, make: Make
) -> None:
    def say(number: int, message: str) -> None:
        journal.write(
            message,
            _UID="0",
            _COMM="dockerd",
            _SYSTEMD_UNIT="docker.service",
            CONTAINER_NAME="api",
            CONTAINER_ID_FULL="ab" * 32,
            CONTAINER_LOG_EPOCH="e1",
            CONTAINER_LOG_ORDINAL=str(number),
        )

    journal.write("before")
    async with following(make("web1"), Asking()) as heard:
        say(7, "a")
        journal.write("of another unit")
        say(10, "b")
        await heard.until(lambda h: "b" in h.messages)
    a, _, gap, b = heard.items
    assert isinstance(a, LogRecord)
    assert isinstance(b, LogRecord)
    assert isinstance(gap, Gap)
    assert (gap.count, gap.after, gap.before) == (2, a.cursor, b.cursor)


# -- a stream as journalctl might print it ------------------------------------------------------


def printed(seqnum: int, *, journal: str = "aa") -> str:
    cursor = f"s={journal};i={seqnum:x};b=bb;m={seqnum};t={seqnum:x};x={seqnum:x}"
    return f"__CURSOR={cursor}\\n__REALTIME_TIMESTAMP={seqnum}\\nMESSAGE=line {seqnum}\\n\\n"


def saying(newest: int, stream: list[int], onwards: list[int] | None = None) -> str:
    """A journalctl for one script: its newest entry, what it follows with, what it has on a resume."""
    return f"""
        case "$*" in
        *--output=cat*) ;;
        *" -f "*) printf '{"".join(map(printed, stream))}'; exec sleep 60 ;;
        *--cursor=*) printf '{"".join(map(printed, onwards or stream))}' ;;
        *--lines=1*) printf '{printed(newest)}' ;;
        esac
    """


async def test_a_jump_of_the_numbers_within_the_stream_is_a_gap_with_a_count(journal: JournalFiles) -> None:
    journal.say(saying(5, [5, 6, 7, 10, 11]))
    async with following(JournalSource("web1"), Asking()) as heard:
        await heard.until(lambda h: "line 11" in h.messages)
    assert heard.messages == ["line 6", "line 7", "GAP 2", "line 10", "line 11"]


async def test_with_a_filter_numbers_jump_and_mean_nothing(journal: JournalFiles) -> None:
    journal.say(saying(5, [6, 9, 30]))
    async with following(JournalSource("web1", LogQuery(priority=3)), Asking()) as heard:
        await heard.until(lambda h: "line 30" in h.messages)
    assert heard.messages == ["line 6", "line 9", "line 30"]


async def test_an_entry_printed_twice_is_told_once(journal: JournalFiles) -> None:
    journal.say(saying(5, [5, 5, 6, 6, 6, 7]))
    async with following(JournalSource("web1"), Asking()) as heard:
        await heard.until(lambda h: "line 7" in h.messages)
    assert heard.messages == ["line 6", "line 7"]


async def test_a_vacuum_between_the_look_and_the_stream_is_a_gap(journal: JournalFiles) -> None:
    journal.say(saying(5, [9, 10]))
    async with following(JournalSource("web1"), Asking()) as heard:
        await heard.until(lambda h: "line 10" in h.messages)
    assert heard.messages == ["GAP 4", "line 9", "line 10"]


async def test_on_a_resume_missing_entries_are_counted_once(journal: JournalFiles) -> None:
    source = JournalSource("web1")
    journal.say(saying(5, [5]))
    async with following(source, Asking()) as heard:
        pass
    journal.say(saying(5, [9, 10]))
    async with following(source, Asking(), heard):
        await heard.until(lambda h: "line 10" in h.messages)
    assert heard.messages == ["GAP 3", "line 9", "line 10"]


async def test_only_the_cursors_own_entry_gone_is_no_gap(journal: JournalFiles) -> None:
    source = JournalSource("web1")
    journal.say(saying(5, [5]))
    async with following(source, Asking()) as heard:
        pass
    journal.say(saying(5, [6, 7]))
    async with following(source, Asking(), heard):
        await heard.until(lambda h: "line 7" in h.messages)
    assert heard.messages == ["line 6", "line 7"]


# -- faults -------------------------------------------------------------------------------------


async def fault(source: JournalSource, transport: Asking | None = None) -> BaseException:
    heard = Heard()
    with pytest.raises((Absent, AccessRefused, HostFailure)) as caught:
        await source.run(transport or Asking(), heard.emit, heard.now_live)
    return caught.value


FOLLOWER_SAYS = """case "$*" in *" -f "*) {} ;; *) exec {} -D {} "$@" ;; esac"""


@pytest.mark.parametrize(
    ("follower", "words", "hint"),
    [
        ("exit 0", "no longer follows", None),
        ("echo 'Failed to process journal events: Bad message' >&2; exit 1", "Bad message", None),
        (
            "echo 'Insufficient watch descriptors available. Reverting to -n.' >&2",
            "watch descriptors",
            "fs.inotify.max_user_instances",
        ),
        ("printf 'garbage\\n\\n'; exec sleep 60", "cannot be read", None),
        ("printf '__CURSOR=s=1\\nMESSAGE=x\\n\\n'; exec sleep 60", "without a time", None),
    ],
)
async def test_a_follower_that_ends_or_talks_nonsense_is_a_failure_whatever_its_exit_code(
    journal: JournalFiles, follower: str, words: str, hint: str | None
) -> None:
    journal.write("before")
    journal.say(FOLLOWER_SAYS.format(follower, JOURNALCTL, journal.folder))
    error = await fault(JournalSource("web1"))
    assert isinstance(error, HostFailure)
    assert words in error.message
    assert hint is None or hint in (error.hint or "")


#: journalctl in a user namespace that may watch nothing: what it meets on a host whose limit is used up.
EXHAUSTED = """exec unshare --user --map-root-user sh -c 'echo 0 > /proc/sys/user/max_inotify_instances
    exec "$0" -D {folder} "$@"' {journalctl} "$@"
"""


@pytest.mark.skipif(
    subprocess.run(["unshare", "--user", "--map-root-user", "true"], capture_output=True).returncode != 0,
    reason="needs user namespaces",
)
async def test_a_host_that_has_no_inotify_left_is_a_failure_that_says_so_and_nothing_is_lost(
    journal: JournalFiles,
) -> None:
    journal.write("before")
    source = JournalSource("web1")
    exhausted = EXHAUSTED.format(folder=journal.folder, journalctl=JOURNALCTL)
    journal.say(FOLLOWER_SAYS.format(exhausted, JOURNALCTL, journal.folder))
    error = await fault(source)
    assert isinstance(error, HostFailure)
    assert "no longer follows" in error.message
    assert "fs.inotify.max_user_instances" in (error.hint or "")
    journal.write("meanwhile")
    journal.say(f'exec {JOURNALCTL} -D {journal.folder} "$@"')
    async with following(source, Asking()) as heard:
        await heard.until(lambda h: "meanwhile" in h.messages)
    assert heard.messages == ["meanwhile"]


async def test_after_a_failure_of_the_follower_nothing_is_lost(journal: JournalFiles) -> None:
    journal.write("before")
    source = JournalSource("web1")
    journal.say(FOLLOWER_SAYS.format("exit 0", JOURNALCTL, journal.folder))
    await fault(source)
    journal.write("meanwhile")
    journal.say(f'exec {JOURNALCTL} -D {journal.folder} "$@"')
    async with following(source, Asking()) as heard:
        await heard.until(lambda h: "meanwhile" in h.messages)
    assert heard.messages == ["meanwhile"]


async def test_a_boot_that_is_not_there_is_absent(journal: JournalFiles) -> None:
    journal.write("before")
    assert isinstance(await fault(JournalSource("web1", LogQuery(boot="-5"))), Absent)


async def test_a_closed_journal_is_refused(journal: JournalFiles) -> None:
    journal.say('echo "No journal files were opened due to insufficient permissions." >&2; exit 1')
    assert isinstance(await fault(JournalSource("web1")), AccessRefused)


@pytest.mark.parametrize("query", [LogQuery(until=5), LogQuery(grep="[")])
def test_a_question_that_cannot_be_followed_is_the_users_error(query: LogQuery) -> None:
    with pytest.raises(UsageError):
        JournalSource("web1", query)


async def test_a_flood_never_holds_the_loop(journal: JournalFiles) -> None:
    journal.write("before")
    source = JournalSource("web1")
    async with following(source, Asking()):
        pass
    journal.write(*numbered(0, 20_000), _SYSTEMD_UNIT="web.service")
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    neighbour = asyncio.create_task(others())
    try:
        heard = Heard()
        task = asyncio.create_task(source.run(Asking(), heard.emit, heard.now_live))
        await heard.until(lambda h: len(h.items) == 20_000)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    finally:
        neighbour.cancel()
        await asyncio.gather(neighbour, return_exceptions=True)
    assert heard.messages == numbered(0, 20_000)
    assert max(heard.batches) <= 500
    assert turns > len(heard.batches) - 1
