"""The threads on which a library that blocks may wait for a daemon, and how a wait is cut short."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from console.errors import InternalError

T = TypeVar("T")


class Call:
    """One question under way, and the socket it waits on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._cut = False

    def waits_on(self, sock: socket.socket) -> None:
        """On the thread: the question goes out over `sock`.

        :raises OSError: nobody wants the answer any more.
        """
        with self._lock:
            self._socket = sock
            if self._cut:
                raise OSError("cut off")

    def over(self) -> None:
        """On the thread: the connection may be another question's from here on."""
        with self._lock:
            self._socket = None

    def cut(self) -> None:
        """From any thread: end the wait, by ending the connection under it."""
        with self._lock:
            self._cut = True
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)


class EngineThreads:
    """A few threads for all daemons of all hosts. Made once, closed once.

    :param most: how many questions are under way at once; a thread starts when it is first needed.
    """

    def __init__(self, most: int = 16) -> None:
        self._pool = ThreadPoolExecutor(most, thread_name_prefix="engine")
        self._gate = asyncio.Semaphore(most)
        self._calls: set[Call] = set()
        self._closed = False

    async def run(self, work: Callable[[Call], T], timeout: float) -> T:
        """`work` on a thread.

        When the time is up, or whoever awaits this is cancelled, the call is cut off and the
        thread left to find that out by itself.

        :param timeout: seconds, counted from when a thread is free.
        :raises TimeoutError: they are over.
        """
        async with self._gate:
            if self._closed:
                raise InternalError("a question to a container engine after the end")
            call = Call()
            self._calls.add(call)
            future = self._pool.submit(_until_over, work, call)
            future.add_done_callback(lambda _: self._calls.discard(call))
            try:
                async with asyncio.timeout(timeout):
                    return await asyncio.wrap_future(future)
            except BaseException:
                call.cut()
                raise

    async def close(self) -> None:
        """Cut off what is under way and see the threads end."""
        self._closed = True
        for call in tuple(self._calls):
            call.cut()
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)


def _until_over(work: Callable[[Call], T], call: Call) -> T:
    try:
        return work(call)
    finally:
        call.over()
