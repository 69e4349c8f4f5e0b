"""The slow line: when bytes arrive, and that all of them do."""

from __future__ import annotations

import asyncio

import pytest

from console.lab.proxy import Line, carry


def test_a_delay_shifts_everything_and_slows_nothing() -> None:
    line = Line(delay=0.2, rate=None)
    assert [line.arrival(10.0, 1000), line.arrival(10.0, 1000)] == [10.2, 10.2]


def test_a_rate_queues_what_is_sent_behind_what_is_under_way() -> None:
    line = Line(delay=0.5, rate=1000)
    assert line.arrival(10.0, 100) == pytest.approx(10.6)
    assert line.arrival(10.0, 100) == pytest.approx(10.7)
    assert line.arrival(20.0, 100) == pytest.approx(20.6), "an idle line saves nothing up"


def test_a_slow_line_is_cut_into_small_pieces_and_never_into_none() -> None:
    assert Line(0, None).chunk == Line(0, 1e9).chunk
    assert Line(0, 20_000).chunk == 1000
    assert Line(0, 1).chunk == 256


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connected() -> tuple[Connection, Connection]:
    """Both ends of a TCP connection."""
    accepted: asyncio.Future[Connection] = asyncio.Future()
    server = await asyncio.start_server(lambda r, w: accepted.set_result((r, w)), "127.0.0.1", 0)
    near = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
    far = await accepted
    server.close()
    return near, far


async def test_all_bytes_come_out_in_order_and_then_the_end() -> None:
    (_, sender), (into_line, sender_far) = await connected()
    (receiver, receiver_near), (_, out_of_line) = await connected()
    message = bytes(range(256)) * 2000
    async with asyncio.TaskGroup() as group:
        group.create_task(carry(into_line, out_of_line, Line(0.01, 50e6)))
        sender.write(message)
        sender.write_eof()
        received = await receiver.read(-1)
    for writer in (sender, sender_far, receiver_near, out_of_line):
        writer.close()
        await writer.wait_closed()
    assert received == message


async def test_a_line_that_becomes_slower_delays_what_is_sent_from_then_on_and_loses_nothing() -> None:
    (_, sender), (into_line, sender_far) = await connected()
    (receiver, receiver_near), (_, out_of_line) = await connected()
    line = Line(0, None)
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        group.create_task(carry(into_line, out_of_line, line))
        sender.write(b"before")
        assert await receiver.readexactly(6) == b"before"
        line.delay = 0.3
        sent = loop.time()
        sender.write(b"after")
        sender.transport.abort()  # whoever sent it is gone
        assert await receiver.read(-1) == b"after"
        assert loop.time() - sent >= 0.3
    for writer in (sender_far, receiver_near, out_of_line):
        writer.close()
        await writer.wait_closed()
