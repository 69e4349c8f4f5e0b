"""HTTP as daemons write it, and as they do not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.hosts.engine_http import PIECE_LIMIT, Answer, Connection, DaemonGone, NotHttp, parse_head


@asynccontextmanager
async def saying(path: Path, data: bytes, piece: int = 0) -> AsyncIterator[Connection]:
    """A connection to somebody who says this, a few bytes at a time, and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        step = piece or len(data) or 1
        try:
            for start in range(0, len(data), step):
                writer.write(data[start : start + step])
                await writer.drain()
                await asyncio.sleep(0)
        except ConnectionError:
            pass
        writer.close()

    server = await asyncio.start_unix_server(serve, str(path))
    connection = await Connection.open(path)
    try:
        yield connection
    finally:
        connection.close()
        server.close()
        await server.wait_closed()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "daemon.sock"


OK = b"HTTP/1.1 200 OK\r\n"
SIZED = OK + b"Content-Length: 5\r\n\r\nhello"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n3;ext=1\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: x\r\n\r\n"
UNENDING = b"HTTP/1.0 200 OK\r\n\r\nhello"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + SIZED


@pytest.mark.parametrize(
    "data", [SIZED, CHUNKED, UNENDING, EARLY], ids=["sized", "chunked", "to the end", "1xx"]
)
@pytest.mark.parametrize("piece", [0, 1, 7])
async def test_a_body_in_each_framing_and_any_packets(path: Path, data: bytes, piece: int) -> None:
    async with saying(path, data, piece) as connection:
        answer = await connection.answer(1000)
    assert (answer.head.status, answer.body) == (200, b"hello")


async def test_answers_follow_each_other_on_one_connection(path: Path) -> None:
    empty = b"HTTP/1.1 204 No Content\r\n\r\n"
    async with saying(path, SIZED + CHUNKED + empty + SIZED) as connection:
        answers = [await connection.answer(1000) for _ in range(4)]
        assert [answer.body for answer in answers] == [b"hello", b"hello", b"", b"hello"]
        with pytest.raises(DaemonGone):
            await connection.answer(1000)


@pytest.mark.parametrize("data", [SIZED[:-1], CHUNKED[:-8], OK, b"", SIZED[:20]])
async def test_an_answer_that_breaks_off(path: Path, data: bytes) -> None:
    async with saying(path, data) as connection:
        with pytest.raises(DaemonGone):
            await connection.answer(1000)


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_10.0\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        OK + b"Content-Length: -5\r\n\r\nhello",
        OK + b"Content-Length: 5x\r\n\r\nhello",
        OK + b"Content-Length: 99999999999999999999\r\n\r\nhello",
        OK + b"Content-Length: 1001\r\n\r\n" + b"x" * 1001,
        OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nffffffff\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + (b"64\r\n" + b"x" * 100 + b"\r\n") * 11,
        OK + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 5000 + b"\r\n",
        OK + b"\r\n" + b"x" * 1001,
        OK + b"X: " + b"x" * 100_000,
    ],
)
async def test_what_is_not_http_or_too_much_is_refused(path: Path, data: bytes) -> None:
    async with saying(path, data) as connection:
        with pytest.raises(NotHttp):
            await connection.answer(1000)


async def test_an_endless_body_comes_piece_by_piece(path: Path) -> None:
    data = OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"2\r\n{}\r\n" * 3
    async with saying(path, data) as connection:
        body = connection.body(await connection.head(), None)
        assert [await anext(body) for _ in range(3)] == [b"{}"] * 3
        with pytest.raises(DaemonGone):
            await anext(body)


async def test_a_piece_of_an_endless_body_is_bounded(path: Path) -> None:
    async with saying(
        path, OK + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % (PIECE_LIMIT + 1)
    ) as connection:
        body = connection.body(await connection.head(), None)
        with pytest.raises(NotHttp):
            await anext(body)


async def test_nobody_listens(path: Path) -> None:
    with pytest.raises(DaemonGone):
        await Connection.open(path)


@pytest.mark.parametrize(
    ("head", "closes"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n", True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\n\r\n", True),
        (b"HTTP/1.1 204 No\r\n\r\n", False),
    ],
)
def test_whether_the_connection_ends_with_the_answer(head: bytes, closes: bool) -> None:
    assert parse_head(head).closes is closes


def _sized(body: bytes, _cuts: list[int]) -> bytes:
    return OK + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _in_chunks(body: bytes, cuts: list[int]) -> bytes:
    edges = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    pieces = [body[start:end] for start, end in pairwise(edges)]
    return (
        OK + b"Transfer-Encoding: chunked\r\n\r\n"
        + b"".join(b"%X\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        + b"0\r\n\r\n"
    )  # fmt: skip


_framed = st.tuples(
    st.sampled_from([_sized, _in_chunks]), st.binary(max_size=200), st.lists(st.integers(0, 300), max_size=5)
)


@given(st.lists(_framed, min_size=1, max_size=5))
async def test_any_bodies_in_any_framing_are_told_apart(
    said: list[tuple[Callable[[bytes, list[int]], bytes], bytes, list[int]]],
) -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(b"".join(framing(body, cuts) for framing, body, cuts in said))
    reader.feed_eof()
    connection = Connection(reader, None)  # type: ignore[arg-type]
    answers: list[Answer] = [await connection.answer(1000) for _ in said]
    assert [answer.body for answer in answers] == [body for _, body, _ in said]
