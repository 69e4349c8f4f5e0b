"""A group that fails leaves its task as it found it."""

from __future__ import annotations

import asyncio

import pytest

from console.hosts.groups import Group


async def fail() -> None:
    raise ValueError


async def failing_group() -> None:
    async with Group() as group:
        group.create_task(fail())
        group.create_task(asyncio.sleep(60))


async def test_after_a_group_failed_the_task_is_not_half_cancelled_and_timeouts_are_timeouts() -> None:
    task = asyncio.current_task()
    assert task
    with pytest.raises(BaseExceptionGroup):
        await failing_group()
    assert task.cancelling() == 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await asyncio.sleep(60)


async def test_a_group_that_is_cancelled_from_outside_stays_cancelled() -> None:
    async def grouped() -> None:
        async with Group() as group:
            group.create_task(asyncio.sleep(60))

    task = asyncio.create_task(grouped())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
