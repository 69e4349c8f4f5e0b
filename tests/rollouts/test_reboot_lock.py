"""The reboot lock on a real etcd: slots, who waits, and what a person does about it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from console.errors import Refused, StoreError, UsageError
from console.model.locks import Holder, LockState, stale_why
from console.rollouts.reboot_lock import LockFrozen, LockFull, RebootLock, UnknownGroup
from console.store.client import Etcd, open_etcd
from console.store.schema import Keys
from console.store.values import Put
from tests.store.cluster import Cluster, needs_etcd

pytestmark = needs_etcd

NOW = datetime(2026, 11, 27, 3, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def lock(etcd: Etcd, keys: Keys) -> RebootLock:
    return RebootLock(etcd, keys)


async def acquire(lock: RebootLock, identity: str, group: str = "default", now: datetime = NOW) -> Holder:
    return await lock.acquire(group, identity, host=identity, why="update to 1.1", now=now)


async def held(lock: RebootLock, group: str = "default") -> list[str]:
    found = await lock.find(group)
    return [holder.id for holder in found.holders] if found else []


async def test_a_slot_is_held_by_one_until_it_is_released(lock: RebootLock) -> None:
    await acquire(lock, "web1")
    with pytest.raises(LockFull) as full:
        await acquire(lock, "web2")
    assert "web1: update to 1.1, since 2026-11-27 03:12Z" in str(full.value)
    assert full.value.state.holders == (Holder("web1", "web1", NOW, "update to 1.1"),)

    assert await lock.release("default", "web1")
    await acquire(lock, "web2")
    assert await held(lock) == ["web2"]


async def test_who_asks_again_keeps_the_slot_since_the_first_time(lock: RebootLock) -> None:
    first = await acquire(lock, "web1")
    assert await acquire(lock, "web1", now=LATER) == first
    assert await held(lock) == ["web1"]


async def test_who_holds_a_slot_keeps_it_where_the_lock_is_full_frozen_or_made_smaller(
    lock: RebootLock,
) -> None:
    await lock.set_max("default", 2)
    first = await acquire(lock, "web1")
    await acquire(lock, "web2")
    await lock.set_max("default", 1)
    await lock.freeze("default", by="alice", why="storm", now=NOW)
    assert await acquire(lock, "web1", now=LATER) == first
    assert await held(lock) == ["web1", "web2"]


async def test_releasing_what_is_not_held_is_no_fault_and_writes_nothing(
    lock: RebootLock, etcd: Etcd, keys: Keys
) -> None:
    assert not await lock.release("default", "web1")
    assert await etcd.get(keys.reboot_lock("default")) is None
    await acquire(lock, "web1")
    before = await etcd.get(keys.reboot_lock("default"))
    assert not await lock.release("default", "web2")
    assert await etcd.get(keys.reboot_lock("default")) == before


async def test_a_frozen_lock_gives_no_slot_and_says_who_froze_it(lock: RebootLock) -> None:
    await lock.freeze("default", by="alice", why="the network is being changed", now=NOW)
    await lock.freeze("default", by="bob", why="", now=LATER)
    with pytest.raises(
        LockFrozen, match=r"frozen by alice: the network is being changed \(`lock thaw default`"
    ):
        await acquire(lock, "web1")
    assert await lock.thaw("default")
    assert not await lock.thaw("default")
    await acquire(lock, "web1")


async def test_groups_do_not_wait_for_each_other(lock: RebootLock) -> None:
    await acquire(lock, "web1", "web")
    await acquire(lock, "db1", "db")
    assert [state.group for state in await lock.show()] == ["db", "default", "web"]


async def test_a_group_that_nobody_made_is_not_made_by_who_may_not(lock: RebootLock) -> None:
    async def ask(group: str) -> Holder:
        return await lock.acquire(group, "web1", host=None, why="", now=NOW, make=False)

    with pytest.raises(UnknownGroup, match="`lock set-max wbe N` makes it"):
        await ask("wbe")
    await lock.set_max("web", 1)
    await ask("web")
    with pytest.raises(UnknownGroup):
        await lock.freeze("wbe", by="alice", why="", now=NOW)


async def test_a_stale_slot_goes_to_another_at_once(lock: RebootLock) -> None:
    old = await acquire(lock, "web1")
    await lock.freeze("default", by="alice", why="", now=NOW)
    await lock.take("default", old, "web2", host="web2", why="by hand", now=LATER)
    assert await held(lock) == ["web2"]
    with pytest.raises(Refused, match="web1 does not hold the slot of default that was looked at"):
        await lock.take("default", old, "web3", host="web3", why="by hand", now=LATER)


async def test_a_slot_that_was_acquired_anew_meanwhile_is_not_taken(lock: RebootLock) -> None:
    old = await acquire(lock, "web1")
    await lock.release("default", "web1")
    await acquire(lock, "web1", now=LATER)
    with pytest.raises(Refused):
        await lock.take("default", old, "web2", host="web2", why="by hand", now=LATER)


async def test_of_many_who_ask_through_several_consoles_no_more_than_max_get_a_slot(
    cluster: Cluster, lock: RebootLock, keys: Keys
) -> None:
    await lock.set_max("default", 3)
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(open_etcd(cluster.config())) for _ in range(4)]
        consoles = [RebootLock(client, keys) for client in clients]

        async def ask(number: int) -> bool:
            try:
                await acquire(consoles[number % 4], f"web{number}")
            except LockFull:
                return False
            return True

        got = await asyncio.gather(*map(ask, range(40)))
    assert sum(got) == 3
    assert len(await held(lock)) == 3


async def test_what_cannot_be_a_group_is_told_before_anything_is_written(lock: RebootLock) -> None:
    for group in ("", "a/b", "web 1", "../x", "wéb", "x" * 65, "web\n"):
        with pytest.raises(UsageError, match="not a group"):
            await acquire(lock, "web1", group)


async def test_what_would_not_be_shown_as_it_is_cannot_be_an_id(lock: RebootLock) -> None:
    for identity in ("", " ", "a\nb", "\x1b[31m", "x" * 201, "a\u202eb"):
        with pytest.raises(UsageError, match="not an id"):
            await acquire(lock, identity)


async def test_a_lock_that_cannot_be_read_is_named_and_left_as_it_is(
    lock: RebootLock, etcd: Etcd, keys: Keys
) -> None:
    for value in (
        b"no",
        b"[]",
        b'{"max": 0, "holders": []}',
        b'{"max": true, "holders": []}',
        b'{"max": 1, "holders": [{"id": 5, "why": ""}]}',
        b'{"max": 1, "holders": ["x"]}',
        b'{"max": 1, "holders": [{"id": "x", "why": "", "since": "yesterday"}]}',
        b'{"max": 1, "frozen": "yes", "holders": []}',
        b'{"max": 1, "frozen": {"by": "a", "why": ""}, "holders": []}',
    ):
        await etcd.write([Put(keys.reboot_lock("default"), value)])
        with pytest.raises(StoreError, match="locks/reboot/default cannot be read"):
            await acquire(lock, "web1")
        with pytest.raises(StoreError, match="locks/reboot/default cannot be read"):
            await lock.show()
        found = await etcd.get(keys.reboot_lock("default"))
        assert found is not None
        assert found.value == value


async def test_slots_are_one_at_least(lock: RebootLock) -> None:
    for most in (0, -1, 10_001):
        with pytest.raises(UsageError):
            await lock.set_max("default", most)


def test_what_makes_a_slot_stale() -> None:
    holder = Holder("web1", "web1", NOW, "")
    hosts = {"web1"}
    assert stale_why(holder, hosts, NOW + timedelta(minutes=59)) is None
    assert stale_why(holder, hosts, NOW + timedelta(minutes=61)) == "held for longer than 1 h"
    assert stale_why(holder, hosts, NOW + timedelta(minutes=2), timedelta(seconds=90)) == (
        "held for longer than 90 s"
    )
    assert stale_why(replace(holder, host="web9"), hosts, NOW) == "web9 is no host of the fleet"
    assert stale_why(replace(holder, host=None), hosts, NOW) == "no host of the fleet is known by this id"
    assert stale_why(replace(holder, since=None), hosts, NOW) is None


def test_a_lock_with_more_holders_than_slots_has_none_free() -> None:
    holders = tuple(Holder(f"web{n}", None, NOW, "") for n in range(3))
    assert LockState("default", 2, None, holders).free == 0
