"""A group that fails leaves its task as it found it."""

from __future__ import annotations

import asyncio
import gc
import weakref
from contextlib import suppress

import pytest

from console.hosts.groups import Group, let_go, put_away, unheld


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


class Held:
    """Something that is local to what fails."""


async def _fails(kept: list[weakref.ref[Held]]) -> None:
    held = Held()
    kept.append(weakref.ref(held))
    async with Group() as group:
        group.create_task(asyncio.sleep(60))
        group.create_task(_raises(held))


async def _raises(held: Held) -> None:
    raise ValueError(held is None)


async def test_an_error_that_is_let_go_keeps_nothing_of_what_it_ended_alive() -> None:
    kept: list[weakref.ref[Held]] = []
    gc.disable()
    try:
        with suppress(ExceptionGroup):
            await _fails(kept)
        assert kept[0]() is not None
        try:
            await _fails(kept)
        except ExceptionGroup as error:
            let_go(error)
        assert kept[1]() is None
    finally:
        gc.enable()


async def test_a_task_that_is_cancelled_keeps_nothing_of_what_it_did_alive() -> None:
    async def waits(kept: list[weakref.ref[Held]]) -> None:
        held = Held()
        kept.append(weakref.ref(held))
        async with Group():
            await asyncio.Event().wait()

    kept: list[weakref.ref[Held]] = []
    gc.disable()
    try:
        for doing in (waits(kept), unheld(waits(kept))):
            task = asyncio.create_task(doing)
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            del task, doing
        assert [each() is None for each in kept] == [False, True]
    finally:
        gc.enable()


async def test_who_is_cancelled_while_he_puts_a_task_away_waits_for_it_and_is_cancelled_then() -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def ends_slowly() -> None:
        try:
            begun.set()
            await asyncio.sleep(60)
        finally:
            await may_end.wait()

    task = asyncio.create_task(ends_slowly())
    await begun.wait()
    waiting = asyncio.create_task(put_away(task))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)
    assert not waiting.done(), "the task has not ended yet"
    may_end.set()
    await asyncio.wait((waiting,))
    assert task.done()
    assert waiting.cancelled()


async def test_a_task_that_had_failed_before_it_was_put_away_says_so() -> None:
    task = asyncio.create_task(fail())
    await asyncio.wait((task,))
    with pytest.raises(ValueError, match=r"^$"):
        await put_away(task)
