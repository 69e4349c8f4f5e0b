"""One call of gRPC: its answer, or a failure that says what it came to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from console.store import faults
from console.store.faults import Verdict
from console.store.wire import UsageError, aio

#: What goes with a call beside its message.
Metadata = tuple[tuple[str, str], ...]

_GIVEN_UP = "the connection was given up"


class CallFailed(Exception):
    """A call that came to nothing. Does not leave this room.

    :param code: gRPC's status, None where the channel was closed under the call.
    """

    def __init__(self, code: Any, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details

    @property
    def verdict(self) -> Verdict:
        return faults.verdict(self.code, self.details)

    @property
    def why(self) -> str:
        return faults.why(self.code, self.details)


async def ended(task: asyncio.Task[Any]) -> None:
    """Wait for a task that was told to end. :raises Exception: it had failed before."""
    await asyncio.wait((task,))
    if not task.cancelled():
        task.result()


async def answer(call: Awaitable[Any]) -> Any:
    """Await a call, or one message of a stream.

    :raises CallFailed: also where the channel was closed: grpc.aio raises a cancellation then, which must
        not be taken for one of the task that waits.
    """
    try:
        return await call
    except aio.AioRpcError as error:
        raise CallFailed(error.code(), error.details() or "") from None
    except (UsageError, asyncio.InvalidStateError):  # the channel, or the stream, had ended before
        raise CallFailed(None, _GIVEN_UP) from None
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise CallFailed(None, _GIVEN_UP) from None
