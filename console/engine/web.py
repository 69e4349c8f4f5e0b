"""HTTP/1.1 for who asks an engine something: metrics, FleetLock. h11 reads and writes it.

One request a connection (RFC 9112, section 9.6: `Connection: close`), bounded in its size, in the time that
it may take, and in how many there are at once; whoever comes when there are too many is closed unread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import h11

from console.errors import QuarterdeckError

#: Bytes of a request's head, and of its body.
HEAD_MOST, BODY_MOST = 16 * 1024, 64 * 1024

#: How long a request may take to come, and its answer to be taken, in seconds; and how many there may be.
WITHIN_S = 10.0
AT_ONCE = 64

_PIECE = 16 * 1024

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked. `headers` have their names in lower case; `path` is without the query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered."""

    status: int
    body: bytes = b""
    kind: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Callable[[Request], Awaitable[Reply]]


async def serve(address: tuple[str, int], answer: Answer, bound: Callable[[tuple[str, int]], None]) -> None:
    """Answer at an address and port, until cancelled; those who are being answered then are cut off.

    :param answer: what it raises is a fault of ours, and ends this.
    :param bound: takes the address and port that are listened at, which port 0 leaves open.
    :raises QuarterdeckError: it cannot be listened there.
    """
    slots = asyncio.Semaphore(AT_ONCE)
    group = asyncio.TaskGroup()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if slots.locked():
            writer.transport.abort()
            return
        task = group.create_task(_one(reader, writer, answer, slots), name="a request")
        # Also of one that is cancelled before it has begun.
        task.add_done_callback(lambda _: writer.transport.abort())

    try:
        server = await asyncio.start_server(connected, *address, limit=_PIECE, start_serving=False)
    except OSError as error:
        where = f"{address[0]} port {address[1]}"
        raise QuarterdeckError(f"cannot listen at {where}: {error.strerror or error}") from error
    async with group, server:
        await server.start_serving()
        host, port = server.sockets[0].getsockname()[:2]
        bound((host, port))
        await asyncio.get_running_loop().create_future()


async def _one(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer, slots: asyncio.Semaphore
) -> None:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_MOST)
    async with slots:
        try:
            asked = await _in_time(_read(connection, reader, writer))
            if asked is not None:
                reply = await answer(asked) if isinstance(asked, Request) else asked
                whole = not (isinstance(asked, Request) and asked.method == "HEAD")
                await _in_time(_write(connection, reply, reader, writer, whole=whole))
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()


async def _in_time(doing: Coroutine[Any, Any, _T]) -> _T | None:
    """None where somebody sends half a request and waits, takes no answer, or has hung up."""
    with suppress(TimeoutError, OSError):
        async with asyncio.timeout(WITHIN_S):
            return await doing
    return None


async def _read(
    connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Request | Reply | None:
    """The request; what is to be said to one that is none; None: they have gone and asked nothing."""
    head: h11.Request | None = None
    body = b""
    try:
        while True:
            match event := connection.next_event():
                case h11.NEED_DATA:
                    if connection.they_are_waiting_for_100_continue:
                        go_on = h11.InformationalResponse(status_code=100, headers=[])
                        writer.write(connection.send(go_on) or b"")
                    connection.receive_data(await reader.read(_PIECE))
                case h11.Request():
                    head = event
                case h11.Data():
                    body += event.data
                    if len(body) > BODY_MOST:
                        return Reply(413, b"too much\n")
                case h11.EndOfMessage() if head is not None:
                    break
                case _:
                    return None
    except h11.RemoteProtocolError as error:
        return Reply(error.error_status_hint, f"{error}\n".encode())
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
    path = head.target.decode("latin-1").partition("?")[0]
    return Request(head.method.decode("ascii"), path, headers, body)


async def _write(
    connection: h11.Connection,
    reply: Reply,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    *,
    whole: bool,
) -> None:
    headers = {
        "content-type": reply.kind,
        "content-length": str(len(reply.body)),
        "connection": "close",
        **reply.headers,
    }
    sent = connection.send(h11.Response(status_code=reply.status, headers=list(headers.items()))) or b""
    if whole:
        sent += connection.send(h11.Data(data=reply.body)) or b""
    writer.write(sent + (connection.send(h11.EndOfMessage()) or b""))
    await writer.drain()
    writer.write_eof()
    # What they are still sending is read to its end: a socket closed on it would take our answer with it.
    while await reader.read(_PIECE):
        pass
