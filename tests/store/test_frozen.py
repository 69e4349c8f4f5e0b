"""A server that is frozen says nothing at all, and that is noticed. How soon is measured by `make bench`."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from console.errors import FateUnknown, StoreUnreachable
from console.model.state import State
from console.store import guarded
from console.store.client import Etcd, open_etcd
from console.store.values import Put, Span
from console.store.watch import watch
from tests.store.cluster import Cluster, Member, Options, needs_etcd

pytestmark = needs_etcd

KEY = "/quarterdeck/key"
THREE = [Options(members=3)]
_NOTICES_S = 60  # waits no longer; a limit of its own the bench has


async def _in_use(cluster: Cluster, etcd: Etcd) -> Member:
    await etcd.get(KEY)
    return next(member for member in cluster.members if member.url == etcd.health.status.endpoint)


@pytest.mark.parametrize("options", THREE)
async def test_the_probe_leaves_a_frozen_member_and_says_so(cluster: Cluster) -> None:
    async with open_etcd(cluster.config()) as etcd:
        frozen = await _in_use(cluster, etcd)
        told: list[tuple[State, str | None]] = []
        etcd.health.changed.append(
            lambda: told.append((etcd.health.status.state, etcd.health.status.endpoint))
        )
        frozen.freeze()
        async with asyncio.timeout(_NOTICES_S):
            while len(told) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        frozen.thaw()
    assert told[0] == (State.STALE, None)
    assert told[-1][0] is State.LIVE
    assert told[-1][1] != frozen.url


@pytest.mark.full
@pytest.mark.parametrize("options", THREE)
async def test_a_watch_alone_leaves_a_frozen_member(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.store.health.PROBE_EVERY_S", 3600)
    async with open_etcd(cluster.config()) as etcd, aclosing(watch(etcd, Span(KEY), 0)) as batches:
        assert await anext(batches) == ()
        frozen = await _in_use(cluster, etcd)
        frozen.freeze()
        try:
            async with asyncio.timeout(_NOTICES_S):
                assert await anext(batches) == ()  # it stands again, elsewhere
                await etcd.write([Put(KEY, b"")])
                (event,) = await anext(batches)
        finally:
            frozen.thaw()
    assert event.key == KEY


@pytest.mark.parametrize("options", THREE)
async def test_writes_go_on_at_another_member_and_the_one_in_flight_is_settled(cluster: Cluster) -> None:
    told: list[FateUnknown] = []
    async with open_etcd(cluster.config()) as etcd:
        await etcd.write([Put(KEY, b"0")])
        before = await etcd.get(KEY)
        frozen = await _in_use(cluster, etcd)
        frozen.freeze()
        try:
            with pytest.raises(StoreUnreachable, match="was not written, and will not be"):
                await guarded.put(etcd, KEY, b"1", before, told=told.append)
            await guarded.put(etcd, KEY, b"2", await etcd.get(KEY), told=told.append)
        finally:
            frozen.thaw()
        now = await etcd.get(KEY)
    assert len(told) == 1
    assert now
    assert now.value == b"2"
