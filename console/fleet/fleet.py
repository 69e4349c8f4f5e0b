"""Many hosts under one roof: a session each, one model, one place where it all ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from console.errors import HostError, Unreachable
from console.fleet.collector import Collector, only_the_young
from console.fleet.follow import PENDING, JournalTail, Slow, following
from console.fleet.limits import facts_every, make_room
from console.fleet.merge import HOLD_S
from console.fleet.model import FleetModel
from console.hosts.engine_threads import EngineThreads
from console.hosts.groups import put_away
from console.hosts.links import Links
from console.hosts.osfacts import OsSource
from console.hosts.session import HostSession
from console.hosts.sources import make_sources
from console.hosts.transport import Transport
from console.model.config import HostConfig
from console.model.events import Event, HostChanged, UnitsChanged
from console.model.log import Bookmark, LogQuery
from console.model.state import Source, State
from console.model.wants import Wants
from console.updates.reading import TELLING_UNITS, UpdatesReading


class Fleet:
    """The sessions of some hosts and the model they feed. Made by `open_fleet`."""

    def __init__(
        self, hosts: Iterable[HostConfig], wants: Wants, links: Links, threads: EngineThreads
    ) -> None:
        configs = list(hosts)
        self.model = FleetModel(configs)
        self.collector = Collector(len(configs))
        self._facts_every = facts_every(len(configs))
        self._wants = wants
        self._links = links
        self._threads = threads
        self._sessions = {config.name: self._session(config) for config in configs}
        self._group: asyncio.TaskGroup | None = None
        self._running: dict[str, asyncio.Task[None]] = {}

    def _session(self, config: HostConfig) -> HostSession:
        reading = UpdatesReading(config.name)
        sources = make_sources(config, self._wants, self._threads, reading, facts_every=self._facts_every)
        return HostSession(config, self._links.connect, sources, self._take)

    def _take(self, event: Event) -> None:
        if event.host not in self._sessions:
            return  # the last words of one that was removed
        if isinstance(event, HostChanged) and self.model.host(event.host).state is State.LIVE:
            self.collector.ended()
        self.model.apply(event)
        # Of an updater systemd only tells that it is at it: what the `os` source reads is about
        # to change.
        if isinstance(event, UnitsChanged) and any(unit.name in TELLING_UNITS for unit in event.changed):
            source = self._sessions[event.host].sources.get(Source.OS)
            if isinstance(source, OsSource):
                source.read_soon()

    @property
    def sessions(self) -> dict[str, HostSession]:
        return self._sessions

    def add(self, config: HostConfig) -> None:
        """A host that is the fleet's from now on."""
        make_room(len(self._sessions) + 1)
        self.model.configure(config)
        self._sessions[config.name] = self._session(config)
        if self._group is not None:
            self._begin(config.name)

    def remove(self, host: str) -> None:
        """A host that is not the fleet's any more; its connection is closed."""
        self._sessions.pop(host)
        if (task := self._running.pop(host, None)) is not None:
            task.cancel()
        self.model.remove(host)

    @property
    def waiting(self) -> frozenset[str]:
        """Hosts whose turn to be connected to has not come yet: nothing was asked of them."""
        return self._links.waiting

    def source(self, host: str, source: Source) -> object:
        """The source object of a host, for questions asked on demand."""
        return self._sessions[host].sources[source]

    def transport(self, host: str) -> Transport:
        """The connection to `host`.

        :raises HostError: there is none now; the model's reason is in the message.
        """
        transport = self._sessions[host].transport
        if transport is None:
            self._sessions[host].hurry()  # somebody wants it now
            status = self.model.host(host).status
            raise Unreachable(f"{status.state}: {status.reason or 'not connected yet'}", host=host)
        return transport

    async def settled(self, timeout: float) -> list[HostError]:
        """Wait until each host has answered or not, and each wanted source has shown all it has.

        :param timeout: seconds; a host that is still connecting then holds up nobody.
        :return: one error for each host that did not come, for the account given to the user.
        """
        feed = self.model.feed()
        waiting = set(self._sessions)
        try:
            async with asyncio.timeout(timeout):
                while waiting:
                    changes = await feed.batch(pause=0)
                    waiting -= {name for name in changes.hosts & waiting if self._is_settled(name)}
        except TimeoutError:
            pass  # whoever is not settled is reported below
        finally:
            self.model.leave(feed)
        return [error for name in self._sessions if (error := self._complaint(name, timeout))]

    def _is_settled(self, name: str) -> bool:
        host = self.model.host(name)
        if host.state is not State.LIVE:
            return host.state.settled
        wanted = self._sessions[name].sources
        return all(source in host.sources and host.sources[source].state.settled for source in wanted)

    def _complaint(self, name: str, timeout: float) -> HostError | None:
        host = self.model.host(name)
        if host.state is State.LIVE:
            return None
        reason = host.status.reason
        if host.state is State.CONNECTING:
            reason = f"no answer within {timeout:g} s"
        return Unreachable(f"{host.state}: {reason}" if reason else str(host.state), host=name)

    def follow_journal(
        self,
        hosts: Iterable[str],
        query: LogQuery,
        *,
        hold_s: float = HOLD_S,
        slow: Slow = Slow.SKIP,
        pending: int = PENDING,
        resume: Mapping[str, Bookmark] | None = None,
    ) -> AbstractAsyncContextManager[JournalTail]:
        """The journals of some hosts, for as long as the context is held; see `following`."""

        def offset(host: str) -> float | None:
            return self.model.host(host).facts.clock_offset_s if host in self._sessions else None

        return following(
            [self._sessions[host] for host in hosts],
            query,
            hold_s=hold_s,
            slow=slow,
            pending=pending,
            resume=resume,
            offset=offset,
        )

    async def run(self) -> None:
        """Keep every host connected until cancelled."""
        async with asyncio.TaskGroup() as self._group:
            self._group.create_task(self.collector.run(), name="collector")
            for name in self._sessions:
                self._begin(name)
            await asyncio.Event().wait()  # hosts may come later, also to a fleet that has none yet

    def _begin(self, name: str) -> None:
        assert self._group is not None
        self._running[name] = self._group.create_task(self._sessions[name].run(), name=f"session {name}")


@asynccontextmanager
async def open_fleet(hosts: Iterable[HostConfig], wants: Wants, links: Links) -> AsyncIterator[Fleet]:
    """A running fleet. Leaving the context ends every task and connection that it has.

    One that is not to connect is only what the inventory says.
    """
    hosts = list(hosts)
    make_room(len(hosts))
    threads = EngineThreads()
    fleet = Fleet(hosts, wants, links, threads)
    if not wants.connect:
        try:
            yield fleet
        finally:
            await threads.close()
        return
    with only_the_young():
        # A task of its own, so that an error of the body leaves as itself and not inside a group.
        running = asyncio.create_task(fleet.run(), name="fleet")
        try:
            yield fleet
        finally:
            try:
                await put_away(running)
            finally:
                await threads.close()
