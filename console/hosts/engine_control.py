"""Changes to one host's containers, through the `docker` package. For as long as a command takes.

Paths and parameters are those of the Docker Engine API (https://docs.docker.com/reference/api/engine/),
which podman speaks too. A way of its own to the daemon is opened, as root where the user may not use
the socket (`engine_sockets.py`), and closed with the command. What became of a change is not taken from
the answer but looked at: `inspect`.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from console.errors import HostFailure
from console.hosts.container_facts import UnreadableContainer, from_inspect
from console.hosts.engine_api import AT_ONCE as READS_AT_ONCE
from console.hosts.engine_api import Engine
from console.hosts.engine_reader import Daemon
from console.hosts.engine_sockets import open_engine
from console.hosts.engine_threads import Call, EngineThreads
from console.hosts.transport import Transport
from console.model.container import Container

if TYPE_CHECKING:
    from console.hosts.engine_docker import WritingEngine

T = TypeVar("T")

#: Changes of one daemon under way at once, at most; each holds a thread, and a session where relayed.
AT_ONCE = 4
#: Seconds for a change that waits for nothing.
PATIENCE = 30.0


class EngineControl:
    """One daemon of one host, open for changes. Made by `engine_control`, which closes it.

    Containers are named by their full ids. Every method raises `HostError`s: `Absent` for a container
    that is not there, `HostFailure` with the daemon's own words for one that it will not change.
    """

    def __init__(self, host: str, daemon: Daemon, path: Path, threads: EngineThreads) -> None:
        self.host = host
        self.kind = daemon.kind
        self._api = daemon.api
        self._path = path
        self._threads = threads
        self._reading = Engine(host, daemon, path, threads, lambda _: None)
        self._making = threading.Lock()
        self._writing: WritingEngine | None = None
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def inspect(self, container: str) -> Container:
        """The container now."""
        found = await self._reading.inspect(container)
        try:
            return from_inspect(self.host, self.kind, found)
        except UnreadableContainer as error:
            raise HostFailure(str(error), host=self.host) from error

    async def details(self, container: str) -> Mapping[str, object]:
        """`GET /containers/{id}/json`: everything the daemon knows of it, as it says it."""
        return await self._reading.details(container)

    async def image(self, name: str) -> Mapping[str, object]:
        """`GET /images/{name}/json` of an image that is on the host; `Absent` for one that is not."""
        return await self._reading.image(name)

    # -- changes ----------------------------------------------------------------------------

    async def create(self, name: str, body: Mapping[str, object]) -> str:
        """Make a container, by the body of `POST /containers/create`; its id. It is not started."""
        answer = await self._write("/containers/create", {"name": name}, body)
        try:
            made = json.loads(answer)["Id"]
        except (ValueError, KeyError, TypeError):
            made = None
        if not isinstance(made, str):
            raise HostFailure(f"{self.kind} does not say what it has made", host=self.host)
        return made

    async def connect(self, network: str, container: str, endpoint: Mapping[str, object]) -> None:
        """Have a container in one more network."""
        body = {"Container": container, "EndpointConfig": dict(endpoint)}
        await self._write(f"/networks/{quote(network, safe='')}/connect", {}, body)

    async def rename(self, container: str, name: str) -> None:
        await self._post(container, "rename", {"name": name})

    async def tag(self, image: str, repository: str, tag: str) -> None:
        """Have a name stand for an image that is there, whatever it stood for."""
        await self._write(f"/images/{quote(image, safe='')}/tag", {"repo": repository, "tag": tag})

    async def start(self, container: str) -> None:
        await self._post(container, "start")

    async def stop(self, container: str, *, grace: float | None, patience: float) -> None:
        """Stop it: its stop signal, and KILL after `grace` seconds (None: as it is configured).

        :param patience: seconds that all of it may take.
        """
        await self._post(container, "stop", _grace(grace), patience)

    async def restart(self, container: str, *, grace: float | None, patience: float) -> None:
        """Stop it as `stop` does, and start it; one that does not run is started."""
        await self._post(container, "restart", _grace(grace), patience)

    async def kill(self, container: str, signal: str) -> None:
        """Send a signal, `TERM`, to its main process."""
        await self._post(container, "kill", {"signal": f"SIG{signal}"})

    async def pause(self, container: str) -> None:
        await self._post(container, "pause")

    async def unpause(self, container: str) -> None:
        await self._post(container, "unpause")

    async def remove(self, container: str, *, force: bool, volumes: bool) -> None:
        """Delete it.

        :param force: kill it first if it runs.
        :param volumes: its anonymous volumes too.
        """
        query = {"force": _flag(force), "v": _flag(volumes)}
        target = f"/containers/{quote(container, safe='')}"

        def work(call: Call) -> None:
            self._engine().delete(call, target, query, deadline=PATIENCE)

        await self._do(work, PATIENCE)

    def close(self) -> None:
        """Drop the connections; the threads' owner cuts off what is under way."""
        self._reading.close()
        if self._writing is not None:
            self._writing.close()

    # -- how --------------------------------------------------------------------------------

    async def _post(
        self, container: str, what: str, query: Mapping[str, str] | None = None, patience: float = PATIENCE
    ) -> None:
        await self._write(f"/containers/{quote(container, safe='')}/{what}", query or {}, patience=patience)

    async def _write(
        self,
        target: str,
        query: Mapping[str, str],
        body: Mapping[str, object] | None = None,
        *,
        patience: float = PATIENCE,
    ) -> bytes:
        def work(call: Call) -> bytes:
            return self._engine().post(call, target, query, deadline=patience, body=body)

        return await self._do(work, patience)

    async def _do(self, work: Callable[[Call], T], patience: float) -> T:
        async with self._at_once:
            try:
                return await self._threads.run(work, patience)
            except TimeoutError:
                raise HostFailure(
                    f"{self.kind} has not done it within {patience:.0f} s, and may go on", host=self.host
                ) from None

    def _engine(self) -> WritingEngine:
        """On a thread, since the import takes its time."""
        with self._making:
            if self._writing is None:
                from console.hosts.engine_docker import WritingEngine

                self._writing = WritingEngine(
                    self.host, self.kind, self._path, self._api, silence=PATIENCE, at_once=AT_ONCE
                )
            return self._writing


def _grace(seconds: float | None) -> dict[str, str]:
    """The API counts whole seconds; a part of one is not cut off."""
    return {} if seconds is None else {"t": str(-int(-seconds // 1))}


def _flag(on: bool) -> str:
    return "true" if on else "false"


@asynccontextmanager
async def engine_control(transport: Transport, kind: str) -> AsyncIterator[EngineControl]:
    """The host's docker or podman, open for changes. :raises HostError: it cannot be had.

    :param kind: docker or podman.
    """
    async with AsyncExitStack() as stack:
        threads = EngineThreads(AT_ONCE + READS_AT_ONCE)
        reader = await open_engine(transport, stack, kind)
        reader.close()  # it was for finding out what listens there
        control = EngineControl(transport.host, reader.daemon, reader.path, threads)
        stack.push_async_callback(threads.close)
        stack.callback(control.close)
        yield control
