"""Which member of etcd we talk to, and the change to another once it no longer answers.

    call ──▶ member() ──▶ Member: a channel and its stubs ──▶ no answer: leave() ──▶ the next endpoint

One channel at a time carries everything, so that whoever notices a dead member (a call, the probe, a
watch) moves all others along: leaving it ends every call that is still open on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from console.errors import StoreError, StoreRefused, StoreUnreachable
from console.store import faults
from console.store.calls import CallFailed, answer
from console.store.endpoints import Endpoint, Identity
from console.store.faults import Verdict
from console.store.wire import aio, credentials, rpc

#: A member that does not say how it is within this many seconds is passed over.
_CONNECT_S = 1.5

#: So long a member may take before the next one is tried too. A frozen one holds nobody up.
_HEAD_START_S = 0.3

#: The server closes connections that ping more often than every 5 s. Without `ping_timeout_ms` a frozen
#: server is noticed after 69 s, with it after 12 (measured, grpcio 1.85). Nothing is retried for us.
_OPTIONS = (
    ("grpc.keepalive_time_ms", 8_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.http2.ping_timeout_ms", 3_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", -1),
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),  # its back-off is not shared with an earlier try
)


_CLOSED = "the connection to etcd is closed"


class Member:
    """An open channel to one endpoint, with the stubs of etcd's services."""

    def __init__(self, endpoint: Endpoint, channel: Any) -> None:
        self.endpoint = endpoint
        self.kv = rpc.KVStub(channel)
        self.watch = rpc.WatchStub(channel)
        self.lease = rpc.LeaseStub(channel)
        self.cluster = rpc.ClusterStub(channel)
        self.maintenance = rpc.MaintenanceStub(channel)
        self.auth = rpc.AuthStub(channel)
        self._channel = channel

    async def close(self) -> None:
        """End every call on it; who waits for one sees it cancelled."""
        await self._channel.close()


def open_member(endpoint: Endpoint, identity: Identity) -> Member:
    """A channel to `endpoint`; nothing is connected yet."""
    if endpoint.tls:
        tls = credentials(identity.ca, identity.cert, identity.key)
        return Member(endpoint, aio.secure_channel(endpoint.target, tls, options=_OPTIONS))
    return Member(endpoint, aio.insecure_channel(endpoint.target, options=_OPTIONS))


class Connection:
    """The one member in use. Made and closed by the client.

    :ivar reason: why there was none when there last was none.
    """

    def __init__(self, endpoints: Sequence[Endpoint], identity: Identity) -> None:
        self.endpoints = tuple(endpoints)
        self.identity = identity
        self.reason = "no answer in time"
        self._next = 0
        self._member: Member | None = None
        self._connecting: asyncio.Task[Member] | None = None
        self._closed = False

    @property
    def current(self) -> Member | None:
        return self._member

    async def member(self) -> Member:
        """The member in use; if there is none, the first endpoint from the next one on that answers.

        Of those who ask while there is none, all wait for the same round over the endpoints.

        :raises StoreUnreachable: none does, or those that do have no leader.
        :raises StoreRefused: TLS comes to nothing, and that will not change by itself.
        :raises StoreError: it is closed.
        """
        if self._closed:
            raise StoreError(_CLOSED)
        if self._member is not None:
            return self._member
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connected(), name="etcd connecting")
            self._connecting.add_done_callback(_seen)
        try:
            member: Member = await answer(asyncio.shield(self._connecting))
        except CallFailed:
            raise StoreError(_CLOSED) from None
        return member

    async def leave(self, member: Member, reason: str) -> None:
        """Use another from now on, if `member` still is the one in use; it has not answered."""
        if self._member is not member:
            return
        self._member = None
        self.reason = reason
        self._next = (self.endpoints.index(member.endpoint) + 1) % len(self.endpoints)
        await member.close()

    async def close(self) -> None:
        """For good. Calls that are still open end."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait((self._connecting,))
        member, self._member = self._member, None
        if member is not None:
            await member.close()

    async def _connected(self) -> Member:
        """The member that is in use from now on.

        Nobody may find this task done and its member not in use: who asks then would ask again at once, and
        for ever, as nothing else would have its turn.
        """
        try:
            self._member = member = await self._connect()
        finally:
            self._connecting = None
        return member

    async def _connect(self) -> Member:
        order = [(self._next + offset) % len(self.endpoints) for offset in range(len(self.endpoints))]
        complaints: list[StoreError] = []
        trying: set[asyncio.Task[Member | StoreError]] = set()
        found: list[Member] = []
        try:
            while not found and (order or trying):
                if order:
                    trying.add(asyncio.create_task(self._try(self.endpoints[order.pop(0)])))
                done, trying = await asyncio.wait(
                    trying, timeout=_HEAD_START_S if order else None, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    said = task.result()
                    if isinstance(said, Member):
                        found.append(said)
                    else:
                        complaints.append(said)
            if found:
                self._next = self.endpoints.index(found[0].endpoint)
                return found.pop(0)
        finally:
            found += await _called_off(trying)
            for member in found:
                await member.close()
        # The most telling one: a refusal will not pass, and without a quorum it is not the network.
        worst = min(complaints, key=lambda one: (not isinstance(one, StoreRefused), not _no_quorum(one)))
        self.reason = worst.message
        if isinstance(worst, StoreRefused):
            raise worst
        raise faults.unreachable(len(self.endpoints), worst.message)

    async def _try(self, endpoint: Endpoint) -> Member | StoreError:
        """A member that is of use, or why it is not."""
        member = open_member(endpoint, self.identity)
        try:
            complaint = await _complaint(member)
        except BaseException:
            await member.close()
            raise
        if complaint is None:
            return member
        await member.close()
        return complaint


def _seen(task: asyncio.Task[Member]) -> None:
    """Whoever waits for it is told why it failed; there may be nobody."""
    if not task.cancelled():
        task.exception()


async def _called_off(tasks: set[asyncio.Task[Member | StoreError]]) -> list[Member]:
    """End these; the members of those that had one already."""
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    return [one for one in ended if isinstance(one, Member)]


def _no_quorum(complaint: StoreError) -> bool:
    return complaint.message.startswith("no quorum")


async def _complaint(member: Member) -> StoreError | None:
    """Why this member is of no use now; None if it is."""
    try:
        status = await answer(member.maintenance.Status(rpc.StatusRequest(), timeout=_CONNECT_S))
    except CallFailed as failed:
        if failed.verdict in (Verdict.FINAL, Verdict.TOKEN):
            return None  # it answers; that it does not tell us this is no reason against it
        return faults.tls_refusal(failed.code, failed.details) or StoreUnreachable(failed.why)
    return None if status.leader else StoreUnreachable("no quorum: it has no leader")
