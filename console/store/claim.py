"""A key that one of many holds: the elected engine, a lock. It ends with its holder's lease.

    async with claimed(etcd, "/quarterdeck/engine/leader", b"…", ttl=15) as claim:
        if claim.holds():                                   # confirmed within half its lease
            await etcd.write(…, guards=[claim.guard])       # and etcd refuses it if another holds by now

The revision at which the key came to be is the fencing token: it rises from holder to holder, and a
write that compares it cannot be done by one who was frozen and does not know that it was replaced.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass

from console.errors import FateUnknown, StoreUnreachable
from console.store.calls import ended
from console.store.client import Compacted, Etcd
from console.store.lease import Lease, leased
from console.store.values import Entry, Put, SameLife, Span, Unchanged
from console.store.watch import watch

#: Who acts on a claim has had its lease confirmed within this share of the lease's time.
FRESH = 0.5


@dataclass(frozen=True, slots=True)
class Claim:
    """A key that is ours. `revision` is when it became so: the fencing token."""

    key: str
    revision: int
    lease: Lease

    @property
    def guard(self) -> SameLife:
        """What makes a write fail once the claim is another's."""
        return SameLife(self.key, self.revision)

    def holds(self) -> bool:
        """Whether we may still act on it without asking etcd."""
        return self.lease.holds(FRESH)


@asynccontextmanager
async def claimed(
    etcd: Etcd, key: str, value: bytes, ttl: int, waits: Callable[[Entry], None] = lambda holder: None
) -> AsyncIterator[Claim]:
    """Hold `key`; wait for it while another does. It is let go when the context is left.

    :param ttl: seconds after which another may have it, should we vanish.
    :param waits: told who holds it, each time it is another.
    :raises StoreError: etcd does not let us, or our lease ran out while we waited.
    """
    async with leased(etcd, ttl) as lease:  # what is tied to it goes when it is given back
        yield await _claim(etcd, key, value, lease, waits)


async def _claim(etcd: Etcd, key: str, value: bytes, lease: Lease, waits: Callable[[Entry], None]) -> Claim:
    while lease.holds():
        with suppress(FateUnknown):  # whether it is ours is read right after
            written = await etcd.write([Put(key, value, lease.id)], [Unchanged(key, 0)])
            if written.done:
                return Claim(key, written.revision, lease)
        holder = await etcd.get(key)
        if holder is None:
            continue
        if holder.lease == lease.id:
            return Claim(key, holder.created, lease)
        waits(holder)
        await _until_gone(etcd, holder, lease)
    raise StoreUnreachable(f"our lease ran out while we waited for {key}")


async def _until_gone(etcd: Etcd, holder: Entry, lease: Lease) -> None:
    """Wait until another's claim is gone, or our own lease."""
    going = asyncio.create_task(_gone(etcd, holder), name=f"waiting for {holder.key}")
    losing = asyncio.create_task(lease.lost.wait(), name=f"holding the lease for {holder.key}")
    try:
        await asyncio.wait((going, losing), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (going, losing):
            task.cancel()
            await ended(task)


async def _gone(etcd: Etcd, holder: Entry) -> None:
    with suppress(Compacted):  # then it is looked at anew
        async with aclosing(watch(etcd, Span(holder.key), holder.modified)) as watching:
            async for events in watching:
                if any(event.entry is None for event in events):
                    return
