"""What an engine answers over HTTP: to who asks properly, and to who does not."""

from __future__ import annotations

import asyncio
import http.client
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from console.engine import web
from console.engine.web import Answer, Reply, Request, serve
from console.errors import QuarterdeckError


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[tuple[str, int]]:
    """A server on a free port."""
    bound: asyncio.Future[tuple[str, int]] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(serve(("127.0.0.1", 0), answer, bound.set_result))
    yield await bound
    running.cancel()
    await asyncio.wait((running,))


async def echo(request: Request) -> Reply:
    """Says what was asked."""
    told = f"{request.method} {request.path} {request.headers.get('x-a', '')}"
    return Reply(200, told.encode() + b" " + request.body, headers={"x-b": "2"})


async def ask(address: tuple[str, int], method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
    """The status and the body, by the standard library's client."""

    def work() -> tuple[int, str]:
        connection = http.client.HTTPConnection(*address, timeout=5)
        try:
            connection.request(method, path, body, {"X-A": "1"})
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        finally:
            connection.close()

    return await asyncio.to_thread(work)


async def raw(address: tuple[str, int], sent: bytes, *, ends: bool = True) -> bytes:
    """What comes back to these bytes; nothing where we are cut off."""

    def work() -> bytes:
        with socket.create_connection(address, timeout=5) as connection, suppress(OSError):
            connection.sendall(sent)
            if ends:
                connection.shutdown(socket.SHUT_WR)
            with connection.makefile("rb") as answered:
                return answered.read()
        return b""

    return await asyncio.to_thread(work)


async def test_a_request_is_answered_with_its_method_path_headers_and_body() -> None:
    async with serving(echo) as address:
        assert await ask(address, "POST", "/v1/x?y=1", b"hello") == (200, "POST /v1/x 1 hello")


async def test_head_has_no_body() -> None:
    async with serving(echo) as address:
        assert await ask(address, "HEAD", "/") == (200, "")


async def test_many_ask_at_once() -> None:
    async with serving(echo) as address:
        answers = await asyncio.gather(*(ask(address, "GET", f"/{n}") for n in range(40)))
    assert answers == [(200, f"GET /{n} 1 ") for n in range(40)]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"what is this?\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),  # no Host
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 3 * web.HEAD_MOST + b"\r\n\r\n", b"431"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n" + b"a" * 70000, b"413"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", b"400"),
    ],
    ids=("no HTTP", "no host", "a long head", "a long body", "no length"),
)
async def test_what_is_no_request_is_told_so_and_the_next_is_answered(sent: bytes, status: bytes) -> None:
    async with serving(echo) as address:
        assert (await raw(address, sent)).split()[1] == status
        assert (await ask(address, "GET", "/"))[0] == 200


async def test_who_hangs_up_in_the_middle_is_let_go() -> None:
    async with serving(echo) as address:
        assert b"400" in await raw(address, b"GET / HT")
        assert (await ask(address, "GET", "/"))[0] == 200


async def test_who_sends_half_a_request_and_waits_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "WITHIN_S", 0.05)
    async with serving(echo) as address, asyncio.timeout(5):
        assert await raw(address, b"GET / HTTP/1.1\r\n", ends=False) == b""


async def test_more_than_it_has_room_for_are_closed_and_the_others_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(web, "AT_ONCE", 1)
    begun, go = asyncio.Event(), asyncio.Event()

    async def slow(request: Request) -> Reply:
        begun.set()
        await go.wait()
        return Reply(204)

    async with serving(slow) as address:
        first = asyncio.create_task(ask(address, "GET", "/"))
        await begun.wait()
        assert await raw(address, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") == b""
        go.set()
        assert await first == (204, "")


async def test_a_port_that_is_taken_is_told() -> None:
    async with serving(echo) as address:
        with pytest.raises(QuarterdeckError, match="already in use"):
            await serve(address, echo, lambda bound: None)


async def test_a_fault_in_an_answer_ends_it() -> None:
    async def fail(request: Request) -> Reply:
        raise AssertionError("a fault of ours")

    bound: asyncio.Future[tuple[str, int]] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(serve(("127.0.0.1", 0), fail, bound.set_result))
    await raw(await bound, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    with pytest.raises(BaseExceptionGroup):
        await running
