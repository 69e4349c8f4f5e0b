"""etcd's own state, and making room in one that is full, on real etcd."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.errors import StoreError, StoreRefused
from console.store.client import Etcd, open_etcd
from console.store.lease import grant
from console.store.members import cluster_status, recover
from console.store.roles import init_auth
from console.store.schema import check_schema
from console.store.values import Put, Span
from tests.store.cluster import Cluster, Options, needs_etcd

pytestmark = needs_etcd

QUOTA = 4 << 20


@pytest.mark.parametrize("options", [Options(members=3, tls=True)])
async def test_each_member_tells_how_it_is_over_tls(cluster: Cluster) -> None:
    async with open_etcd(cluster.config()) as etcd:
        await etcd.write([Put("/quarterdeck/a", b"1")])
        status = await cluster_status(etcd)
        assert [member.leader for member in status.members].count(True) == 1
        assert {member.term for member in status.members} != {None}
        assert all(member.size and member.quota and member.latency for member in status.members)
        assert status.alarms == ()
        down = await cluster.leader()
        await down.kill()
        await cluster.leader(but=down)
        status = await cluster_status(etcd)
        (gone,) = [member for member in status.members if member.version is None]
        assert (gone.name, gone.problem) == (down.name, "connection refused")
        assert status.leader not in (None, down.name)


async def fill(etcd: Etcd) -> StoreError:
    """Write until etcd takes no more; what it says."""
    for number in range(200):
        try:
            await etcd.write([Put("/quarterdeck/big", bytes([number]) * 100_000)])
        except StoreError as error:
            return error
    raise AssertionError("it takes everything")


@pytest.mark.parametrize("options", [Options(more=(f"--quota-backend-bytes={QUOTA}",))])
async def test_a_quota_that_is_used_up_is_said_shown_and_recovered_from(cluster: Cluster) -> None:
    async with open_etcd(cluster.config()) as etcd:
        full = await fill(etcd)
        assert "quota is used up" in full.message
        assert "etcd recover" in (full.hint or "")
        status = await cluster_status(etcd)
        assert status.quota == QUOTA
        assert [what for _, what in status.alarms] == ["no space"]
        assert (await etcd.get("/quarterdeck/big")) is not None, "it can still be read"
        done = await recover(etcd)
        assert any("ended the alarm" in word for word in done)
        await etcd.write([Put("/quarterdeck/small", b"1")])
        status = await cluster_status(etcd)
        assert status.alarms == ()
        assert status.members[0].size is not None
        assert status.members[0].size < QUOTA


async def test_what_was_opened_to_read_sends_nothing_that_changes_etcd(cluster: Cluster) -> None:
    async with open_etcd(cluster.config()) as etcd:
        await etcd.write([Put("/quarterdeck/a", b"1")])
    async with open_etcd(cluster.config(), writes=False) as etcd:
        before = await etcd.get("/quarterdeck/a")
        assert before is not None
        for change in (
            etcd.write([Put("/quarterdeck/a", b"2")]),
            grant(etcd, 10),
            recover(etcd),
            init_auth(etcd, Path("/nowhere"), enable=True),
            check_schema(etcd, write=True),
        ):
            with pytest.raises(StoreRefused, match="read-only"):
                await change
        assert await etcd.get("/quarterdeck/a") == before
        assert (await etcd.range(Span("/"))).revision == before.modified
