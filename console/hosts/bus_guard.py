"""What stands between a host's bus socket and the D-Bus library: a limit on what the host may send.

The library takes messages of up to 128 MiB, as the specification has it, and builds every value in
them before anybody can look: one hostile host could take gigabytes. So the bytes pass through here,
where only the lengths are read (D-Bus specification, "Message Format"), and a message that is too
long ends the connection before it is stored anywhere.

The library also never sees the host's side of the socket end under its hands: when the host goes,
its owner is told first and closes it in an orderly way.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import struct
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

#: A listing takes about 190 bytes a unit: this is 40,000 units in one message.
MESSAGE_LIMIT = 8 * 1024 * 1024

#: The handshake is one short line, or a few.
HANDSHAKE_LIMIT = 4096

_HEADER = 16
_LENGTHS = {ord("l"): struct.Struct("<4xIII"), ord("B"): struct.Struct(">4xIII")}


class FrameError(ValueError):
    """The stream is not D-Bus, or says more than it may."""


class FrameGuard:
    """Follows the lengths in what a bus sends to its client. Pure; keeps at most 16 bytes.

    :param limit: bytes in one message.
    """

    def __init__(self, limit: int = MESSAGE_LIMIT) -> None:
        self._limit = limit
        self._skip = 0  # bytes of the current message still to come
        self._part = b""  # an incomplete header, or an incomplete line of the handshake
        self._handshake: int | None = HANDSHAKE_LIMIT  # bytes it may still take; None once it is over

    def feed(self, data: bytes) -> None:
        """Check the next bytes.

        :raises FrameError: they must not reach the library.
        """
        if self._handshake is not None:
            rest = self._shake_hands(data)
            if rest is None:
                return
            data = rest
        if self._part:
            data = self._part + data
            self._part = b""
        at, end = self._skip, len(data)
        while at + _HEADER <= end:
            at += self._message_length(data, at)
        if at < end:
            self._part = data[at:]
            self._skip = 0
        else:
            self._skip = at - end

    def _shake_hands(self, data: bytes) -> bytes | None:
        """What follows the handshake; None while it goes on. It ends with the line `OK <guid>`."""
        assert self._handshake is not None
        self._handshake -= len(data)
        data = self._part + data
        self._part = b""
        while (end := data.find(b"\r\n")) >= 0:
            line, data = data[:end], data[end + 2 :]
            if line.split(b" ", 1)[0] == b"OK":
                self._handshake = None
                return data
        if self._handshake < 0:
            raise FrameError("it does not speak D-Bus")
        self._part = data
        return None

    def _message_length(self, data: bytes, at: int) -> int:
        lengths = _LENGTHS.get(data[at])
        if lengths is None or data[at + 3] != 1:
            raise FrameError("what it sends is not D-Bus")
        body, _, fields = lengths.unpack_from(data, at)
        length: int = _HEADER + fields + (-fields % 8) + body
        if length > self._limit:
            raise FrameError(f"it sends a message of {length} bytes, and {self._limit} is the limit")
        return length


class Guard:
    """One guarded connection; see `guarded`."""

    def __init__(self, limit: int) -> None:
        self._frames = FrameGuard(limit)
        self.fault: str | None = None  # why the guard ended it; None if it did not
        self.down = False
        #: Told, at once, that the host's side is gone; before the client's side ends.
        self.on_down: Callable[[], None] | None = None
        #: To be called when the one client has come, to free the listener early.
        self.stop_listening: Callable[[], None] = lambda: None
        self._host_side = _Side(self._from_host, self._over)
        self._client_side = _Side(self._from_client, self._over)
        self._host_side.peer = self._client_side
        self._client_side.peer = self._host_side

    def to_host(self) -> asyncio.Protocol:
        """The protocol of the connection to the host. It is not read before there is a client."""
        return self._host_side

    def to_client(self) -> asyncio.Protocol:
        """The protocol of a client's connection: the first one's; others are turned away."""
        if self._client_side.transport is not None or self.down:
            return _Side(lambda data: None, lambda: None, refuse=True)
        return self._client_side

    def _from_host(self, data: bytes) -> None:
        try:
            self._frames.feed(data)
        except FrameError as error:
            self.fault = str(error)
            self._over()
            return
        self._client_side.write(data)

    def _from_client(self, data: bytes) -> None:
        self._host_side.write(data)

    def _over(self) -> None:
        if self.down:
            return
        self.down = True
        if self.on_down:
            self.on_down()
        self.close()

    def close(self) -> None:
        self.down = True
        self._host_side.abort()
        self._client_side.abort()

    def untie(self) -> None:
        """Nothing comes any more: let its two sides, which know it, know nothing."""
        self.stop_listening = _nothing
        for side in (self._host_side, self._client_side):
            side.untie()

    async def closed(self) -> None:
        await self._host_side.closed.wait()
        if self._client_side.transport is not None:
            await self._client_side.closed.wait()


class _Side(asyncio.Protocol):
    """One end: hands on what it reads, and holds its peer back while it cannot write."""

    def __init__(
        self, take: Callable[[bytes], None], over: Callable[[], None], *, refuse: bool = False
    ) -> None:
        self._take = take
        self._over = over
        self._refuse = refuse
        self.transport: asyncio.Transport | None = None
        self.peer: _Side | None = None
        self.closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if self._refuse:
            transport.abort()
        elif self.peer is not None and self.peer.transport is None:
            transport.pause_reading()
        elif self.peer is not None:
            self.peer.resume_writing_to()

    def resume_writing_to(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        self._take(data)

    def write(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def pause_writing(self) -> None:
        if self.peer and self.peer.transport and not self.peer.transport.is_closing():
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.peer:
            self.peer.resume_writing_to()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def untie(self) -> None:
        self._take, self._over, self.peer = _drop, _nothing, None

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()
        if not self._refuse:
            self._over()


def _drop(data: bytes) -> None:
    """Said by a side that nobody listens to any more."""


def _nothing() -> None:
    """Nobody is to be told."""


@asynccontextmanager
async def guarded(path: Path, limit: int = MESSAGE_LIMIT) -> AsyncIterator[tuple[Path, Guard]]:
    """A socket that leads to the one at `path`, for one client, with a limit on the answers.

    :raises OSError: nothing listens at `path`.
    """
    loop = asyncio.get_running_loop()
    guard = Guard(limit)
    await loop.create_unix_connection(guard.to_host, str(path))
    folder = tempfile.mkdtemp(prefix="qd-bus-")  # made with mode 0700
    try:
        local = Path(folder) / "bus"
        server = await loop.create_unix_server(guard.to_client, str(local), backlog=1)
        guard.stop_listening = server.close
        try:
            yield local, guard
        finally:
            server.close()
            guard.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await guard.closed()
            guard.untie()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
