"""Writes that compare: none is lost to another's, and what became of those without an answer is found out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from console.errors import Conflict, FateUnknown, StoreUnreachable
from console.store import guarded
from console.store.client import Etcd, open_etcd
from console.store.values import Delete, Entry, Event, Put, SameLife, Span
from console.store.watch import watch
from tests.store.cluster import Cluster, Options, needs_etcd
from tests.store.network import Link

pytestmark = needs_etcd

KEY = "/quarterdeck/key"


@pytest.fixture
async def etcd(cluster: Cluster) -> AsyncIterator[Etcd]:
    async with open_etcd(cluster.config()) as etcd:
        yield etcd


async def _before(etcd: Etcd, *keys: str) -> list[Entry]:
    """These keys, made now."""
    for key in keys:
        await guarded.put(etcd, key, b"old", None)
    return [entry for key in keys if (entry := await etcd.get(key))]


async def _history(etcd: Etcd, key: str, count: int) -> list[Event]:
    """The first `count` changes of a key."""
    found: list[Event] = []
    async with aclosing(watch(etcd, Span(key), 0)) as batches:
        async for events in batches:
            found += events
            if len(found) >= count:
                break
    return found


async def test_a_write_based_on_what_is_no_longer_there_is_a_conflict_and_changes_nothing(etcd: Etcd) -> None:
    (before,) = await _before(etcd, KEY)
    await guarded.put(etcd, KEY, b"another's", before)

    with pytest.raises(Conflict, match="changed by somebody else"):
        await guarded.put(etcd, KEY, b"mine", before)
    with pytest.raises(Conflict):
        await guarded.delete(etcd, before)
    with pytest.raises(Conflict):
        await guarded.put(etcd, KEY, b"mine", None)

    now = await etcd.get(KEY)
    assert now
    assert (now.value, now.version) == (b"another's", 2)


async def test_a_guard_on_another_key_s_life_refuses_a_write_once_that_has_ended(etcd: Etcd) -> None:
    (before, other) = await _before(etcd, KEY, KEY + "2")
    guards = [SameLife(other.key, other.created)]
    await guarded.put(etcd, KEY, b"1", before, guards=guards)
    await guarded.delete(etcd, other)
    await guarded.put(etcd, other.key, b"a new life", None)

    with pytest.raises(Conflict):
        await guarded.put(etcd, KEY, b"2", await etcd.get(KEY), guards=guards)


async def test_two_clients_that_count_up_the_same_key_lose_no_count(cluster: Cluster, etcd: Etcd) -> None:
    def one_more(entry: Entry | None) -> bytes:
        return b"%d" % (int(entry.value) + 1 if entry else 1)

    async def count(client: Etcd, times: int) -> None:
        for _ in range(times):
            while True:
                try:
                    await guarded.change(client, KEY, one_more)
                except Conflict:
                    continue  # the other was faster all the time: that is told, and nothing was counted
                break

    async with open_etcd(cluster.config()) as other, asyncio.TaskGroup() as both:
        for client in (etcd, other, etcd, other):
            both.create_task(count(client, 50))

    now = await etcd.get(KEY)
    assert now
    assert (now.value, now.version) == (b"200", 200)


async def test_a_change_to_what_it_is_already_is_not_written(etcd: Etcd) -> None:
    (before,) = await _before(etcd, KEY)
    assert await guarded.change(etcd, KEY, lambda entry: b"old") == before
    assert await guarded.change(etcd, KEY + "2", lambda entry: None) is None
    assert await etcd.get(KEY) == before


async def test_a_change_to_nothing_deletes(etcd: Etcd) -> None:
    await _before(etcd, KEY)
    await guarded.change(etcd, KEY, lambda entry: None)
    assert await etcd.get(KEY) is None


async def test_more_operations_than_etcd_takes_at_once_are_written_in_pages(etcd: Etcd) -> None:
    puts = [Put(f"{KEY}/{number:04}", b"") for number in range(300)]
    assert await guarded.in_pages(etcd, puts) == 300
    found = await etcd.list(Span.under(KEY + "/"))
    assert [entry.key for entry in found.entries] == [put.key for put in puts]
    assert len({entry.modified for entry in found.entries}) == 3

    guard = SameLife(KEY, 1)
    with pytest.raises(Conflict):
        await guarded.in_pages(etcd, [Delete(Span.under(KEY + "/"))], [guard])
    assert len((await etcd.list(Span.under(KEY + "/"))).entries) == 300


async def test_a_write_whose_answer_is_lost_is_told_and_found_to_be_done_though_others_write_on(
    cluster: Cluster, etcd: Etcd
) -> None:
    kept, overwritten, deleted, remade = await _before(etcd, *(f"{KEY}{name}" for name in "abcd"))
    created = KEY + "e"
    told: list[FateUnknown] = []
    async with Link(cluster.members[0].client_port).open() as link:
        by_the_link = f"http://127.0.0.1:{link.port}"
        async with open_etcd(cluster.config(endpoints=(by_the_link, cluster.members[0].url))) as mine:
            await mine.get(KEY)
            link.mute()
            writes = asyncio.gather(
                guarded.put(mine, kept.key, b"new", kept, told=told.append),
                guarded.put(mine, overwritten.key, b"new", overwritten, told=told.append),
                guarded.delete(mine, deleted, told=told.append),
                guarded.delete(mine, remade, told=told.append),
                guarded.put(mine, created, b"new", None, told=told.append),
            )
            done = [
                (await _history(etcd, entry.key, 2))[1].revision
                for entry in (kept, overwritten, deleted, remade)
            ]
            done += [(await _history(etcd, created, 1))[0].revision]
            await guarded.put(etcd, overwritten.key, b"another's", await etcd.get(overwritten.key))
            await guarded.put(etcd, remade.key, b"another's", None)
            await guarded.put(etcd, created, b"another's", await etcd.get(created))

            assert list(await writes) == done
    assert len(told) == 5
    assert "whether it was written is not known" in str(told[0])


async def test_a_write_that_never_got_there_is_told_and_found_not_to_be_done(
    cluster: Cluster, etcd: Etcd
) -> None:
    untouched, overwritten, deleted, vanished = await _before(etcd, *(f"{KEY}{name}" for name in "abcd"))
    told: list[FateUnknown] = []
    async with Link(cluster.members[0].client_port).open() as link:
        by_the_link = f"http://127.0.0.1:{link.port}"
        async with open_etcd(cluster.config(endpoints=(by_the_link, cluster.members[0].url))) as mine:
            await mine.get(KEY)
            link.cut()
            writes = asyncio.gather(
                guarded.put(mine, untouched.key, b"new", untouched, told=told.append),
                guarded.put(mine, overwritten.key, b"new", overwritten, told=told.append),
                guarded.delete(mine, deleted, told=told.append),
                guarded.put(mine, vanished.key, b"new", vanished, told=told.append),
                guarded.put(mine, KEY + "e", b"new", None, told=told.append),
                return_exceptions=True,
            )
            await guarded.put(etcd, overwritten.key, b"another's", overwritten)
            await guarded.delete(etcd, vanished)
            nothing, first, not_gone, gone, created = await writes

    assert isinstance(nothing, StoreUnreachable)
    assert "was not written, and will not be" in str(nothing)
    assert isinstance(first, Conflict)
    assert isinstance(not_gone, StoreUnreachable)
    assert isinstance(gone, Conflict)
    assert isinstance(created, FateUnknown)
    assert len(told) == 5
    now = await etcd.get(untouched.key)
    assert now
    assert now.value == b"old"
    assert await etcd.get(KEY + "e") is None


@pytest.mark.parametrize("options", [Options(members=3)])
async def test_a_write_that_a_frozen_leader_still_holds_is_not_done_when_it_goes_on(cluster: Cluster) -> None:
    """A member of which we hear no more hands on what it has of ours as soon as it can."""
    leader = await cluster.leader()
    first, second = (member for member in cluster.members if member is not leader)
    told: list[FateUnknown] = []
    async with open_etcd(cluster.config(endpoints=(first.url, second.url))) as etcd:
        (before,) = await _before(etcd, KEY)
        leader.freeze()
        try:
            with pytest.raises(StoreUnreachable, match="was not written, and will not be"):
                await guarded.put(etcd, KEY, b"late", before, told=told.append)
        finally:
            leader.thaw()
        await cluster.ready()
        # The thawed member has caught up with this, and whatever it had is behind it.
        async with open_etcd(cluster.config(endpoints=(leader.url,))) as thawed:
            await guarded.put(thawed, KEY, b"after", await thawed.get(KEY))
            history = await _history(thawed, KEY, 3)
    assert told
    assert [event.entry.value for event in history if event.entry] == [b"old", b"old", b"after"]
