"""Many hosts asked side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from console.errors import HostError

T = TypeVar("T")
A = TypeVar("A")

#: How many hosts are asked a question at the same time.
_ASKED_AT_ONCE = 32


async def ask_each(
    targets: Iterable[T], question: Callable[[T], Awaitable[A]], failed: Callable[[HostError], None]
) -> list[A]:
    """Ask a question of many targets, a bounded number at a time; the answers in the targets' order.

    :param failed: gets the error of each target that could not answer.
    """
    gate = asyncio.Semaphore(_ASKED_AT_ONCE)

    async def one(target: T) -> list[A]:
        async with gate:
            try:
                return [await question(target)]
            except HostError as error:
                failed(error)
                return []

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(target)) for target in targets]
    return [answer for task in tasks for answer in task.result()]
