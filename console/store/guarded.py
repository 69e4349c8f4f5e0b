"""Writes that compare what they were based on, and that find out what became of them.

A write whose answer was lost is not sent again. It is told (`told`), and what is there now is read: the
new value, so it was done; what was there before, so it was not, as of the revision of that reading; or
something else, so that somebody else was first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from console.errors import Conflict, FateUnknown, StoreUnreachable
from console.store.client import Etcd
from console.store.values import OPERATIONS, Delete, Entry, Guard, Operation, Put, Span, Unchanged

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
    :raises StoreError: nothing was written.
    """
    return await _settled(etcd, Put(key, value, lease), key, value, before, guards, told)


async def delete(etcd: Etcd, before: Entry, *, guards: Sequence[Guard] = (), told: Told = _unheard) -> int:
    """Have no such key, if it still is as in `before`. See `put`."""
    return await _settled(etcd, Delete(Span(before.key)), before.key, None, before, guards, told)


async def change(
    etcd: Etcd, key: str, changed: Callable[[Entry | None], bytes | None], *, told: Told = _unheard
) -> Entry | None:
    """Work out what `key` shall hold from what it holds (None: no such key), and have it so.

    `changed` is called again where somebody else was faster. It may raise to let all be.

    :return: what the key was before.
    :raises Conflict: others are always faster.
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
    operation: Operation,
    key: str,
    value: bytes | None,
    before: Entry | None,
    guards: Sequence[Guard],
    told: Told,
) -> int:
    was = 0 if before is None else before.modified
    try:
        written = await etcd.write([operation], [Unchanged(key, was), *guards])
    except FateUnknown as unknown:
        told(unknown)
        found = await etcd.range(Span(key))
        now = found.entries[0] if found.entries else None
        if (None if now is None else now.modified) == (was or None):
            raise StoreUnreachable(
                f"{key}: was not written, as of revision {found.revision}", hint="try again"
            ) from unknown
        if (None if now is None else now.value) == value:
            return found.revision if now is None else now.modified
        raise _conflict(key) from unknown
    if not written.done:
        raise _conflict(key)
    return written.revision


def _conflict(key: str) -> Conflict:
    return Conflict(f"{key} has been changed by somebody else meanwhile", hint="look at it and try again")
