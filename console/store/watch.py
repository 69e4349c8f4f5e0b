"""A watch that goes on: over members that die, freeze or are cut off, tokens that run out, restarts.

It resumes after the last revision that it has handed over, so nothing is lost and nothing comes twice. A
response of etcd holds whole revisions (`mvcc/watchable_store.go`; we do not ask for fragments), and its
header's revision is the store's, not that of its events: only the events' own say how far we are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

from console.errors import StoreRefused, StoreUnreachable
from console.store import faults
from console.store.calls import CallFailed, answer
from console.store.client import Compacted, Etcd, end_bytes, entry_of, key_bytes, key_of
from console.store.faults import Verdict
from console.store.values import Event, Span
from console.store.wire import aio, rpc

#: etcd says within this many seconds that it watches.
_CREATED_S = 3.0

#: How long a watch looks for a member in one go, before it says so and looks again.
_PATIENCE_S = 5.0

#: Between a break and the next try, so that a member that breaks each watch is not asked all the time.
_PAUSE_S = 0.05

_MAY_NOT = "permission denied"


async def watch(etcd: Etcd, span: Span, after: int) -> AsyncGenerator[tuple[Event, ...], None]:
    """The changes of `span` that came after revision `after`, in their order, until it is closed.

    An empty batch says that the watch stands: at first, and again after each break. Whoever leaves it
    before its end closes it (`contextlib.aclosing`).

    :raises Compacted: what comes next is gone from etcd: read what is now, and watch from there. So it is
        where etcd was set back to an earlier state, and never had what we have seen.
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
            async with aclosing(_stream(call, span, after + 1)) as stream:
                async for revision, events in stream:
                    refused = False
                    etcd.health.answered(member.endpoint.url)
                    if revision < after:  # of the member, which may be behind the others
                        await _see_whether_set_back(etcd, span, after)
                    yield events
                    if events:
                        after = events[-1].revision
        except CallFailed as failed:
            if failed.verdict is Verdict.TOKEN and not refused:
                refused = True
                etcd.forget_token(metadata)
                continue
            if failed.verdict in (Verdict.FINAL, Verdict.TOKEN):
                raise faults.refusal(failed.code, failed.details) from None
            await etcd.leave(member, failed.why)
            await asyncio.sleep(_PAUSE_S)
        except _Canceled as canceled:
            # A token that has run out is told as a right that is missing (etcd before 3.5.10).
            if refused or etcd.connection.identity.user is None:
                raise StoreRefused(f"etcd: {canceled}", hint="see `etcd init-auth`") from None
            refused = True
            etcd.forget_token(metadata)
        finally:
            call.cancel()


async def _see_whether_set_back(etcd: Etcd, span: Span, after: int) -> None:
    """:raises Compacted: the cluster as a whole is not where it was."""
    with suppress(StoreUnreachable):  # then it is looked at again with the next break
        if (await etcd.range(span, limit=1)).revision < after:
            raise Compacted(f"etcd: it was set back to before revision {after}")


class _Canceled(Exception):
    """etcd has ended the watch, and the stream goes on without it."""


async def _stream(call: Any, span: Span, start: int) -> AsyncGenerator[tuple[int, tuple[Event, ...]], None]:
    """Events, with the revision at which the member was when it sent them."""
    request = rpc.WatchCreateRequest(key=key_bytes(span.key), range_end=end_bytes(span), start_revision=start)
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
            yield said.header.revision, tuple(_event(event) for event in said.events)
        said = await answer(call.read())


def _event(event: Any) -> Event:
    kv = event.kv
    gone = event.type == event.DELETE
    return Event(key_of(kv), kv.mod_revision, None if gone else entry_of(kv))
