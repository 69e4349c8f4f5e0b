"""What lies between the members of a cluster, and between clients and members: links that can be cut.

A cut link swallows what is sent, as a network does that has lost its way, and never says so: connections
stay open and new ones are taken. Once it is whole again those from before are reset.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

_CHUNK = 65536
#: Each request of a member to another says by this whose it is (etcd's `rafthttp`).
_FROM = re.compile(rb"X-Server-From: ([0-9a-f]+)\r\n", re.IGNORECASE)


class Link:
    """A listening port that leads to another.

    :param target: where it leads, a port of the loopback.
    :param apart: told of whoever connects (a member's id in hexadecimal, empty if none is said), says
        whether what lies between is cut just now.
    """

    def __init__(self, target: int, apart: Callable[[str], bool] = lambda source: False) -> None:
        self.target = target
        self.port = 0
        self._apart = apart
        self._cut = False
        self._mute = False
        self._open: dict[asyncio.Task[None], str] = {}

    def cut(self) -> None:
        """Swallow everything from now on."""
        self._cut = True

    def mute(self) -> None:
        """Swallow what comes back from now on; what is sent gets through."""
        self._mute = True

    def heal(self) -> None:
        """Let through what is new; reset what has lost something."""
        swallowing = [task for task, source in self._open.items() if self._mute or self._swallows(source)]
        self._cut = self._mute = False
        for task in swallowing:
            task.cancel()

    def reset(self) -> None:
        """Break every connection."""
        for task in self._open:
            task.cancel()

    def _swallows(self, source: str) -> bool:
        return self._cut or self._apart(source)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._open[task] = ""
        try:
            await self._carry(task, reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # either end has gone, or the link was reset
        finally:
            del self._open[task]
            writer.transport.abort()

    async def _carry(
        self, task: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        first = await reader.read(_CHUNK)
        if found := _FROM.search(first):
            self._open[task] = found[1].decode()
        source = self._open[task]
        while self._swallows(source):
            if not await reader.read(_CHUNK):
                return
        inner, outer = await asyncio.open_connection("127.0.0.1", self.target)
        try:
            outer.write(first)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pour(source, reader, outer))
                both.create_task(self._pour(source, inner, writer, answers=True))
        except* OSError:
            pass
        finally:
            outer.transport.abort()

    async def _pour(
        self,
        source: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        answers: bool = False,
    ) -> None:
        while chunk := await reader.read(_CHUNK):
            if not (self._swallows(source) or (answers and self._mute)):
                writer.write(chunk)
                await writer.drain()
        raise ConnectionResetError

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Link]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()
            tasks = list(self._open)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def cut(*links: Link) -> Iterator[None]:
    """Nothing gets through these for a while."""
    for link in links:
        link.cut()
    try:
        yield
    finally:
        for link in links:
            link.heal()
