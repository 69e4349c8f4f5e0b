"""Numbered changes while etcd is killed, frozen, cut off, compacted and restarted: none lost, none twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from console.store.client import open_etcd
from tests.store.cluster import Cluster, Options, needs_etcd
from tests.store.network import Link, cut
from tests.store.numbered import Reader, Writer

pytestmark = needs_etcd

PLAIN = Options(members=3, proxied=True)
TLS = Options(members=3, proxied=True, tls=True)
USERS = Options(members=3, proxied=True, token_ttl=2)
USERS_JWT = Options(members=3, proxied=True, tls=True, token_ttl=2, jwt=True)

Trouble = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]


class Soak:
    """A cluster, a writer and two readers; each trouble is told how to have the writer go on in it.

    The mirror reads through `links`, which only its own disconnection cuts.
    """

    def __init__(self, cluster: Cluster, writer: Writer, mirror: Reader, links: tuple[Link, ...]) -> None:
        self.cluster = cluster
        self.writer = writer
        self.mirror = mirror
        self.links = links
        self.unseen: set[bytes] = set()

    async def the_leader_is_killed(self, goes_on: Callable[[], Awaitable[None]]) -> None:
        leader = await self.cluster.leader()
        await leader.kill()
        await goes_on()
        await leader.start()

    async def the_leader_is_frozen(self, goes_on: Callable[[], Awaitable[None]]) -> None:
        leader = await self.cluster.leader()
        leader.freeze()
        try:
            await goes_on()
        finally:
            leader.thaw()

    async def the_leader_is_cut_off(self, goes_on: Callable[[], Awaitable[None]]) -> None:
        async with self.cluster.partition(await self.cluster.leader()):
            await goes_on()

    async def the_mirror_is_cut_off_over_a_compaction(self, goes_on: Callable[[], Awaitable[None]]) -> None:
        first = len(self.writer.written)
        await self.mirror.has_seen(self.writer.written[-1][0])
        with cut(*self.links):
            await goes_on()
            revision = self.writer.written[-1][0]
            await self.cluster.compact(revision)
        self.unseen = {value for _, _, value in self.writer.written[first:]}

    async def all_members_restart(self, goes_on: Callable[[], Awaitable[None]]) -> None:
        await self.cluster.restart()
        await goes_on()

    async def the_token_runs_out(self, goes_on: Callable[[], Awaitable[None]]) -> None:
        if self.cluster.options.token_ttl is not None:
            await asyncio.sleep(self.cluster.options.token_ttl + 1)
        await goes_on()

    def troubles(self) -> tuple[Trouble, ...]:
        return (
            self.the_leader_is_killed,
            self.the_leader_is_frozen,
            self.the_token_runs_out,
            self.the_leader_is_cut_off,
            self.the_mirror_is_cut_off_over_a_compaction,
            self.all_members_restart,
        )


@pytest.mark.parametrize(
    ("options", "count"),
    [
        pytest.param(PLAIN, 2_000, id="plain"),
        pytest.param(PLAIN, 10_000, id="plain-10000", marks=pytest.mark.full),
        pytest.param(TLS, 10_000, id="tls-10000", marks=pytest.mark.full),
        pytest.param(USERS, 10_000, id="users-10000", marks=pytest.mark.full),
        pytest.param(USERS_JWT, 10_000, id="tls-users-jwt-10000", marks=pytest.mark.full),
    ],
)
async def test_of_numbered_changes_none_is_lost_or_comes_twice_whatever_befalls_the_members(
    cluster: Cluster, count: int
) -> None:
    async with (
        cluster.way() as (links, endpoints),
        open_etcd(cluster.config()) as writing,
        open_etcd(cluster.config()) as watching,
        open_etcd(cluster.config(endpoints=endpoints)) as mirroring,
        asyncio.TaskGroup() as group,
    ):
        writer, watcher, mirror = Writer(writing), Reader(), Reader()
        tasks = [
            group.create_task(writer.run()),
            group.create_task(watcher.watches(watching, after=0)),
            group.create_task(mirror.mirrors(mirroring)),
        ]
        await mirror.standing.wait()
        soak = Soak(cluster, writer, mirror, links)
        troubles = soak.troubles()
        share = count // (2 * len(troubles) + 1)
        for trouble in troubles:
            await writer.goes_on(share)
            writer.longest = 0
            await trouble(lambda: writer.goes_on(share))
            paused = f"writes paused for {writer.longest:.1f} s at most"
            print(f"{trouble.__name__}: {paused}, {writer.unknown} of unknown fate so far")
        await writer.goes_on(count - len(writer.written))
        last = writer.written[-1][0]
        await watcher.has_seen(last)
        await mirror.has_seen(last)
        for task in tasks:
            task.cancel()

    assert [value for _, _, value in writer.written] == [b"%d" % number for number in range(count)]
    revisions = [event.revision for event in watcher.events]
    assert revisions == sorted(set(revisions))
    assert watcher.changes() == writer.written
    # Of those that the compaction took, the mirror has seen the last of each key, and all others.
    mirrored = set(mirror.changes())
    assert mirror.changes() == [change for change in writer.written if change in mirrored]
    missing = {value for _, _, value in set(writer.written) - mirrored}
    assert missing
    assert missing <= soak.unseen
    assert {key: entry.value for key, entry in mirror.entries.items()} == {
        key: value for _, key, value in writer.written
    }
