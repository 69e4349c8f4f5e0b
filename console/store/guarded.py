"""Writes that compare what they were based on, and that find out what became of them.

A write whose answer was lost is not sent again, and it may still be on its way: a member that was frozen,
or cut off, hands it on when it comes back (measured, with a follower that had passed it to a frozen leader).
It is told (`told`), and then settled. A key that was there is moved on to a new revision, as it is, so that
what is still on its way finds its guard broken: it was not written and will not be. If that cannot be done,
the first change after what the write was based on tells: it is ours, or somebody else was first. A change
is taken for ours if it makes the key what it was to be; values should say whose they are.

A key that was not there cannot be moved on. If it is not there now either, its fate stays unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from itertools import islice

from console.errors import Conflict, FateUnknown, StoreError, StoreUnreachable
from console.store.client import Etcd
from console.store.values import (
    OPERATIONS,
    Delete,
    Entry,
    Event,
    Guard,
    Operation,
    Put,
    Span,
    Touch,
    Unchanged,
)
from console.store.watch import watch

#: How often something is worked out anew because others are changing it too.
_TRIES = 8

Told = Callable[[FateUnknown], None]


def _unheard(unknown: FateUnknown) -> None:
    pass


async def put(
    etcd: Etcd,
    key: str,
    value: bytes,
    before: Entry | None,
    *,
    lease: int = 0,
    guards: Sequence[Guard] = (),
    told: Told = _unheard,
) -> int:
    """Have `key` hold `value`, if it still is as in `before`; the revision at which it does.

    :param guards: what has to hold besides.
    :raises Conflict: it is not, or a guard does not hold. Nothing was written.
    :raises FateUnknown: the answer was lost, and what there is does not tell.
    :raises StoreError: nothing was written.
    """
    return await _settled(etcd, Put(key, value, lease), key, before, guards, told)


async def delete(etcd: Etcd, before: Entry, *, guards: Sequence[Guard] = (), told: Told = _unheard) -> int:
    """Have no such key, if it still is as in `before`. See `put`."""
    return await _settled(etcd, Delete(Span(before.key)), before.key, before, guards, told)


async def change(
    etcd: Etcd, key: str, changed: Callable[[Entry | None], bytes | None], *, told: Told = _unheard
) -> Entry | None:
    """Work out what `key` shall hold from what it holds (None: no such key), and have it so.

    `changed` is called again where somebody else was faster. It may raise to let all be.

    :return: what the key was before.
    :raises Conflict: others are always faster.
    :raises FateUnknown: as `put`.
    :raises StoreError: nothing was written.
    """
    for _ in range(_TRIES):
        before = await etcd.get(key)
        value = changed(before)
        if value == (None if before is None else before.value):
            return before
        try:
            if value is not None:
                await put(etcd, key, value, before, told=told)
            elif before is not None:
                await delete(etcd, before, told=told)
        except Conflict:
            continue
        return before
    raise Conflict(f"{key} is being changed by others all the time", hint="try again")


async def in_pages(etcd: Etcd, operations: Iterable[Operation], guards: Sequence[Guard] = ()) -> int:
    """Many writes, as many at one revision as etcd takes; how many were done.

    :raises Conflict: a guard does not hold; the pages before are written.
    :raises StoreError: the pages before are written.
    """
    done = 0
    rest = iter(operations)
    while page := list(islice(rest, OPERATIONS)):
        if not (await etcd.write(page, guards)).done:
            raise Conflict("what they were based on has changed meanwhile")
        done += len(page)
    return done


async def _settled(
    etcd: Etcd,
    operation: Put | Delete,
    key: str,
    before: Entry | None,
    guards: Sequence[Guard],
    told: Told,
) -> int:
    was = Unchanged(key, 0 if before is None else before.modified)
    try:
        written = await etcd.write([operation], [was, *guards])
    except FateUnknown as unknown:
        told(unknown)
        try:
            revision = await _fate(etcd, operation, key, before)
        except Conflict as conflict:
            raise conflict from unknown
        except (StoreError, TimeoutError) as error:  # nor can it be settled
            raise unknown from error
        if revision is None:
            raise StoreUnreachable(f"{key}: was not written, and will not be", hint="try again") from unknown
        return revision
    if not written.done:
        raise _conflict(key)
    return written.revision


async def _fate(etcd: Etcd, operation: Put | Delete, key: str, before: Entry | None) -> int | None:
    """At which revision it was done; None: it was not, and will not be.

    :raises Conflict: somebody else was first.
    :raises StoreError: it cannot be told.
    """
    if before is None:
        return await _created(etcd, operation, key)
    if (await etcd.write([Touch(key)], [Unchanged(key, before.modified)])).done:
        return None
    async with asyncio.timeout(etcd.patience):
        event = await _next_event(etcd, before)
    if _is(operation, event.entry):
        return event.revision
    raise _conflict(key)


async def _created(etcd: Etcd, operation: Put | Delete, key: str) -> int:
    """When a key came to be that was not there, if it did so as it was to."""
    found = await etcd.range(Span(key))
    now = found.entries[0] if found.entries else None
    if now is not None and now.version > 1:
        now = (await etcd.range(Span(key), revision=now.created)).entries[0]
    if now is not None and _is(operation, now):
        return now.modified
    there = "it is not there" if now is None else "another's is there"
    raise StoreError(f"{key}: {there} as of revision {found.revision}")


async def _next_event(etcd: Etcd, before: Entry) -> Event:
    """What came right after `before`, which is changed by now: the only thing that a guarded write can be."""
    async with aclosing(watch(etcd, Span(before.key), before.modified)) as changes:
        async for events in changes:
            if events:
                return events[0]
    raise AssertionError("a watch does not end")


def _is(operation: Put | Delete, entry: Entry | None) -> bool:
    match operation:
        case Put(_, value, lease):
            return entry is not None and (entry.value, entry.lease) == (value, lease)
        case Delete():
            return entry is None


def _conflict(key: str) -> Conflict:
    return Conflict(f"{key} has been changed by somebody else meanwhile", hint="look at it and try again")
