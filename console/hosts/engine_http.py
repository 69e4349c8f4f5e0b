"""GETs over a daemon's unix socket: HTTP/1.1 with pipelining, for what every host asks all the time.

Why not the `docker` package, which makes all other requests: a picture of 20 containers is one list
and 20 inspections, and over a forwarded socket that took 51 ms of client CPU with it, 20 ms with
aiohttp and 6.6 ms here, where the 20 questions are one write and the answers come back in a few
packets (docs/decisions/0004-pipelined-container-questions.md). Every host pays that at each connect.

What is spoken is what net/http servers in Go send (docker, podman): a status line, headers, and a
body by `Content-Length`, by chunks (RFC 9112, 7.1), or up to the end of the connection. Everything
is bounded, and what does not fit is a `HostFailure` in the reader's words.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

HEAD_LIMIT = 64 * 1024
#: The largest piece of an endless body.
PIECE_LIMIT = 1024 * 1024
_LINE_LIMIT = 4096
_CONNECT_TIMEOUT = 10.0


class DaemonGone(Exception):
    """The daemon, or the way to it, closed the connection."""


class NotHttp(Exception):
    """An answer that is not HTTP as described above, or larger than it may be."""


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers of an answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    closes: bool  # the daemon ends the connection after this answer


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    head: Head
    body: bytes


class Connection:
    """One connection to a daemon: any number of GETs written, as many answers read, in order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, path: Path) -> Connection:
        """:raises DaemonGone: nobody listens there."""
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT):
                reader, writer = await asyncio.open_unix_connection(str(path), limit=HEAD_LIMIT)
        except (OSError, TimeoutError) as error:
            raise DaemonGone(str(error) or "no answer") from error
        return cls(reader, writer)

    def ask(self, targets: Iterable[str]) -> None:
        """Write a GET for each target. Targets are paths that the caller built and escaped."""
        self._writer.write(
            b"".join(
                f"GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n".encode(
                    "ascii"
                )
                for target in targets
            )
        )

    async def answer(self, limit: int) -> Answer:
        """The next answer, whole.

        :param limit: the most bytes a body may have.
        :raises DaemonGone: the connection ended before the answer did.
        :raises NotHttp: it cannot be read, or is too large.
        """
        head = await self.head()
        return Answer(head, b"".join([piece async for piece in self.body(head, limit)]))

    async def head(self) -> Head:
        """The next answer's status and headers; its `body` must be read next."""
        while True:
            block = await self._until(b"\r\n\r\n", HEAD_LIMIT)
            head = parse_head(block)
            if head.status >= 200:
                return head

    async def body(self, head: Head, limit: int | None) -> AsyncGenerator[bytes, None]:
        """The body's pieces as they come.

        :param limit: the most bytes it may have; None for one that has no end, whose pieces are
            bounded by `PIECE_LIMIT`.
        """
        room = _Room(limit)
        length = head.headers.get("content-length")
        if head.status in (204, 304):
            return
        if "chunked" in head.headers.get("transfer-encoding", "").lower():
            while size := _chunk_size(await self._until(b"\r\n", _LINE_LIMIT)):
                room.take(size)
                piece = await self._exactly(size + 2)
                if not piece.endswith(b"\r\n"):
                    raise NotHttp("a chunk that does not end where it says")
                yield piece[:-2]
            while await self._until(b"\r\n", _LINE_LIMIT) != b"\r\n":
                pass  # trailers
        elif length is not None:
            if not (length.isascii() and length.isdigit() and len(length) <= 18):
                raise NotHttp("an unreadable Content-Length")
            room.take(int(length))
            if int(length):
                yield await self._exactly(int(length))
        else:
            while piece := await self._some():
                room.take(len(piece))
                yield piece

    def close(self) -> None:
        """End it at once; what was written and not sent is dropped."""
        self._writer.transport.abort()

    async def wait_closed(self) -> None:
        with suppress(OSError):
            await self._writer.wait_closed()

    async def _until(self, mark: bytes, limit: int) -> bytes:
        try:
            found = await self._reader.readuntil(mark)
        except asyncio.IncompleteReadError as error:
            raise DaemonGone("the connection ended") from error
        except asyncio.LimitOverrunError as error:
            raise NotHttp("a line or head that does not end") from error
        except OSError as error:
            raise DaemonGone(str(error)) from error
        if len(found) > limit:
            raise NotHttp("a line or head that does not end")
        return found

    async def _exactly(self, size: int) -> bytes:
        try:
            return await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, OSError) as error:
            raise DaemonGone("the connection ended") from error

    async def _some(self) -> bytes:
        try:
            return await self._reader.read(65536)
        except OSError as error:
            raise DaemonGone(str(error)) from error


class _Room:
    """How much more of a body is taken in."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._left = limit

    def take(self, size: int) -> None:
        if self._left is None:
            if size > PIECE_LIMIT:
                raise NotHttp(f"a piece of {size} bytes")
            return
        self._left -= size
        if self._left < 0:
            raise NotHttp(f"an answer of more than {self._limit} bytes")


def parse_head(block: bytes) -> Head:
    """An answer's head, up to and with its blank line.

    :raises NotHttp: it is not one.
    """
    first, *lines = block.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    status = rest[:3]
    if version not in ("HTTP/1.1", "HTTP/1.0") or not (status.isascii() and status.isdigit()):
        raise NotHttp("an answer that is not HTTP")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    connection = headers.get("connection", "").lower()
    closes = "close" in connection or (version == "HTTP/1.0" and "keep-alive" not in connection)
    unbounded = "content-length" not in headers and "transfer-encoding" not in headers
    return Head(int(status), headers, closes or (unbounded and int(status) not in (204, 304)))


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not 0 < len(digits) <= 8 or digits.strip(b"0123456789abcdefABCDEF"):
        raise NotHttp("an unreadable chunk size")
    return int(digits, 16)
