"""A lease of ours in etcd: what is tied to it goes when we do not come back to prolong it.

The time for which it surely holds counts from when we asked for it to be prolonged, not from when the
answer came, and by a clock that goes on while the machine is suspended or we are stopped: who was frozen
and goes on knows at its next look that it holds nothing any more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from console.errors import StoreError
from console.store.calls import CallFailed, Metadata, answer, ended
from console.store.client import Etcd
from console.store.connection import Member
from console.store.wire import aio, rpc

#: How long giving a lease back may take; it ends by itself anyway. Seconds.
_REVOKE_S = 1.0


class Lease:
    """Made by `leased`.

    :param ttl: seconds, as etcd granted it.
    :param lost: set once it is not ours any more, or cannot be known to be.
    """

    def __init__(self, identity: int, ttl: float, asked: float) -> None:
        self.id = identity
        self.ttl = ttl
        self.lost = asyncio.Event()
        self._confirmed = asked

    @property
    def age(self) -> float:
        """Seconds since it was surely ours."""
        return now() - self._confirmed

    def holds(self, share: float = 1.0) -> bool:
        """Whether it was confirmed within this share of its time: a half is asked of who acts on it."""
        return not self.lost.is_set() and self.age < self.ttl * share

    def confirm(self, asked: float) -> None:
        self._confirmed = asked


@asynccontextmanager
async def leased(etcd: Etcd, ttl: int, on_lost: Callable[[], None] = lambda: None) -> AsyncIterator[Lease]:
    """A lease, prolonged every third of its time until the context is left, and then given back.

    :param ttl: seconds; etcd may grant more.
    :param on_lost: called once, should it be lost before that.
    :raises StoreError: none is granted.
    """
    asked = now()
    said = await _grant(etcd, ttl)
    lease = Lease(said.ID, said.TTL, asked)
    keeping = asyncio.create_task(_keep(etcd, lease, on_lost), name=f"lease {lease.id:x}")
    try:
        yield lease
    finally:
        keeping.cancel()
        try:
            await ended(keeping)
        finally:
            if not lease.lost.is_set():
                await _revoke(etcd, lease)


async def grant(etcd: Etcd, ttl: int) -> int:
    """A lease that nobody prolongs: what is tied to it is kept for `ttl` seconds. Its id.

    :raises StoreError: none is granted.
    """
    identity: int = (await _grant(etcd, ttl)).ID
    return identity


async def _grant(etcd: Etcd, ttl: int) -> Any:
    etcd.check_writes()
    # Should the answer be lost, the lease that nobody knows of ends by itself: it may be asked for again.
    return await etcd.read(
        lambda member, metadata, timeout: member.lease.LeaseGrant(
            rpc.LeaseGrantRequest(TTL=ttl), metadata=metadata, timeout=timeout
        )
    )


async def _keep(etcd: Etcd, lease: Lease, on_lost: Callable[[], None]) -> None:
    while lease.holds():
        await asyncio.sleep(min(lease.ttl / 3, lease.ttl - lease.age))
        asked = now()
        try:
            left = await etcd.read(
                lambda *how: _prolong(lease.id, *how), patience=max(lease.ttl - lease.age, 0.1)
            )
        except StoreError:
            continue  # in the connection's status; asked again for as long as it may still be ours
        if left <= 0:
            break
        lease.confirm(asked)
    lease.lost.set()
    on_lost()


async def _prolong(identity: int, member: Member, metadata: Metadata, timeout: float) -> Any:
    """Seconds that the lease has from now on; 0 if there is none."""
    call = member.lease.LeaseKeepAlive(metadata=metadata, timeout=timeout)
    try:
        await answer(call.write(rpc.LeaseKeepAliveRequest(ID=identity)))
        said = await answer(call.read())
    finally:
        call.cancel()
    if said is aio.EOF:
        raise CallFailed(None, "it has ended the stream")
    return said.TTL


async def _revoke(etcd: Etcd, lease: Lease) -> None:
    # What is tied to it goes at once and not only in a while: a courtesy, and nothing rests on it.
    with suppress(StoreError, TimeoutError):
        async with asyncio.timeout(_REVOKE_S):
            await etcd.once(
                "lease",
                lambda member, metadata, timeout: member.lease.LeaseRevoke(
                    rpc.LeaseRevokeRequest(ID=lease.id), metadata=metadata, timeout=timeout
                ),
            )


def now() -> float:
    """Seconds of a clock that also counts while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
