"""A watch that goes on: over members that die, freeze or are cut off, tokens that run out, restarts.

It resumes after the last revision that it has handed over, so nothing is lost and nothing comes twice. A
response of etcd holds whole revisions (`mvcc/watchable_store.go`; we do not ask for fragments), and its
header's revision is the store's, not that of its events: only the events' own say how far we are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from console.errors import StoreRefused, StoreUnreachable
from console.store import faults
from console.store.calls import CallFailed, answer
from console.store.client import Compacted, Etcd, entry_of
from console.store.faults import Verdict
from console.store.values import Event, Span
from console.store.wire import aio, rpc

#: etcd says within this many seconds that it watches.
_CREATED_S = 3.0

#: How long a watch looks for a member in one go, before it says so and looks again.
_PATIENCE_S = 5.0

_MAY_NOT = "permission denied"


async def watch(etcd: Etcd, span: Span, after: int) -> AsyncIterator[tuple[Event, ...]]:
    """The changes of `span` that came after revision `after`, in their order, until it is closed.

    An empty batch says that the watch stands: at first, and again after each break.

    :raises Compacted: what comes next is gone from etcd: read what is now, and watch from there.
    :raises StoreRefused: our user may not.
    """
    refused = False
    while True:
        try:
            member, metadata = await etcd.ready(asyncio.get_running_loop().time() + _PATIENCE_S)
        except StoreUnreachable:
            continue  # it is in the status of the connection, which whoever shows this shows too
        call = member.watch.Watch(metadata=metadata)
        try:
            async for events in _stream(call, span, after + 1):
                refused = False
                etcd.health.answered(member.endpoint.url)
                yield events
                if events:
                    after = events[-1].revision
        except CallFailed as failed:
            if failed.verdict is Verdict.TOKEN and not refused:
                refused = True
                etcd.forget_token()
                continue
            if failed.verdict in (Verdict.FINAL, Verdict.TOKEN):
                raise faults.refusal(failed.code, failed.details) from None
            await etcd.leave(member, failed.why)
        except _Canceled as canceled:
            # A token that has run out is told as a right that is missing (etcd before 3.5.10).
            if refused or etcd.connection.identity.user is None:
                raise StoreRefused(f"etcd: {canceled}", hint="see `etcd init-auth`") from None
            refused = True
            etcd.forget_token()
        finally:
            call.cancel()


class _Canceled(Exception):
    """etcd has ended the watch, and the stream goes on without it."""


async def _stream(call: Any, span: Span, start: int) -> AsyncIterator[tuple[Event, ...]]:
    request = rpc.WatchCreateRequest(
        key=span.key.encode(), range_end=b"" if span.end is None else span.end.encode(), start_revision=start
    )
    try:
        async with asyncio.timeout(_CREATED_S):
            await answer(call.write(rpc.WatchRequest(create_request=request)))
            said = await answer(call.read())
    except TimeoutError:
        raise CallFailed(None, "it does not say that it watches") from None
    while True:
        if said is aio.EOF:
            raise CallFailed(None, "it has ended the stream")
        if said.canceled:
            if said.compact_revision:
                raise Compacted(f"etcd: what came after revision {start - 1} has been compacted")
            raise _Canceled(faults.words(said.cancel_reason) or _MAY_NOT)
        if said.events or said.created:
            yield tuple(_event(event) for event in said.events)
        said = await answer(call.read())


def _event(event: Any) -> Event:
    kv = event.kv
    gone = event.type == event.DELETE
    return Event(kv.key.decode("utf-8", "replace"), kv.mod_revision, None if gone else entry_of(kv))
