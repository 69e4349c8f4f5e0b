"""Which hosts hold the slots that FleetLock's ids name: looked up by the engine that leads, which sees them.

An id tells nothing to who did not see its host, and FleetLock may be answered by an engine that stands by.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import aclosing

from console.engine.term import Term
from console.errors import StoreError, first_of
from console.fleet.model import Feed
from console.model.locks import LockState
from console.rollouts.fleetlock_ids import hosts_by_id, named
from console.rollouts.reboot_lock import RebootLock
from console.store.mirror import mirror
from console.store.records import read_lock
from console.store.values import Entry

#: What hosts tell within so many seconds is looked at together. Seconds.
_GATHER_S = 1.0


async def name_holders(term: Term) -> None:
    """Have each holder of a slot that goes by a known id be known by its host, until cancelled.

    :raises StoreError: etcd says no.
    """
    memory, model = term.setting.memory, term.fleet.model
    lock, entries = RebootLock(memory.etcd, memory.keys), dict[str, Entry]()
    stirred = asyncio.Event()

    async def follow_locks() -> None:
        span = memory.keys.under("locks/reboot")
        async with aclosing(mirror(memory.etcd, span, entries)) as changing:
            async for _ in changing:
                stirred.set()

    async def follow_hosts(feed: Feed) -> None:
        while True:
            if (await feed.batch(_GATHER_S)).hosts:
                stirred.set()

    async def name() -> None:
        while True:
            await stirred.wait()
            stirred.clear()
            states = unnamed(entries.values())
            by_id = hosts_by_id(model.hosts()) if states else {}
            for state in states:
                found = named(state, by_id)
                for before, after in zip(state.holders, found.holders, strict=True):
                    if after != before and after.host is not None and term.claim.holds():
                        await lock.name(state.group, after.id, after.host)

    feed = model.feed()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(follow_locks(), name="following reboot locks")
            group.create_task(follow_hosts(feed), name="following hosts")
            group.create_task(name(), name="naming holders")
    except* StoreError as errors:
        raise first_of(errors) from None
    finally:
        model.leave(feed)


def unnamed(entries: Iterable[Entry]) -> list[LockState]:
    """The locks that have a holder whose host is not known; those that cannot be read have none."""
    found = []
    for entry in entries:
        try:
            state = read_lock(entry.key.rpartition("/")[2], entry.value)
        except (ValueError, KeyError):
            continue  # `lock status` and whoever asks for a slot are told
        if any(holder.host is None for holder in state.holders):
            found.append(state)
    return found
