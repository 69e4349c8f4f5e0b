"""A connection that has ended is gone at once, and not only when all objects are looked at."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from console.hosts.bus import system_bus
from console.hosts.connect import Connector
from console.hosts.engine_threads import EngineThreads
from console.hosts.session import HostSession
from console.hosts.sources import make_sources
from console.model.events import Event, HostChanged, SourceChanged
from console.model.state import Source, State
from console.model.wants import EVERYTHING
from tests.sim.sim_host import sim_host

#: The simulated host is in this process too: what is its own does not count.
_OURS = frozenset(
    {"SSHClientConnection", "SSHClientProcess", "MessageBus", "Guard", "ContainerFeed", "Group"}
)


@contextmanager
def leftovers() -> Iterator[list[str]]:
    """The kinds of things that only the collector would free, of all that ended in the block."""
    found: list[str] = []
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found += [type(each).__name__ for each in gc.garbage]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


async def test_of_a_connection_with_a_bus_nothing_waits_for_the_collector(
    tmp_path: Path,
) -> None:
    async with sim_host(tmp_path) as host:
        with leftovers() as left:
            transport = await Connector(ssh_config=()).connect(host.config)
            async with system_bus(transport):
                await transport.run(("true",))
            await transport.close()
            del transport
            await asyncio.sleep(0.1)
    assert _OURS & set(left) == set()


async def test_nor_of_a_host_that_was_followed_until_it_was_lost(tmp_path: Path) -> None:
    threads = EngineThreads()
    live, lost = asyncio.Event(), asyncio.Event()
    known: dict[Source, State] = {}

    def emit(event: Event) -> None:
        if isinstance(event, SourceChanged):
            known[event.source] = event.status.state
            if set(known.values()) == {State.LIVE}:
                live.set()
        elif isinstance(event, HostChanged) and event.status.state is State.UNREACHABLE:
            lost.set()

    try:
        async with sim_host(tmp_path) as host:
            with leftovers() as left:
                sources = make_sources(host.config, EVERYTHING, threads)
                session = HostSession(host.config, Connector(ssh_config=()).connect, sources, emit)
                task = asyncio.create_task(session.run())
                async with asyncio.timeout(20):
                    await live.wait()
                    host.machine.change_line(down=True)
                    host.machine.drop()
                    await lost.wait()
                    await asyncio.sleep(0.1)
    finally:
        task.cancel()
        await asyncio.wait([task])
        await threads.close()
    assert _OURS & set(left) == set()
