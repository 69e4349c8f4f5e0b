"""ONE host, kept alive: its connection, its sources, and a state for each.

    connect ──▶ live ──lost──▶ unreachable, sources stale ──backoff──▶ connect …
                 │
                 └─ each source: connecting ─▶ live ─fault─▶ stale | failed | refused | absent ─▶ again

One source failing takes nothing else down; a lost connection makes all of them stale at once.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import NoReturn, Protocol

from console.errors import Absent, AccessRefused, HostError, HostFailure, Unreachable
from console.hosts.groups import Group, let_go
from console.hosts.source import Emit, SourceRun
from console.hosts.transport import Transport
from console.model.config import HostConfig
from console.model.events import HostChanged, SourceChanged
from console.model.state import Source, State, Status

log = logging.getLogger("quarterdeck")


class Link(Transport, Protocol):
    """A transport with an owner."""

    async def close(self) -> None:
        """End it and everything that runs over it."""


Connect = Callable[[HostConfig], Awaitable[Link]]


class Backoff:
    """Waits between attempts: doubling, with jitter, forgotten after a good spell.

    :param first, most: seconds before the second attempt, and at most.
    :param good_spell: what must hold for so many seconds before the waits start anew; a host
        that flaps therefore does not bring a flood of connects.
    """

    def __init__(self, first: float = 1.0, most: float = 30.0, good_spell: float = 60.0) -> None:
        self._first = first
        self._most = most
        self._good_spell = good_spell
        self._next = first
        self._good_since: float | None = None

    def good(self) -> None:
        self._good_since = time.monotonic()

    def delay(self) -> float:
        """Seconds to wait now; half to all of the nominal wait, so that a thousand do not come at once."""
        if self._good_since is not None and time.monotonic() - self._good_since >= self._good_spell:
            self._next = self._first
        self._good_since = None
        delay = self._next * random.uniform(0.5, 1.0)  # jitter, not a secret
        self._next = min(self._next * 2, self._most)
        return delay


#: What was refused or is absent seldom changes by itself: after this many seconds it is asked for again, and
#: then ever less often. A host is connected to again as often as that at least.
SLOW_RETRY = 60.0
_SLOWEST_RETRY = 300.0


class _Kept:
    """One source under supervision, and the state it is in.

    :param name: what it is called in the log.
    :param emit: takes what the source tells.
    :param told: takes each new status of the source.
    """

    def __init__(
        self, host: str, name: str, run: SourceRun, emit: Emit, told: Callable[[Status], None]
    ) -> None:
        self._host = host
        self.name = name
        self._run = run
        self._emit = emit
        self._told = told
        self._status: Status | None = None

    def tell(self, state: State, reason: str | None = None) -> None:
        if status := _moved(self._status, state, reason):
            self._status = status
            self._told(status)

    def lost(self, state: State, reason: str | None) -> None:
        """The host is in `state`, and there is no connection."""
        self.tell(State.STALE if self._was_live else state, reason)

    @property
    def _was_live(self) -> bool:
        return self._status is not None and self._status.state in (State.LIVE, State.STALE)

    async def keep(self, link: Link, over: asyncio.Event) -> None:
        """Run the source again and again until this connection is over."""
        backoff = Backoff(first=0.5, most=15.0)
        seldom = Backoff(first=SLOW_RETRY, most=_SLOWEST_RETRY)

        def live() -> None:
            backoff.good()
            self.tell(State.LIVE)

        while not over.is_set():
            try:
                await self._run.run(link, self._emit, live)
            except asyncio.CancelledError as error:
                let_go(error)
                raise
            except Exception as error:
                if over.is_set():
                    let_go(error)
                    return  # it broke on what took the connection, while it was being ended
                fault = _as_fault(error, self._host, self.name)
                let_go(error)
            self.tell(_source_state(fault, was_live=self._was_live), _reason(fault))
            rare = isinstance(fault, Absent | AccessRefused)
            del fault  # or it would be kept, with all that led to it, until the next
            await asyncio.sleep((seldom if rare else backoff).delay())


class HostSession:
    """Owns the connection to one host and the tasks that read from it.

    :param connect: opens the connection; bounded by whoever gives it.
    :param sources: what to follow; each object is run again and again on the newest transport.
    :param emit: gets every event of this host.
    """

    def __init__(
        self, config: HostConfig, connect: Connect, sources: Mapping[Source, SourceRun], emit: Emit
    ) -> None:
        self.config = config
        self._connect = connect
        self._sources = sources
        self._emit = emit
        self._status: Status | None = None
        self._kept = [
            _Kept(self.name, source, run, emit, self._teller(source)) for source, run in sources.items()
        ]
        self._attached: list[_Kept] = []
        self._link: Link | None = None
        self._hurry = asyncio.Event()
        self._over = asyncio.Event()
        self._connected = asyncio.Event()

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def sources(self) -> Mapping[Source, SourceRun]:
        return self._sources

    @property
    def transport(self) -> Transport | None:
        """The connection while there is one, for questions asked on demand."""
        return self._link

    async def run(self) -> NoReturn:
        """Keep the host connected until cancelled."""
        backoff = Backoff()
        self._tell(State.CONNECTING)
        for kept in self._kept:
            kept.tell(State.CONNECTING)
        while True:
            try:
                link = await self._connect(self.config)
            except Exception as error:
                fault = _as_fault(error, self.name, "connecting")
                let_go(error)
                self._lost(_host_state(fault), _reason(fault))
                slow = isinstance(fault, AccessRefused)
                del fault
                await self._pause(SLOW_RETRY * random.uniform(0.5, 1.0) if slow else backoff.delay())
                continue
            self._link, self._over = link, asyncio.Event()
            self._connected.set()
            try:
                backoff.good()
                self._tell(State.LIVE)
                await self._follow(link, self._over)
            finally:
                self._link = None
                await link.close()
            await self._pause(backoff.delay())

    def hurry(self) -> None:
        """Connect again now, if it waits to."""
        self._hurry.set()

    async def _pause(self, seconds: float) -> None:
        self._hurry.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurry.wait()

    async def attach(self, name: str, run: SourceRun, emit: Emit, told: Callable[[Status], None]) -> NoReturn:
        """Keep one more source over this host's connection, whenever there is one, until cancelled.

        It is supervised as the host's own are, and none of the fleet's model hears of it.

        :param name: what it is called in the log.
        :param emit: takes what the source tells.
        :param told: takes the source's status, now and whenever it changes.
        """
        kept = _Kept(self.name, name, run, emit, told)
        self._attached.append(kept)
        try:
            if self._status is None or self._status.state is State.LIVE:
                kept.tell(State.CONNECTING)
            else:
                kept.tell(self._status.state, self._status.reason)
            while True:
                await self._connected.wait()
                assert self._link is not None
                await self._keep_all([kept], self._link, self._over, self._over.wait())
        finally:
            self._attached.remove(kept)

    async def _follow(self, link: Link, over: asyncio.Event) -> None:
        """Run every source until the connection is gone, and tell so at once."""

        async def lost() -> None:
            try:
                self._lost(State.UNREACHABLE, await link.wait_closed())
            finally:
                over.set()
                self._connected.clear()

        await self._keep_all(self._kept, link, over, lost())

    async def _keep_all(
        self, kept: Iterable[_Kept], link: Link, over: asyncio.Event, until: Awaitable[object]
    ) -> None:
        """Run sources until `until` is done."""
        async with Group() as group:
            tasks = [group.create_task(one.keep(link, over), name=f"{self.name}: {one.name}") for one in kept]
            try:
                await until
            finally:
                for task in tasks:
                    task.cancel()

    def _lost(self, state: State, reason: str) -> None:
        self._tell(state, reason)
        for kept in (*self._kept, *self._attached):
            kept.lost(state, reason)

    def _tell(self, state: State, reason: str | None = None) -> None:
        if status := _moved(self._status, state, reason):
            self._status = status
            self._emit(HostChanged(self.name, status))

    def _teller(self, source: Source) -> Callable[[Status], None]:
        return lambda status: self._emit(SourceChanged(self.name, source, status))


def _as_fault(error: Exception, host: str, where: str) -> HostError:
    """`error` as one of the tree. A fault of ours is logged and must not take the fleet down."""
    if isinstance(error, HostError):
        return error
    log.error("%s: %s", host, where, exc_info=error)
    return HostFailure(f"internal fault: {type(error).__name__}: {error}", host=host)


def _moved(before: Status | None, state: State, reason: str | None) -> Status | None:
    """The new status, or None if nothing changed. A state keeps its beginning whatever the reason."""
    if before is None or before.state is not state:
        return Status(state, datetime.now(UTC), reason)
    return None if before.reason == reason else Status(state, before.since, reason)


def _reason(error: HostError) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message


def _host_state(error: HostError) -> State:
    match error:
        case Unreachable():
            return State.UNREACHABLE
        case AccessRefused():
            return State.REFUSED
        case _:
            return State.FAILED


def _source_state(error: HostError, *, was_live: bool) -> State:
    match error:
        case Absent():
            return State.ABSENT
        case AccessRefused():
            return State.REFUSED
        case _:
            return State.STALE if was_live else State.FAILED
