"""The `containers` source of one host: docker's and podman's containers, live.

Each daemon is reached by its own unix socket through the transport, and two connections to it stay
open: one for its events, one for questions (`container_feed.py`). What it costs, measured with 20
containers on one docker host: docs/decisions/0004-pipelined-container-questions.md.

A daemon that is there and fails, fails the source: what is shown goes stale, and the session runs
the source anew. A daemon that is there and does not let us is left out while another one does
(`refused` tells), because a console that may read docker should show docker.

podman has no daemon of its own: systemd starts it on the first connection and it stays for as long
as its events are followed. It reads them from the journal, so they come 0.1 to 0.5 s late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import NoReturn

from console.errors import AccessRefused, HostError, HostFailure, Unreachable
from console.hosts.container_feed import ContainerFeed
from console.hosts.engine_api import Engine
from console.hosts.engine_sockets import find_engines
from console.hosts.engine_threads import EngineThreads
from console.hosts.groups import Group, unheld
from console.hosts.source import Emit
from console.hosts.transport import Transport
from console.model.container import Container
from console.model.events import ContainersChanged, ContainersListed

#: A daemon's stream and the connection under it end in either order; the connection has this long
#: to be the reason.
_LOST_GRACE = 0.25


class ContainersSource:
    """`SourceRun` for containers. One object a host; each `run` starts afresh.

    :param threads: for questions on demand (`engines`); shared by all hosts.
    """

    def __init__(self, host: str, threads: EngineThreads) -> None:
        self._host = host
        self._threads = threads
        self._engines: tuple[Engine, ...] = ()
        self._refused: tuple[AccessRefused, ...] = ()

    @property
    def engines(self) -> tuple[Engine, ...]:
        """The daemons that can be asked now; empty while the source does not run."""
        return self._engines

    @property
    def refused(self) -> tuple[AccessRefused, ...]:
        """Why daemons that are on the host are not followed."""
        return self._refused

    async def run(self, transport: Transport, emit: Emit, live: Callable[[], None]) -> NoReturn:
        try:
            async with AsyncExitStack() as stack:
                await self._follow(transport, stack, emit, live)
        except BaseExceptionGroup as group:
            fault = _fault_of(group)
            if fault is None:
                raise
            raise await _as_lost(transport, fault) from group
        except HostError as error:
            raise await _as_lost(transport, error) from error
        finally:
            self._engines, self._refused = (), ()

    async def _follow(
        self, transport: Transport, stack: AsyncExitStack, emit: Emit, live: Callable[[], None]
    ) -> NoReturn:
        found = await find_engines(transport, stack)
        self._refused = found.refused
        feeds = [ContainerFeed(reader) for reader in found.readers]
        for feed in feeds:
            stack.callback(feed.close)
        self._engines = tuple(feed.engine(self._threads) for feed in feeds)
        for engine in self._engines:
            stack.callback(engine.close)
        async with Group() as group:
            pictures = [group.create_task(feed.picture()) for feed in feeds]
        containers = tuple(container for picture in pictures for container in picture.result())
        emit(ContainersListed(self._host, containers))
        live()

        def changed(news: Sequence[Container], removed: Sequence[str]) -> None:
            emit(ContainersChanged(self._host, tuple(news), tuple(removed)))

        async with Group() as group:
            for feed in feeds:
                group.create_task(unheld(feed.follow(changed)), name=f"{self._host}: containers")
        raise AssertionError("a feed only ends by raising")


def _fault_of(group: BaseExceptionGroup[BaseException]) -> HostError | None:
    """The host's fault in a group that holds nothing else."""
    faults: list[HostError] = []
    for error in group.exceptions:
        fault = _fault_of(error) if isinstance(error, BaseExceptionGroup) else error
        if not isinstance(fault, HostError):
            return None
        faults.append(fault)
    return faults[0]


async def _as_lost(transport: Transport, fault: HostError) -> HostError:
    """`fault`, or the loss of the connection if that is what it comes from."""
    if isinstance(fault, HostFailure):
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOST_GRACE):
                return Unreachable(await transport.wait_closed(), host=transport.host)
    return fault
