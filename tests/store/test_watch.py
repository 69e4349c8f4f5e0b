"""Watches and mirrors: what they tell, what ends them, and that a mirror is as the listing is."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.errors import StoreRefused
from console.model.state import State
from console.store.client import Compacted, open_etcd
from console.store.mirror import mirror
from console.store.values import Delete, Entry, Event, Put, Span
from console.store.watch import watch
from tests.store.cluster import BOB, ROOT, Cluster, Options, needs_etcd
from tests.store.network import cut

pytestmark = needs_etcd

SPAN = Span.under("/quarterdeck/watched/")


class Following:
    """What an iterator of batches has told so far."""

    def __init__(self, batches: AsyncIterator[tuple[Event, ...]]) -> None:
        self._batches = batches
        self.told: list[Event] = []

    async def next(self) -> tuple[Event, ...]:
        async with asyncio.timeout(20):
            events = await anext(self._batches)
        self.told += events
        return events

    async def until(self, revision: int) -> None:
        while not self.told or self.told[-1].revision < revision:
            await self.next()


async def test_a_watch_tells_what_came_after_a_revision_and_first_that_it_stands(cluster: Cluster) -> None:
    key = SPAN.key + "a"
    async with open_etcd(cluster.config()) as etcd:
        first = (await etcd.write([Put(key, b"1")])).revision
        second = (await etcd.write([Put(key, b"2")])).revision
        async with aclosing(watch(etcd, SPAN, first)) as batches:
            following = Following(batches)
            assert await following.next() == ()
            await following.until(second)
            gone = (await etcd.write([Delete(SPAN)])).revision
            await etcd.write([Put("/quarterdeck/elsewhere", b"")])
            last = (await etcd.write([Put(key, b"3"), Put(key + "b", b"3")])).revision
            await following.until(last)
            while len(following.told) < 4:
                await following.next()
    entries = [(event.revision, event.key, event.entry and event.entry.value) for event in following.told]
    assert entries == [(second, key, b"2"), (gone, key, None), (last, key, b"3"), (last, key + "b", b"3")]


async def test_a_watch_that_was_cut_off_goes_on_where_it_was(cluster: Cluster) -> None:
    key = SPAN.key + "a"
    async with (
        cluster.way() as ((link,), endpoints),
        open_etcd(cluster.config()) as writing,
        open_etcd(cluster.config(endpoints=endpoints)) as etcd,
        aclosing(watch(etcd, SPAN, 0)) as batches,
    ):
        # More than etcd sends at once, so that each break comes while it lags; its answers say how far the
        # store is, and not how far the events are that they hold.
        revisions = [(await writing.write([Put(key, b"")])).revision for _ in range(3500)]
        following = Following(batches)
        breaks = 0
        while len(following.told) < len(revisions):
            if await following.next():
                link.reset()
                breaks += 1
        assert breaks > 3
    assert [event.revision for event in following.told] == revisions


async def test_a_watch_whose_place_was_compacted_says_so(cluster: Cluster) -> None:
    key = SPAN.key + "a"
    async with open_etcd(cluster.config()) as etcd:
        first = (await etcd.write([Put(key, b"1")])).revision
        last = [(await etcd.write([Put(key, b"2")])).revision for _ in range(3)][-1]
        await cluster.compact(last)
        with pytest.raises(Compacted, match=f"after revision {first} has been compacted"):
            async with aclosing(watch(etcd, SPAN, first)) as batches:
                await Following(batches).until(last)


async def test_a_watch_that_is_cut_off_over_a_compaction_says_so(cluster: Cluster) -> None:
    key = SPAN.key + "a"
    async with (
        cluster.way() as ((link,), endpoints),
        open_etcd(cluster.config()) as writing,
        open_etcd(cluster.config(endpoints=endpoints)) as etcd,
        aclosing(watch(etcd, SPAN, 0)) as batches,
    ):
        following = Following(batches)
        await following.until((await writing.write([Put(key, b"1")])).revision)
        with cut(link):
            revisions = [(await writing.write([Put(key, b"2")])).revision for _ in range(3)]
            await cluster.compact(revisions[-1])
        with pytest.raises(Compacted):
            await following.until(revisions[-1])
    assert len(following.told) == 1


async def test_a_mirror_tells_of_what_it_could_not_see_as_of_one_change_each(cluster: Cluster) -> None:
    a, b, c, d = (SPAN.key + name for name in "abcd")
    async with (
        cluster.way() as ((link,), endpoints),
        open_etcd(cluster.config()) as writing,
        open_etcd(cluster.config(endpoints=endpoints)) as etcd,
    ):
        await writing.write([Put(a, b"1"), Put(b, b"1"), Put(c, b"1")])
        entries: dict[str, Entry] = {}
        async with aclosing(mirror(etcd, SPAN, entries)) as batches:
            following = Following(batches)
            assert {event.key for event in await following.next()} == {a, b, c}
            with cut(link):
                await writing.write([Put(a, b"2")])
                await writing.write([Put(a, b"3")])
                await writing.write([Put(d, b"1")])
                last = (await writing.write([Delete(Span(b))])).revision
                await cluster.compact(last)
            changes = await following.next()
        assert [(event.key, event.entry and event.entry.value) for event in changes] == [
            (a, b"3"),
            (d, b"1"),
            (b, None),
        ]
        assert tuple(entries[key] for key in sorted(entries)) == (await writing.list(SPAN)).entries


async def test_a_mirror_keeps_nothing_but_what_is_now(cluster: Cluster) -> None:
    keys = [f"{SPAN.key}{number}" for number in range(100)]
    entries: dict[str, Entry] = {}
    async with open_etcd(cluster.config()) as etcd:
        await etcd.write([Put(key, b"old") for key in keys])
        async with aclosing(mirror(etcd, SPAN, entries)) as batches:
            assert len(await anext(batches)) == 100
            await etcd.write([Put(key, b"new") for key in keys])
            assert len(await anext(batches)) == 100
            await etcd.write([Put(SPAN.key + "one more", b"")])
            assert len(await anext(batches)) == 1
            gc.collect()
            kept = [thing for thing in gc.get_objects() if isinstance(thing, Entry)]
            assert not [entry for entry in kept if entry.value == b"old"]
            assert sum(entry.value == b"new" for entry in kept) == 100


async def test_a_mirror_waits_for_an_etcd_that_is_not_there_yet(cluster: Cluster) -> None:
    (member,) = cluster.members
    await member.kill()
    entries: dict[str, Entry] = {}
    async with (
        open_etcd(cluster.config(), patience=0.5) as etcd,
        aclosing(mirror(etcd, SPAN, entries)) as batches,
    ):
        first = asyncio.create_task(anext(batches))
        while etcd.health.status.reason is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)  # longer than a call's patience
        await member.start()
        assert await first == ()
        assert etcd.health.status.state is State.LIVE


async def test_a_watch_notices_that_etcd_was_set_back(cluster: Cluster) -> None:
    """As by restoring a backup: what comes then would be taken for what was seen long ago."""
    async with open_etcd(cluster.config()) as etcd:
        last = (await etcd.write([Put(SPAN.key + "a", b"")])).revision
        with pytest.raises(Compacted, match="set back"):
            async with aclosing(watch(etcd, SPAN, last + 100)) as batches:
                await Following(batches).until(last + 101)


@pytest.mark.parametrize("options", [Options(token_ttl=300)])
async def test_a_watch_that_our_user_may_not_have_is_refused_in_words(cluster: Cluster) -> None:
    async with open_etcd(cluster.config(BOB)) as etcd:
        async with aclosing(watch(etcd, SPAN, 0)) as batches:
            assert await Following(batches).next() == ()
        with pytest.raises(StoreRefused, match="permission denied"):
            async with aclosing(watch(etcd, Span.under("/elsewhere/"), 0)) as batches:
                await Following(batches).next()


@pytest.mark.parametrize("options", [Options(token_ttl=1)])
async def test_a_watch_gets_a_new_token_where_the_old_one_has_run_out(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.store.health.PROBE_EVERY_S", 3600)
    async with open_etcd(cluster.config()) as etcd:
        last = (await etcd.write([Put(SPAN.key + "a", b"")])).revision
        await asyncio.sleep(3)
        async with aclosing(watch(etcd, SPAN, 0)) as batches:
            await Following(batches).until(last)


_HISTORIES = st.lists(
    st.tuples(st.sampled_from("abc"), st.one_of(st.none(), st.binary(max_size=2))), max_size=12
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=_HISTORIES, cuts=st.sets(st.integers(0, 11), max_size=2), compacts=st.booleans())
def test_a_mirror_is_as_the_listing_is_after_any_history(
    shared: tuple[asyncio.AbstractEventLoop, Cluster],
    history: list[tuple[str, bytes | None]],
    cuts: set[int],
    compacts: bool,
) -> None:
    loop, cluster = shared
    loop.run_until_complete(_mirrored(cluster, history, cuts, compacts))


async def _mirrored(
    cluster: Cluster, history: list[tuple[str, bytes | None]], cuts: set[int], compacts: bool
) -> None:
    async with (
        cluster.way() as ((link,), endpoints),
        open_etcd(cluster.config()) as writing,
        open_etcd(cluster.config(endpoints=endpoints)) as etcd,
    ):
        entries: dict[str, Entry] = {}
        told: dict[str, Entry] = {}
        async with aclosing(mirror(etcd, SPAN, entries)) as batches:
            following = Following(batches)
            await following.next()
            for at, (name, value) in enumerate(history):
                if at in cuts:
                    link.cut()
                key = SPAN.key + name
                await writing.write([Delete(Span(key)) if value is None else Put(key, value)])
            last = (await writing.write([Put(SPAN.key + "last", b"")])).revision
            if compacts:
                await cluster.compact(last)
            link.heal()
            await following.until(last)
        for event in following.told:
            if event.entry is None:
                told.pop(event.key, None)
            else:
                told[event.key] = event.entry
        listed = await writing.list(SPAN)
        assert tuple(entries[key] for key in sorted(entries)) == listed.entries
        assert told == entries
        assert [event.revision for event in following.told] == sorted(
            event.revision for event in following.told
        )
        await writing.write([Delete(SPAN)])


async def test_a_mirror_whose_right_is_taken_away_ends_with_words(cluster: Cluster) -> None:
    await cluster.ask_for_users()
    entries: dict[str, Entry] = {}
    async with (
        cluster.way() as ((link,), endpoints),
        open_etcd(cluster.config(BOB, endpoints=endpoints)) as etcd,
        aclosing(mirror(etcd, SPAN, entries)) as batches,
    ):
        following = Following(batches)
        await following.next()
        await cluster.etcdctl("user", "revoke-role", BOB[0], "reads", user=ROOT)
        link.reset()
        with pytest.raises(StoreRefused, match="permission denied"):
            await following.next()
