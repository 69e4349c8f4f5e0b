"""Following the journals of some hosts for one reader: states, order, bounds, and nothing left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import NoReturn

import pytest

from console.errors import AccessRefused, HostError, HostFailure, Unreachable, UsageError
from console.fleet import follow
from console.fleet.follow import JournalTail, Slow, TailBatch, following
from console.hosts import session as session_module
from console.hosts.session import HostSession, Link
from console.hosts.source import Emit
from console.hosts.transport import Transport
from console.model.config import HostConfig
from console.model.events import Event, Logged, SourceChanged
from console.model.log import Bookmark, Gap, LogQuery, LogRecord, Skipped
from console.model.state import Source, State, Status

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LIVE = Status(State.LIVE, NOON)


def record(host: str, second: float, message: str = "") -> LogRecord:
    return LogRecord(host, f"c{second}", NOON + timedelta(seconds=second), 0, "boot", message or f"{second}")


def at(host: str, moment: datetime, later: float) -> LogRecord:
    return LogRecord(host, f"c{later}", moment + timedelta(seconds=later), 0, "boot", f"{later}")


async def lines(tail: JournalTail, count: int) -> list[str]:
    """The next so many, however many batches they come in."""
    found: list[str] = []
    async with asyncio.timeout(5):
        while len(found) < count:
            found += said(await tail.batch(0))
    return found


def said(batch: TailBatch) -> list[str]:
    return [f"{r.host} {r.message if isinstance(r, LogRecord) else 'gap'}" for r in batch.records]


def told(tail: JournalTail, *records: LogRecord | Gap) -> None:
    tail.take(Logged(records[0].host, records))


# -- what a reader gets ------------------------------------------------------------------------


async def test_lines_of_hosts_that_are_live_come_by_time_once_they_were_held_back() -> None:
    tail = JournalTail(["a", "b"], hold_s=1.05)
    tail.told("a", LIVE)
    tail.told("b", LIVE)
    now = datetime.now(UTC) - timedelta(seconds=1)  # whose lines come a second after they were written
    told(tail, at("b", now, 0.02), at("b", now, 0.04))
    told(tail, at("a", now, 0.01), at("a", now, 0.03))
    assert await lines(tail, 4) == ["a 0.01", "b 0.02", "a 0.03", "b 0.04"]


async def test_the_hold_is_settable_and_a_line_already_held_is_let_go_by_it() -> None:
    tail = JournalTail(["a", "b"], hold_s=1000)
    tail.told("a", LIVE)
    tail.told("b", LIVE)
    told(tail, at("a", datetime.now(UTC), 0))
    assert (await tail.batch(0)).records == []
    assert tail.hold_s == 1000
    waiting = asyncio.create_task(tail.batch(0))
    await asyncio.sleep(0)
    tail.hold_s = 0
    async with asyncio.timeout(5):
        assert said(await waiting) == ["a 0"]


async def test_what_a_host_that_is_still_asked_has_to_say_comes_before_what_is_newer() -> None:
    tail = JournalTail(["a", "b"])
    told(tail, record("b", 2), record("b", 4))
    tail.told("b", LIVE)
    assert said(await tail.batch(0)) == [], "b's lines wait for a, whose journal has not answered"
    told(tail, record("a", 1), record("a", 3))
    tail.told("a", LIVE)
    assert said(await tail.batch(0)) == ["a 1", "b 2", "a 3", "b 4"]


async def test_a_host_that_does_not_answer_holds_the_others_up_for_a_moment_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("console.fleet.merge.PATIENCE_S", 0.01)
    tail = JournalTail(["a", "b"])
    told(tail, record("b", 2))
    async with asyncio.timeout(5):
        assert said(await tail.batch(0)) == ["b 2"]


async def test_a_clock_that_is_measured_to_be_ahead_puts_a_hosts_lines_where_they_belong() -> None:
    tail = JournalTail(["a", "b"])
    tail.take(Logged("a", (record("a", 3601), record("a", 3603))), offset_s=3600.0)
    tail.take(Logged("b", (record("b", 2),)))
    tail.told("a", LIVE)
    tail.told("b", LIVE)
    assert said(await tail.batch(0)) == ["a 3601", "b 2", "a 3603"]


async def test_one_host_alone_is_never_held_back() -> None:
    tail = JournalTail(["a"], hold_s=1000)
    told(tail, at("a", datetime.now(UTC), 0))
    assert said(await tail.batch(0)) == ["a 0"]


async def test_a_status_is_told_while_lines_are_still_held_back() -> None:
    tail = JournalTail(["a", "b"])
    told(tail, record("a", 1))
    tail.told("a", LIVE)
    batch = await tail.batch(0)
    assert said(batch) == []
    assert batch.hosts == {"a"}
    assert tail.statuses["a"] == LIVE
    assert tail.statuses["b"].state is State.CONNECTING


async def test_what_a_slow_reader_leaves_is_bounded_and_the_rest_is_a_line_that_counts_it() -> None:
    query = LogQuery(units=("api",))
    tail = JournalTail(["a"], query=query, pending=10)
    for start in range(0, 100, 4):
        told(tail, *(record("a", start + i) for i in range(4)))
    skipped, *rest = (await tail.batch(0)).records
    assert skipped == Skipped("a", NOON, NOON + timedelta(seconds=90), 91, query)
    assert [r.message for r in rest if isinstance(r, LogRecord)] == [f"{i}" for i in range(91, 100)]
    told(tail, record("a", 100))
    assert said(await tail.batch(0)) == ["a 100"]


async def test_a_host_is_not_read_on_while_a_slow_reader_that_waits_has_no_room_for_it() -> None:
    tail = JournalTail(["a", "b"], slow=Slow.WAIT, pending=400)
    tail.told("a", LIVE)
    tail.told("b", LIVE)
    for start in range(200):
        await tail.room("a")
        told(tail, record("a", start))
    full = asyncio.create_task(tail.room("a"))
    await tail.room("b")
    await asyncio.sleep(0)
    assert not full.done()
    assert len((await tail.batch(0)).records) == 200
    async with asyncio.timeout(5):
        await full


async def test_while_a_part_of_a_line_is_held_the_bookmark_does_not_pass_what_is_held() -> None:
    tail = JournalTail(["a", "b"], hold_s=1000)
    tail.told("a", LIVE)
    tail.told("b", LIVE)
    source = Numbers("a")
    tail.reads("a", source, Bookmark("before", 5, True))  # type: ignore[arg-type]
    told(tail, record("a", 1))
    source.holding = True
    assert tail.bookmarks() == {"a": Bookmark("before", 5, True)}
    source.holding = False
    assert tail.bookmarks() == {"a": Bookmark("before", 5, True)}, "nothing of it was handed over yet"


async def test_a_bookmark_is_at_what_was_handed_over_and_not_at_what_is_still_held() -> None:
    tail = JournalTail(["a", "b"], hold_s=1000)
    tail.told("a", LIVE)
    tail.told("b", LIVE)
    source = Numbers("a")
    before = Bookmark("before", 5, True)
    tail.reads("a", source, before)  # type: ignore[arg-type]
    assert tail.bookmarks() == {"a": source.bookmark()}
    told(tail, record("a", 1), at("a", datetime.now(UTC), 0))
    assert said(await tail.batch(0)) == ["a 1"]
    assert tail.bookmarks() == {"a": Bookmark("c1", 7, True)}
    tail.hold_s = 0
    assert said(await tail.batch(0)) == ["a 0"]
    assert tail.bookmarks() == {"a": source.bookmark()}


async def test_an_idle_reader_gets_an_empty_batch() -> None:
    assert await JournalTail(["a"]).batch(idle=0.01) == TailBatch([])


async def test_batches_can_be_iterated_over() -> None:
    tail = JournalTail(["a"])
    told(tail, record("a", 1))
    async for batch in tail:
        assert said(batch) == ["a 1"]
        break


# -- what runs for it --------------------------------------------------------------------------


class FakeLink:
    """A connection that lasts until it is told to go."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.closed = False

    async def wait_closed(self) -> str:
        return await asyncio.shield(self.gone)

    async def close(self) -> None:
        self.closed = True


class Numbers:
    """A journal that says one number more on each run, or raises what it is told to."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.transports: list[object] = []
        self.running = 0
        self.ended = asyncio.Event()
        self.faults: list[HostError] = []
        self.clock_offset_s = 0.0
        self.holding = False

    def bookmark(self) -> Bookmark:
        return Bookmark(f"read {len(self.transports)}", 7)

    async def run(self, transport: Transport, emit: Emit, live: Callable[[], None]) -> NoReturn:
        self.transports.append(transport)
        self.running += 1
        try:
            if self.faults:
                raise self.faults.pop(0)
            emit(Logged(self.host, (record(self.host, len(self.transports)),)))
            live()
            await asyncio.get_running_loop().create_future()
            raise AssertionError
        finally:
            self.running -= 1
            self.ended.set()


class Host:
    """A running session whose connection a test makes and breaks."""

    def __init__(self, name: str) -> None:
        self.links: list[FakeLink] = []
        self.events: list[Event] = []
        self.refusal: HostError | None = None
        self.journal = Numbers(name)
        self.own = Numbers(name)
        self.session = HostSession(
            HostConfig(name), self._connect, {Source.UNITS: self.own}, self.events.append
        )

    async def _connect(self, config: HostConfig) -> Link:
        if self.refusal:
            raise self.refusal
        self.links.append(FakeLink(config.name))
        return self.links[-1]  # type: ignore[return-value]


@asynccontextmanager
async def running(*names: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[dict[str, Host]]:
    monkeypatch.setattr(session_module.Backoff, "delay", lambda self: 0.001)
    hosts = {name: Host(name) for name in names}
    monkeypatch.setattr(follow, "journal_source", lambda config, *_: hosts[config.name].journal)
    tasks = [asyncio.create_task(host.session.run()) for host in hosts.values()]
    try:
        yield hosts
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert len(asyncio.all_tasks()) == 1


class Reader:
    """What a view has got so far."""

    def __init__(self, tail: JournalTail) -> None:
        self.tail = tail
        self.lines: list[str] = []
        self.states: list[tuple[str, State]] = []

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                batch = await self.tail.batch(0)
                self.lines += said(batch)
                self.states += [(host, self.tail.statuses[host].state) for host in sorted(batch.hosts)]


async def test_each_host_is_followed_over_its_own_connection_and_resumed_over_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running("a", "b", monkeypatch=monkeypatch) as hosts:
        async with following([host.session for host in hosts.values()], LogQuery()) as tail:
            reader = Reader(tail)
            await reader.until(lambda: len(reader.lines) == 2)
            assert reader.lines == ["a 1", "b 1"]
            hosts["a"].links[0].gone.set_result("cable pulled")
            await reader.until(lambda: "a 2" in reader.lines)
            assert reader.lines == ["a 1", "b 1", "a 2"]
            assert hosts["a"].journal.transports == hosts["a"].links
            assert tail.statuses["a"].state is State.LIVE
            assert hosts["b"].journal.running == 1
        assert [host.journal.running for host in hosts.values()] == [0, 0]
        assert [host.own.running for host in hosts.values()] == [1, 1], "the fleet's own sources go on"


async def test_a_lost_connection_makes_the_view_stale_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with (
        running("a", monkeypatch=monkeypatch) as hosts,
        following([hosts["a"].session], LogQuery()) as tail,
    ):
        reader = Reader(tail)
        await reader.until(lambda: tail.statuses["a"].state is State.LIVE)
        hosts["a"].refusal = Unreachable("no route")
        hosts["a"].links[0].gone.set_result("cable pulled")
        await reader.until(lambda: tail.statuses["a"].state is State.STALE)
        await reader.until(lambda: tail.statuses["a"].reason == "no route")
        assert hosts["a"].journal.running == 0
        hosts["a"].refusal = None
        await reader.until(lambda: tail.statuses["a"].state is State.LIVE)


async def test_a_host_that_cannot_be_reached_is_told_as_such_from_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running("a", monkeypatch=monkeypatch) as hosts:
        hosts["a"].refusal = AccessRefused("wrong key")
        async with following([hosts["a"].session], LogQuery()) as early:
            reader = Reader(early)
            await reader.until(lambda: early.statuses["a"].state is State.REFUSED)
            async with following([hosts["a"].session], LogQuery()) as late:
                await Reader(late).until(lambda: late.statuses["a"].state is State.REFUSED)
                assert late.statuses["a"].reason == "wrong key"


async def test_a_journal_that_fails_is_tried_again_and_takes_nothing_of_the_fleet_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running("a", monkeypatch=monkeypatch) as hosts:
        hosts["a"].journal.faults = [HostFailure("journalctl ended")]
        async with following([hosts["a"].session], LogQuery()) as tail:
            reader = Reader(tail)
            await reader.until(lambda: "a 2" in reader.lines)
            await reader.until(lambda: ("a", State.LIVE) in reader.states)
        assert [e.status.state for e in hosts["a"].events if isinstance(e, SourceChanged)] == [
            State.CONNECTING, State.LIVE
        ]  # fmt: skip
        assert hosts["a"].own.running == 1


async def test_two_views_of_one_host_are_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        running("a", monkeypatch=monkeypatch) as hosts,
        following([hosts["a"].session], LogQuery()) as one,
    ):
        reader = Reader(one)
        await reader.until(lambda: reader.lines == ["a 1"])
        async with following([hosts["a"].session], LogQuery()) as other:
            await Reader(other).until(lambda: other.statuses["a"].state is State.LIVE)
            assert hosts["a"].journal.running == 2
        assert hosts["a"].journal.running == 1
        assert one.statuses["a"].state is State.LIVE


async def test_an_error_of_the_view_leaves_as_itself_and_ends_the_following(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running("a", monkeypatch=monkeypatch) as hosts:

        async def view() -> None:
            async with following([hosts["a"].session], LogQuery()) as tail:
                await tail.batch(0)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await view()
        assert hosts["a"].journal.running == 0


async def test_the_session_may_end_before_the_view(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module.Backoff, "delay", lambda self: 0.001)
    host = Host("a")
    monkeypatch.setattr(follow, "journal_source", lambda config, *_: host.journal)
    task = asyncio.create_task(host.session.run())
    async with following([host.session], LogQuery()) as tail:
        await Reader(tail).until(lambda: tail.statuses["a"].state is State.LIVE)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.wait_for(host.journal.ended.wait(), 5)
    assert len(asyncio.all_tasks()) == 1


async def test_a_query_that_cannot_be_followed_is_told_before_anything_runs() -> None:
    host = Host("a")
    with pytest.raises(UsageError, match="no end"):
        async with following([host.session], LogQuery(until=10.0)):
            pass
    assert len(asyncio.all_tasks()) == 1
