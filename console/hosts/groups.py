"""Task groups that leave no trace of their own cancellation.

A group whose child fails while the group waits for the rest cancels the task it runs in, and before
Python 3.13 it does not take that back (`Task.cancelling()` stays above zero). Whatever comes after
in the same task is then wrong: with Python 3.11.2, which Debian 12 has, every later
`asyncio.timeout` that expires ends in CancelledError and not in TimeoutError.
"""

from __future__ import annotations

import asyncio
from types import TracebackType


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
