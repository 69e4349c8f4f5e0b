"""The line between a host and its consoles: where it freezes, where it is slow, where it forgets.

A `Front` stands between a TCP connection and the SSH connection on it. While nothing is wrong it only
hands on what comes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from console.lab.sim.machine import Line

#: Bytes held back for a connection that stands still; then the other side is held back too.
_HELD_MOST = 256 * 1024

#: What the line carries to: an SSH connection, made when the first byte may pass.
Make = Callable[[], Any]


class Front(asyncio.Protocol):
    """One TCP connection of a host.

    :param line: how the host's line is; looked at with each piece.
    :param make: makes the protocol behind it, asyncssh's connection.
    """

    def __init__(self, line: Line, make: Make, fronts: set[Front]) -> None:
        self._line = line
        self._make = make
        self._fronts = fronts
        self._behind: Any = None
        self._forgotten = False
        #: Done once the connection is gone.
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._in = _Pipe(line, self._deliver)
        self._out = _Pipe(line, self._send)

    # -- asyncio's side ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._fronts.add(self)
        if not self._line.frozen:
            self._begin()

    def data_received(self, data: bytes) -> None:
        if not self._forgotten:
            self._in.push(data)
            if self._in.size > _HELD_MOST:
                self._transport.pause_reading()

    def eof_received(self) -> bool | None:
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self._fronts.discard(self)
        self.lost.set_result(None)
        self._in.drop()
        self._out.drop()
        if self._behind is not None:
            self._behind.connection_lost(exc)

    def pause_writing(self) -> None:
        if self._behind is not None:
            self._behind.pause_writing()

    def resume_writing(self) -> None:
        if self._behind is not None:
            self._behind.resume_writing()

    # -- what befalls the line --------------------------------------------------------------

    def thaw(self) -> None:
        """The line moves again: what was held back passes."""
        if self._behind is None and not self._forgotten:
            self._begin()
        self._in.flush()
        self._out.flush()
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def forget(self) -> None:
        """The host knows nothing of this connection any more, and says so to nobody."""
        self._forgotten = True
        self._in.drop()
        self._out.drop()

    def cut(self) -> None:
        self._transport.abort()

    def _begin(self) -> None:
        self._behind = self._make()
        self._behind.connection_made(_Wire(self, self._transport))

    def _deliver(self, data: bytes) -> None:
        if self._behind is not None and not self._transport.is_closing():
            self._behind.data_received(data)

    def _send(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def write(self, data: bytes) -> None:
        if not self._forgotten:
            self._out.push(data)


class _Wire(asyncio.Transport):
    """What the SSH connection takes for its TCP connection."""

    def __init__(self, front: Front, transport: asyncio.Transport) -> None:
        super().__init__()
        self._front = front
        self._real = transport
        self._pieces: list[bytes] = []

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._real.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        # All that is said in one turn of the loop goes out at once.
        if not self._pieces:
            asyncio.get_running_loop().call_soon(self._flush)
        self._pieces.append(bytes(data))

    def _flush(self) -> None:
        pieces, self._pieces = self._pieces, []
        if pieces:
            self._front.write(b"".join(pieces))

    def is_closing(self) -> bool:
        return self._real.is_closing()

    def close(self) -> None:
        self._flush()
        self._real.close()

    def abort(self) -> None:
        self._real.abort()

    def pause_reading(self) -> None:
        self._real.pause_reading()

    def resume_reading(self) -> None:
        self._real.resume_reading()


class _Pipe:
    """One direction: at once, late, at a rate, or not for now; always in order."""

    def __init__(self, line: Line, deliver: Callable[[bytes], None]) -> None:
        self._line = line
        self._deliver = deliver
        self._held: deque[tuple[float, bytes]] = deque()
        self._free = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.size = 0

    def push(self, data: bytes) -> None:
        line = self._line
        if not self._held and not line.frozen and not line.delay and line.rate is None:
            self._deliver(data)
            return
        now = asyncio.get_running_loop().time()
        self._free = max(self._free, now) + (len(data) / line.rate if line.rate else 0.0)
        self._held.append((self._free + line.delay, data))
        self.size += len(data)
        self._wait()

    def flush(self) -> None:
        """Deliver what is due."""
        self._timer = None
        now = asyncio.get_running_loop().time()
        while self._held and self._held[0][0] <= now and not self._line.frozen:
            _, data = self._held.popleft()
            self.size -= len(data)
            self._deliver(data)
        self._wait()

    def drop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._held.clear()
        self.size = 0

    def _wait(self) -> None:
        if self._held and self._timer is None and not self._line.frozen:
            self._timer = asyncio.get_running_loop().call_at(self._held[0][0], self.flush)
