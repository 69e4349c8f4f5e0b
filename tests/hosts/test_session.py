"""One host kept alive: states, retries, and nothing left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NoReturn

import pytest

from console.errors import Absent, AccessRefused, HostError, HostFailure, Unreachable
from console.hosts import session as module
from console.hosts.session import Backoff, HostSession, Link
from console.hosts.source import Emit
from console.hosts.transport import Transport
from console.model.config import HostConfig
from console.model.events import Event, HostChanged, SourceChanged
from console.model.state import Source, State


class FakeLink:
    """A connection that lasts until it is told to go."""

    host = "web1"

    def __init__(self) -> None:
        self.gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.closed = False

    async def wait_closed(self) -> str:
        return await asyncio.shield(self.gone)

    async def close(self) -> None:
        self.closed = True


class Script:
    """A source that goes through `steps` (True: live, an error: raise it), then stays live."""

    def __init__(self, *steps: bool | Exception) -> None:
        self.steps = list(steps)
        self.runs = 0

    async def run(self, transport: Transport, emit: Emit, live: Callable[[], None]) -> NoReturn:
        self.runs += 1
        while self.steps:
            step = self.steps.pop(0)
            if isinstance(step, Exception):
                raise step
            live()
        live()
        await asyncio.get_running_loop().create_future()
        raise AssertionError


class Host:
    """A session under test: what it emitted, and its links."""

    def __init__(self, sources: dict[Source, Script], connects: list[HostError | None]) -> None:
        self.events: list[Event] = []
        self.links: list[FakeLink] = []
        self._connects = connects
        self._some = asyncio.Event()
        self.session = HostSession(HostConfig("web1"), self._connect, sources, self._emit)

    async def _connect(self, config: HostConfig) -> Link:
        error = self._connects.pop(0) if self._connects else None
        if error:
            raise error
        self.links.append(FakeLink())
        return self.links[-1]  # type: ignore[return-value]

    def _emit(self, event: Event) -> None:
        self.events.append(event)
        self._some.set()

    def states(self, source: Source | None = None) -> list[State]:
        """The states of the host or of one of its sources, in order."""
        if source is None:
            return [event.status.state for event in self.events if isinstance(event, HostChanged)]
        return [
            event.status.state
            for event in self.events
            if isinstance(event, SourceChanged) and event.source is source
        ]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                self._some.clear()
                await self._some.wait()


@asynccontextmanager
async def running(sources: dict[Source, Script], *connects: HostError | None) -> AsyncIterator[Host]:
    host = Host(sources, list(connects))
    task = asyncio.create_task(host.session.run())
    try:
        yield host
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert all(link.closed for link in host.links)
        assert len(asyncio.all_tasks()) == 1


#: How the states of a host that answers begin.
FIRST = (State.CONNECTING, State.LIVE)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLOW_RETRY", 0.01)
    monkeypatch.setattr(Backoff, "delay", lambda self: 0.01)


async def test_a_host_that_answers_is_live_and_so_are_its_sources() -> None:
    async with running({Source.UNITS: Script(), Source.OS: Script()}) as host:
        await host.until(lambda: host.states(Source.UNITS)[-1:] == [State.LIVE])
        assert host.states() == [State.CONNECTING, State.LIVE]
        assert host.states(Source.OS) == [State.CONNECTING, State.LIVE]


async def test_a_lost_connection_makes_what_was_live_stale_and_comes_back() -> None:
    async with running({Source.UNITS: Script()}) as host:
        await host.until(lambda: host.states(Source.UNITS)[-1:] == [State.LIVE])
        host.links[0].gone.set_result("the power went")
        await host.until(lambda: len(host.links) == 2 and host.states(Source.UNITS)[-1] is State.LIVE)
        assert host.states() == [State.CONNECTING, State.LIVE, State.UNREACHABLE, State.LIVE]
        assert host.states(Source.UNITS) == [State.CONNECTING, State.LIVE, State.STALE, State.LIVE]
        lost = [e for e in host.events if isinstance(e, HostChanged) and e.status.reason]
        assert lost[0].status.reason == "the power went"


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (Unreachable("no route"), State.UNREACHABLE),
        (AccessRefused("no key"), State.REFUSED),
        (HostFailure("not ssh"), State.FAILED),
    ],
)
async def test_who_cannot_connect_says_why_and_goes_on_trying(error: HostError, state: State) -> None:
    async with running({Source.UNITS: Script()}, error, error) as host:
        await host.until(lambda: host.states()[-1:] == [State.LIVE])
        assert host.states() == [State.CONNECTING, state, State.LIVE]
        assert host.states(Source.UNITS)[1] is state


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (Absent("no docker"), State.ABSENT),
        (AccessRefused("not in the group"), State.REFUSED),
        (HostFailure("garbage"), State.FAILED),
    ],
)
async def test_one_source_failing_takes_no_other_down(error: HostError, state: State) -> None:
    failing = Script(error)
    async with running({Source.UNITS: Script(), Source.CONTAINERS: failing}) as host:
        await host.until(lambda: host.states(Source.CONTAINERS)[-1:] == [State.LIVE])
        assert host.states(Source.CONTAINERS) == [State.CONNECTING, state, State.LIVE]
        assert host.states(Source.UNITS) == [State.CONNECTING, State.LIVE]
        assert host.states() == [State.CONNECTING, State.LIVE]
        assert failing.runs == 2


async def test_a_source_that_breaks_while_it_is_ended_ends_all_the_same() -> None:
    class Stubborn(Script):
        async def run(self, transport: Transport, emit: Emit, live: Callable[[], None]) -> NoReturn:
            try:
                await super().run(transport, emit, live)
            except asyncio.CancelledError:
                raise Unreachable("the connection was lost") from None

    async with running({Source.CONTAINERS: Stubborn()}) as host:
        await host.until(lambda: host.states(Source.CONTAINERS)[-1:] == [State.LIVE])
        host.links[0].gone.set_result("the power went")
        await host.until(lambda: host.states() == [*FIRST, State.UNREACHABLE, State.LIVE])
        assert len(host.links) == 2


async def test_a_lost_connection_is_told_before_the_sources_have_put_their_things_away() -> None:
    away = asyncio.Event()

    class Slow(Script):
        async def run(self, transport: Transport, emit: Emit, live: Callable[[], None]) -> NoReturn:
            try:
                await super().run(transport, emit, live)
            finally:
                await away.wait()

    async with running({Source.UNITS: Slow()}) as host:
        await host.until(lambda: host.states(Source.UNITS)[-1:] == [State.LIVE])
        host.links[0].gone.set_result("the power went")
        await host.until(lambda: host.states() == [*FIRST, State.UNREACHABLE])
        assert host.states(Source.UNITS)[-1] is State.STALE
        away.set()


async def test_a_source_that_was_live_and_breaks_is_stale_and_not_failed() -> None:
    async with running({Source.CONTAINERS: Script(True, HostFailure("dockerd went"))}) as host:
        await host.until(lambda: host.states(Source.CONTAINERS).count(State.LIVE) == 2)
        assert host.states(Source.CONTAINERS)[1:] == [State.LIVE, State.STALE, State.LIVE]


async def test_a_fault_of_ours_in_a_source_is_logged_and_shown_and_takes_nothing_down(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running({Source.UNITS: Script(ZeroDivisionError("oops")), Source.OS: Script()}) as host:
        await host.until(lambda: host.states(Source.UNITS)[-1:] == [State.LIVE])
        assert State.FAILED in host.states(Source.UNITS)
    assert "web1: units" in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_a_state_keeps_its_beginning_while_its_reason_changes() -> None:
    errors = (Unreachable("no route"), Unreachable("timeout"), Unreachable("timeout"))
    async with running({}, *errors) as host:
        await host.until(lambda: host.states()[-1:] == [State.LIVE])
        told = [e.status for e in host.events if isinstance(e, HostChanged) and e.status.reason]
        assert [status.reason for status in told] == ["no route", "timeout"]
        assert told[0].since == told[1].since


def test_backoff_doubles_up_to_its_most_and_starts_anew_only_after_a_good_spell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    backoff = Backoff(first=1, most=8, good_spell=60)
    assert [backoff.delay() for _ in range(5)] == [1, 2, 4, 8, 8]
    backoff.good()
    now += 10
    assert backoff.delay() == 8
    backoff.good()
    now += 60
    assert backoff.delay() == 1


@pytest.mark.parametrize("refused", [True, False])
async def test_a_cancellation_that_connecting_has_lost_ends_it_all_the_same(refused: bool) -> None:
    connecting, link = asyncio.Event(), FakeLink()

    async def connect(config: HostConfig) -> Link:
        connecting.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            # As asyncio.wait_for did before Python 3.12, where the answer comes at that very moment.
            if refused:
                raise Unreachable("connection refused", host="web1") from None
        return link  # type: ignore[return-value]

    running = asyncio.create_task(HostSession(HostConfig("web1"), connect, {}, lambda event: None).run())
    await connecting.wait()
    running.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait((running,))
    assert running.cancelled()
    assert link.closed is not refused
