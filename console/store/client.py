"""etcd as this program asks it: reads that find a member that answers, writes that are never repeated.

    async with open_etcd(config) as etcd:
        listing = await etcd.list(Span.under("/quarterdeck/hosts/"))
        await etcd.write([Put(key, value)], guards=[Unchanged(key, entry.modified)])

Every call has a deadline. A read that gets no answer is asked of the next endpoint, while our patience
lasts. A write is sent once: where its answer is lost it ends with `FateUnknown`, and `guarded.py` reads
what became of it. Source of the protocol: etcd's `api/etcdserverpb/rpc.proto`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from console.errors import StoreError, StoreRefused, StoreUnreachable
from console.model.config import EtcdConfig
from console.store import faults
from console.store.calls import CallFailed, Metadata, answer, ended
from console.store.connection import Connection, Member
from console.store.endpoints import Identity, endpoint, identity
from console.store.faults import Verdict
from console.store.health import Health
from console.store.values import (
    OPERATIONS,
    Delete,
    Entry,
    Guard,
    Listing,
    Operation,
    Put,
    SameLife,
    Span,
    Touch,
    Unchanged,
    Written,
)
from console.store.wire import rpc

#: One try of a read, one write, and how long a call looks for a member that answers. Seconds.
READ_S = 2.0
WRITE_S = 3.0
PATIENCE_S = 8.0

#: Between two rounds over endpoints of which none answered.
_PAUSE_S = 0.2

#: Before the same is asked of the next member: one that fails at once is not asked all the time.
_TRY_S = 0.02

#: Keys of one page of a listing.
PAGE = 1000

#: etcd answers nothing while it has no leader; without this a member cut off would wait.
_HAS_LEADER = ("hasleader", "true")

#: Which user asks; empty where etcd does not ask for one.
_TOKEN = "token"

#: Makes a call to a member: with this metadata, and a timeout in seconds.
Ask = Callable[[Member, Metadata, float], Awaitable[Any]]


class Compacted(StoreError):
    """The revision asked for is no longer there; what is now has to be read."""


class Etcd:
    """The client. Made by `open_etcd`."""

    def __init__(self, config: EtcdConfig, patience: float = PATIENCE_S, *, writes: bool = True) -> None:
        self._writes = writes
        self.prefix = config.prefix
        self.patience = patience
        self.connection = Connection([endpoint(url) for url in config.endpoints], identity(config))
        self._token: str | None = None
        self._renewing = asyncio.Lock()
        self.health = Health(config.endpoints)

    # -- keys -------------------------------------------------------------------------------

    async def get(self, key: str) -> Entry | None:
        """The key as it is now. :raises StoreError: etcd does not say."""
        found = await self.range(Span(key))
        return found.entries[0] if found.entries else None

    async def list(self, span: Span, revision: int = 0, *, values: bool = True) -> Listing:
        """All keys of `span` at one revision, now or an earlier one, however many they are.

        :param values: False: what the keys hold is left out, and empty in the entries.
        :raises Compacted: that revision is gone.
        :raises StoreError: etcd does not say.
        """
        entries: list[Entry] = []
        page = await self.range(span, revision=revision, limit=PAGE, values=values)
        revision = revision or page.revision
        entries += page.entries
        while len(page.entries) == PAGE:
            rest = Span(entries[-1].key + "\0", span.end)
            page = await self.range(rest, revision=revision, limit=PAGE, values=values)
            entries += page.entries
        return Listing(tuple(entries), revision)

    async def range(
        self, span: Span, *, revision: int = 0, limit: int = 0, values: bool = True, newest: bool = False
    ) -> Listing:
        """At most `limit` keys of `span` (0: all) at `revision` (0: now). See `list`.

        :param newest: those that were changed last come first.
        """
        request = rpc.RangeRequest(
            key=key_bytes(span.key), range_end=end_bytes(span), revision=revision, limit=limit
        )
        request.keys_only = not values
        if newest:
            request.sort_order, request.sort_target = rpc.RangeRequest.DESCEND, rpc.RangeRequest.MOD
        try:
            said = await self.read(
                lambda member, metadata, timeout: member.kv.Range(request, metadata=metadata, timeout=timeout)
            )
        except StoreError as error:
            if "has been compacted" in error.message:
                raise Compacted(error.message) from error
            raise
        return Listing(tuple(entry_of(kv) for kv in said.kvs), said.header.revision)

    async def write(self, operations: Sequence[Operation], guards: Sequence[Guard] = ()) -> Written:
        """Carry out all of `operations` at one revision, if all of `guards` hold; else none of them.

        Sent once. At most `OPERATIONS` of them, none of them twice on the same key.

        :raises FateUnknown: no answer came.
        :raises StoreUnreachable: it could not be sent; nothing was written.
        :raises StoreError: etcd has turned it down; nothing was written.
        """
        assert len(operations) <= OPERATIONS
        request = rpc.TxnRequest(
            compare=[_compare(guard) for guard in guards], success=[_operation(one) for one in operations]
        )
        what = ", ".join(one.span.key if isinstance(one, Delete) else one.key for one in operations[:3])
        said = await self.once(
            what,
            lambda member, metadata, timeout: member.kv.Txn(request, metadata=metadata, timeout=timeout),
        )
        return Written(said.succeeded, said.header.revision)

    # -- calls ------------------------------------------------------------------------------

    async def read(self, ask: Ask, *, timeout: float = READ_S, patience: float | None = None) -> Any:
        """Ask until a member answers. For what may be asked twice.

        :param timeout: of one try; `patience` is for all of them (None: the client's), in seconds.
        :raises StoreError: etcd says no, or nobody has answered.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + (self.patience if patience is None else patience)
        renewed = False
        while True:
            member, metadata = await self.ready(until)
            try:
                said = await answer(ask(member, metadata, min(timeout, max(until - loop.time(), 0.1))))
            except CallFailed as failed:
                renewed = await self._judged(failed, member, metadata, renewed=renewed)
                if loop.time() >= until:
                    raise faults.unreachable(len(self.connection.endpoints), failed.why) from None
                if failed.verdict is not Verdict.TOKEN:
                    await asyncio.sleep(_TRY_S)
            else:
                self.health.answered(member.endpoint.url)
                return said

    async def once(self, what: str, ask: Ask, *, timeout: float = WRITE_S) -> Any:
        """Send something that changes etcd, once; a second time only where it is sure that it was not done.

        :param what: names it to whoever reads that its fate is unknown.
        :raises FateUnknown: no answer came.
        :raises StoreError: it was not done.
        """
        self.check_writes()
        loop = asyncio.get_running_loop()
        until = loop.time() + self.patience
        renewed = False
        while True:
            member, metadata = await self.ready(until)
            try:
                said = await answer(ask(member, metadata, timeout))
            except CallFailed as failed:
                renewed = await self._judged(failed, member, metadata, renewed=renewed)
                if failed.verdict is Verdict.OPEN:
                    raise faults.unknown_fate(what, failed.why) from None
                if loop.time() >= until:
                    raise faults.unreachable(len(self.connection.endpoints), failed.why) from None
            else:
                self.health.answered(member.endpoint.url)
                return said

    def check_writes(self) -> None:
        """:raises StoreRefused: it was opened to read."""
        if not self._writes:
            raise StoreRefused("etcd was opened to read: this console is read-only")

    async def ready(self, until: float) -> tuple[Member, Metadata]:
        """A member that answers, and what goes with each call to it.

        :param until: how long to look for one, in the event loop's time.
        :raises StoreUnreachable: there is none.
        :raises StoreRefused: etcd does not take our user and password, or our certificate.
        """
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout_at(max(until, loop.time() + _PAUSE_S)):
                    member = await self.connection.member()
                    metadata = await self._metadata(member)
            except (StoreUnreachable, TimeoutError):
                if self.connection.current is None:  # else somebody else has found one
                    self.health.silent(self.connection.reason)
                if loop.time() + _PAUSE_S >= until:
                    reached = len(self.connection.endpoints)
                    raise faults.unreachable(reached, self.connection.reason) from None
            else:
                if member is self.connection.current:
                    return member, metadata
                continue  # it was left while we waited for a token
            await asyncio.sleep(_PAUSE_S)

    async def metadata(self) -> Metadata:
        """What goes with a call to a member that is not the one in use. :raises StoreError: see `ready`."""
        _, metadata = await self.ready(asyncio.get_running_loop().time() + PATIENCE_S)
        return metadata

    async def leave(self, member: Member, reason: str) -> None:
        """`member` has not answered: use another from now on."""
        if member is self.connection.current:  # else somebody else has noticed before
            self.health.silent(reason)
            await self.connection.leave(member, reason)

    def forget_token(self, metadata: Metadata) -> None:
        """The next call gets a token of its own: etcd no longer takes the one in `metadata`."""
        if self._token == dict(metadata).get(_TOKEN, ""):  # else there is a newer one
            self._token = None

    async def _judged(self, failed: CallFailed, member: Member, metadata: Metadata, *, renewed: bool) -> bool:
        """What comes of a failed call: whether its token was renewed by now.

        :raises StoreError: etcd has answered, and that is final.
        """
        if failed.verdict is Verdict.TOKEN and not renewed and self.connection.identity.user is not None:
            self.forget_token(metadata)
            return True
        if failed.verdict in (Verdict.FINAL, Verdict.TOKEN):
            self.health.answered(member.endpoint.url)
            raise faults.refusal(failed.code, failed.details)
        await self.leave(member, failed.why)
        return renewed

    async def _metadata(self, member: Member) -> Metadata:
        who = self.connection.identity
        if who.user is None:
            return (_HAS_LEADER,)
        async with self._renewing:  # of those who need a token at the same time, one asks
            # Once it was left while we waited for our turn, nothing can be asked of it: `ready` sees to that.
            if self._token is None and member is self.connection.current:
                self._token = await self._authenticate(member, who)
            return (_HAS_LEADER, (_TOKEN, self._token)) if self._token else (_HAS_LEADER,)

    async def _authenticate(self, member: Member, who: Identity) -> str:
        request = rpc.AuthenticateRequest(name=who.user, password=who.password or "")
        try:
            said = await answer(member.auth.Authenticate(request, timeout=WRITE_S))
        except CallFailed as failed:
            if "not enabled" in failed.details:
                return ""  # everybody may do everything there
            await self._judged(failed, member, (), renewed=True)
            raise faults.unreachable(len(self.connection.endpoints), failed.why) from None
        token: str = said.token
        return token


@asynccontextmanager
async def open_etcd(
    config: EtcdConfig, patience: float = PATIENCE_S, *, writes: bool = True
) -> AsyncIterator[Etcd]:
    """A client, with a task that asks etcd now and then whether it is there; both end with the context.

    :param patience: how long each call looks for a member that answers, in seconds.
    :param writes: False: whatever would change etcd is refused before it is sent.
    :raises ConfigError: a file that the configuration names cannot be read. Nothing is connected here.
    """
    etcd = Etcd(config, patience, writes=writes)
    probing = asyncio.create_task(etcd.health.watch_over(etcd), name="etcd probe")
    try:
        yield etcd
    finally:
        probing.cancel()
        try:
            await ended(probing)
        finally:
            await etcd.connection.close()


def entry_of(kv: Any) -> Entry:
    """A key as the protocol has it, as ours."""
    return Entry(
        key_of(kv),
        kv.value,
        kv.create_revision,
        kv.mod_revision,
        kv.version,
        kv.lease,
    )


def key_of(kv: Any) -> str:
    """Its name. Keys that are not UTF-8 are not ours; they come through as they are all the same."""
    name: str = kv.key.decode("utf-8", "surrogateescape")
    return name


def key_bytes(key: str) -> bytes:
    return key.encode("utf-8", "surrogateescape")


def end_bytes(span: Span) -> bytes:
    return b"" if span.end is None else key_bytes(span.end)


def _compare(guard: Guard) -> Any:
    match guard:
        case Unchanged(key, modified):
            return rpc.Compare(
                result=rpc.Compare.EQUAL, target=rpc.Compare.MOD, key=key_bytes(key), mod_revision=modified
            )
        case SameLife(key, created):
            return rpc.Compare(
                result=rpc.Compare.EQUAL,
                target=rpc.Compare.CREATE,
                key=key_bytes(key),
                create_revision=created,
            )


def _operation(operation: Operation) -> Any:
    match operation:
        case Put(key, value, lease):
            return rpc.RequestOp(request_put=rpc.PutRequest(key=key_bytes(key), value=value, lease=lease))
        case Touch(key):
            same = rpc.PutRequest(key=key_bytes(key), ignore_value=True, ignore_lease=True)
            return rpc.RequestOp(request_put=same)
        case Delete(span):
            return rpc.RequestOp(
                request_delete_range=rpc.DeleteRangeRequest(
                    key=key_bytes(span.key), range_end=end_bytes(span)
                )
            )
