"""How etcd itself is doing: its members, its leader, its size against the quota, its alarms.

Each member is asked by itself, at the addresses that it gives to clients. What etcd has told since 3.4
(the size in use, a learner) and 3.6 (the quota) is read by field number from `StatusResponse` in its
rpc.proto; older servers have the quota in their metrics only (`etcd_server_quota_backend_bytes`).
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from console.errors import StoreError
from console.model.text import clean
from console.store.calls import CallFailed, Metadata, answer
from console.store.client import Etcd
from console.store.connection import open_member
from console.store.endpoints import Endpoint, Identity, endpoint
from console.store.values import Span
from console.store.wire import rpc, unknown

_MEMBER_S = 2.0
_METRIC = re.compile(rb"^etcd_server_quota_backend_bytes ([0-9.e+]+)", re.M)
_METRICS_LIMIT = 4 << 20

#: StatusResponse: errors, dbSizeInUse, isLearner (3.4); dbSizeQuota (3.6).
_ERRORS, _IN_USE, _LEARNER, _QUOTA = 8, 9, 10, 12

#: Alarms by their numbers in rpc.proto.
_ALARMS = {1: "no space", 2: "corrupt"}


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """One member. Sizes in bytes, `latency` in seconds; None where it does not answer.

    :param problem: why it does not answer, or what it complains of; None: nothing.
    """

    name: str
    endpoint: str
    version: str | None = None
    leader: bool = False
    learner: bool = False
    size: int | None = None
    in_use: int | None = None
    quota: int | None = None
    term: int | None = None
    index: int | None = None
    latency: float | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """The cluster. `alarms` are (member, what); `revision` is the store's."""

    id: int
    revision: int
    members: tuple[MemberStatus, ...]
    alarms: tuple[tuple[str, str], ...]

    @property
    def quota(self) -> int | None:
        """The least of what its members tell, in bytes."""
        return min((one.quota for one in self.members if one.quota), default=None)

    @property
    def leader(self) -> str | None:
        return next((one.name for one in self.members if one.leader), None)


async def cluster_status(etcd: Etcd) -> ClusterStatus:
    """Ask the cluster for its members, and each of them how it is.

    :raises StoreError: nobody answers.
    """
    listed = await etcd.read(
        lambda member, metadata, timeout: member.cluster.MemberList(
            rpc.MemberListRequest(), metadata=metadata, timeout=timeout
        )
    )
    metadata = (await etcd.metadata())[1:]
    members = await asyncio.gather(*(_listed(each, etcd, metadata) for each in listed.members))
    names = {each.ID: clean(each.name, 60) or f"{each.ID:x}" for each in listed.members}
    alarms = await _alarms(etcd)
    return ClusterStatus(
        listed.header.cluster_id,
        await revision(etcd),
        tuple(sorted(members, key=lambda one: one.name)),
        tuple(
            sorted(
                (names.get(one.memberID, f"{one.memberID:x}"), _ALARMS.get(one.alarm, "?")) for one in alarms
            )
        ),
    )


async def endpoints_status(etcd: Etcd, names: Mapping[str, str]) -> tuple[MemberStatus, ...]:
    """Ask each endpoint how it is, whether they agree or not: who is missing when there is no quorum.

    :param names: of members, by their addresses, as far as they are known from before.
    """
    asked = (_asked(names.get(each.url, each.url), each, etcd.connection.identity, ())
             for each in etcd.connection.endpoints)  # fmt: skip
    return tuple(await asyncio.gather(*asked))


async def revision(etcd: Etcd) -> int:
    """The revision that the store is at. :raises StoreError: nobody says."""
    return (await etcd.range(Span(etcd.prefix))).revision


async def recover(etcd: Etcd) -> tuple[str, ...]:
    """Make room in a store that is full: forget old revisions, give back their space, end the alarm.

    One member after the other, because one that defragments answers nobody meanwhile.

    :return: what was done, in words.
    :raises StoreError: a step did not go through; the steps before it are done.
    """
    done = []
    at = await revision(etcd)
    try:
        await etcd.once(
            "compaction",
            lambda member, metadata, timeout: member.kv.Compact(
                rpc.CompactionRequest(revision=at, physical=True), metadata=metadata, timeout=30.0
            ),
        )
        done.append(f"forgot what was before revision {at}")
    except StoreError as error:
        if "compacted" not in error.message:
            raise
    before = await cluster_status(etcd)
    for one in before.members:
        if one.problem is not None and one.version is None:
            continue
        await _defragment(etcd, endpoint(one.endpoint))
    after = await cluster_status(etcd)
    for was, now in zip(before.members, after.members, strict=False):
        if was.size is not None and now.size is not None:
            done.append(f"{now.name}: {was.size} bytes before, {now.size} now")
    for alarm in await _alarms(etcd):
        if _ALARMS.get(alarm.alarm) == "no space":
            request = rpc.AlarmRequest(
                action=rpc.AlarmRequest.DEACTIVATE, memberID=alarm.memberID, alarm=alarm.alarm
            )
            await _alarm(etcd, request)
            done.append("ended the alarm: no space")
    return tuple(done)


async def _defragment(etcd: Etcd, where: Endpoint) -> None:
    member = open_member(where, etcd.connection.identity)
    try:
        metadata = await etcd.metadata()
        await answer(member.maintenance.Defragment(rpc.DefragmentRequest(), metadata=metadata, timeout=60.0))
    except CallFailed as failed:
        raise StoreError(f"{where.url} was not defragmented: {failed.why}") from None
    finally:
        await member.close()


async def _alarms(etcd: Etcd) -> list[Any]:
    return list((await _alarm(etcd, rpc.AlarmRequest(action=rpc.AlarmRequest.GET))).alarms)


async def _alarm(etcd: Etcd, request: Any) -> Any:
    return await etcd.read(
        lambda member, metadata, timeout: member.maintenance.Alarm(
            request, metadata=metadata, timeout=timeout
        )
    )


async def _listed(each: Any, etcd: Etcd, metadata: Metadata) -> MemberStatus:
    urls = [url for url in each.clientURLs if urlsplit(url).scheme in ("http", "https", "unix")]
    # A member that has not joined yet has no name; one behind a socket gives an address that is none.
    ours = etcd.connection.endpoints
    url = ours[0].url if ours[0].url.startswith("unix:") else (urls[0] if urls else "")
    name = clean(each.name, 60) or f"{each.ID:x}"
    if not url:
        return MemberStatus(name, "", problem="it has not started yet")
    return await _asked(name, endpoint(url), etcd.connection.identity, metadata)


async def _asked(name: str, where: Endpoint, identity: Identity, metadata: Metadata) -> MemberStatus:
    member = open_member(where, identity)
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        said = await answer(
            member.maintenance.Status(rpc.StatusRequest(), metadata=metadata, timeout=_MEMBER_S)
        )
    except CallFailed as failed:
        return MemberStatus(name, where.url, problem=failed.why)
    finally:
        await member.close()
    latency = loop.time() - began
    errors = [clean(text.decode("utf-8", "replace"), 200) for text in unknown(said, _ERRORS)]
    if not said.leader:
        errors = [text for text in errors if "no leader" not in text]
        errors.insert(0, "it has no leader")
    quota = next(iter(unknown(said, _QUOTA)), None) or await _quota(where, identity)
    return MemberStatus(
        name,
        where.url,
        clean(said.version, 40),
        bool(said.leader) and said.leader == said.header.member_id,
        bool(unknown(said, _LEARNER)),
        said.dbSize,
        next(iter(unknown(said, _IN_USE)), None),
        quota,
        said.raftTerm,
        said.raftIndex,
        latency,
        "; ".join(errors) or None,
    )


async def _quota(where: Endpoint, identity: Identity) -> int | None:
    """The quota out of the member's metrics; None where it does not show them."""
    try:
        async with asyncio.timeout(_MEMBER_S):
            text = await _metrics(where, identity)
    except (OSError, TimeoutError, ssl.SSLError):
        return None  # a figure less on the page; that the member answers is known
    found = _METRIC.search(text)
    return int(float(found[1])) if found else None


async def _metrics(where: Endpoint, identity: Identity) -> bytes:
    parts = urlsplit(where.url)
    if parts.scheme == "unix":
        reader, writer = await asyncio.open_unix_connection(parts.path)
    else:
        tls = _context(identity) if where.tls else None
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=tls)
    try:
        writer.write(f"GET /metrics HTTP/1.0\r\nHost: {parts.hostname or 'localhost'}\r\n\r\n".encode())
        text = bytearray()
        while len(text) < _METRICS_LIMIT and (more := await reader.read(1 << 16)):
            text += more
        return bytes(text)
    finally:
        writer.close()


def _context(identity: Identity) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=identity.ca.decode() if identity.ca else None)
    if identity.files:
        context.load_cert_chain(*identity.files)
    return context
