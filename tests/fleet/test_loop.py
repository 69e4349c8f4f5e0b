"""A round of the loop is short however many hosts speak at once, and none of them is left out."""

from __future__ import annotations

import asyncio
import gc
import socket
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from selectors import EVENT_READ

import pytest

from console.fleet.loop import FairSelector, fair_loop

_HOSTS = 50


def talking(stack: ExitStack) -> list[socket.socket]:
    """Our ends of sockets on which something waits to be read."""
    ours = []
    for _ in range(_HOSTS):
        near, far = (stack.enter_context(end) for end in socket.socketpair())
        near.setblocking(False)
        far.send(b"x")
        ours.append(near)
    return ours


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_a_few_are_told_of_at_a_time_and_all_before_any_is_told_of_again(stack: ExitStack) -> None:
    selector = stack.enter_context(FairSelector(8))
    for each in talking(stack):
        selector.register(each, EVENT_READ)
    rounds = [[key.fd for key, _ in selector.select()] for _ in range(7)]
    assert [len(told) for told in rounds] == [8] * 6 + [2]
    assert len({fd for told in rounds for fd in told}) == _HOSTS
    assert selector.select()  # nobody has read: all of them are still ready


def test_one_that_is_gone_or_another_by_now_is_not_told_of(stack: ExitStack) -> None:
    selector = stack.enter_context(FairSelector(8))
    ours = talking(stack)
    for each in ours:
        selector.register(each, EVENT_READ)
    first = {key.fd for key, _ in selector.select()}
    left = [each for each in ours if each.fileno() not in first]
    gone, again = left[:20], left[20:]
    for each in gone:
        selector.unregister(each)
    for each in again:
        selector.unregister(each)
        selector.register(each, EVENT_READ)
    told = {key.fd for _ in range(14) for key, _ in selector.select(0)}
    assert told == first | {each.fileno() for each in again}


def test_what_is_to_be_done_soon_is_done_after_eight_hosts_and_not_after_all(stack: ExitStack) -> None:
    read: list[int] = []
    before: list[int] = []

    async def hear() -> None:
        loop = asyncio.get_running_loop()
        all_read = asyncio.Event()

        def take(each: socket.socket) -> None:
            each.recv(1)
            loop.remove_reader(each)
            if not read:
                loop.call_soon(lambda: before.append(len(read)))
            read.append(each.fileno())
            if len(read) == _HOSTS:
                all_read.set()

        for each in talking(stack):
            loop.add_reader(each, take, each)
        await all_read.wait()

    with asyncio.Runner(loop_factory=fair_loop) as runner:
        runner.run(hear())
    assert len(read) == _HOSTS
    assert before == [8]


def test_of_a_connection_that_has_ended_nothing_waits_for_the_collector() -> None:
    async def connect_and_end() -> weakref.ref[asyncio.BaseTransport]:
        near, far = socket.socketpair()
        with far:
            transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=near)
            transport.close()
            await asyncio.sleep(0)
            return weakref.ref(transport)

    gc.disable()
    try:
        with asyncio.Runner(loop_factory=fair_loop) as runner:
            ended = runner.run(connect_and_end())
            runner.run(asyncio.sleep(0))
            assert ended() is None
    finally:
        gc.enable()
