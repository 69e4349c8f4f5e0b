"""Task groups that leave no trace of their own cancellation, and errors that keep nothing alive.

A group whose child fails while the group waits for the rest cancels the task it runs in, and before
Python 3.13 it does not take that back (`Task.cancelling()` stays above zero). Whatever comes after
in the same task is then wrong: with Python 3.11.2, which Debian 12 has, every later
`asyncio.timeout` that expires ends in CancelledError and not in TimeoutError.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from traceback import clear_frames
from types import TracebackType
from typing import Any, TypeVar

Returned = TypeVar("Returned")


class Group(asyncio.TaskGroup):
    """`asyncio.TaskGroup`, after whose failure the task counts as uncancelled as before it."""

    async def __aenter__(self) -> Group:
        task = asyncio.current_task()
        assert task is not None
        self._before = task.cancelling()
        await super().__aenter__()
        return self

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await super().__aexit__(error_type, error, trace)
        except BaseExceptionGroup:
            task = asyncio.current_task()
            assert task is not None
            while task.cancelling() > self._before:
                task.uncancel()
            raise


async def put_away(task: asyncio.Task[Any]) -> None:
    """End a task and wait until it has ended.

    A cancellation of who waits comes once it has, and is not taken for the task's own, as it would be by who
    awaits what he has cancelled: an engine that was told to end at that moment would go on.

    :raises Exception: it had failed before.
    """
    task.cancel()
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    if not task.cancelled():
        task.result()


async def unheld(doing: Coroutine[Any, Any, Returned]) -> Returned:
    """What `doing` gives; an error of its, or its cancellation, keeps nothing of what was local in it.

    For a task of a group: it is held by its own cancellation, which it holds.
    """
    try:
        return await doing
    except BaseException as error:
        let_go(error)
        raise


def let_go(error: BaseException) -> None:
    """Forget the local variables of what `error` has ended, now that it has been dealt with.

    An error that went through a task group is held by a frame that it holds itself, and with it all that was
    local on its way: a host's units, for as long as the garbage collector does not come by.
    """
    seen: set[int] = set()
    errors: list[BaseException | None] = [error]
    while errors:
        each = errors.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        clear_frames(each.__traceback__)
        errors += (each.__cause__, each.__context__)
        if isinstance(each, BaseExceptionGroup):
            errors += each.exceptions
