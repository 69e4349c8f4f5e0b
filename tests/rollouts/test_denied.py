"""Denied versions on a real etcd."""

from __future__ import annotations

import pytest

from console.errors import StoreError, UsageError
from console.rollouts.denied import HOST, allow, denied, deny, find_denied
from console.store.client import Etcd
from console.store.schema import Keys
from console.store.values import Put
from tests.store.cluster import needs_etcd

pytestmark = needs_etcd


async def test_a_version_is_denied_until_it_is_allowed_again(etcd: Etcd, keys: Keys) -> None:
    made = await deny(etcd, keys, HOST, "1.2", by="r-2f9c", why="api.service failed on web1")
    assert await denied(etcd, keys) == (made,)
    assert await find_denied(etcd, keys, HOST, "1.2") == made
    assert await find_denied(etcd, keys, HOST, "1.1") is None

    assert await allow(etcd, keys, HOST, "1.2")
    assert not await allow(etcd, keys, HOST, "1.2")
    assert await denied(etcd, keys) == ()


async def test_who_denied_it_first_stands(etcd: Etcd, keys: Keys) -> None:
    made = await deny(etcd, keys, HOST, "1.2", by="r-2f9c", why="api.service failed")
    assert await deny(etcd, keys, HOST, "1.2", by="alice", why="me too") == made
    assert await denied(etcd, keys) == (made,)


async def test_versions_may_hold_what_keys_are_made_of(etcd: Etcd, keys: Keys) -> None:
    for version in ("registry/api:1.4", "fedora/x86_64/coreos", "%2F", "a b", "ünïcode"):
        await deny(etcd, keys, "container", version, by="alice", why="")
    assert {one.version for one in await denied(etcd, keys)} == {
        *("registry/api:1.4", "fedora/x86_64/coreos", "%2F", "a b", "ünïcode"),
    }
    assert await allow(etcd, keys, "container", "registry/api:1.4")


async def test_what_would_not_be_shown_as_it_is_cannot_be_denied(etcd: Etcd, keys: Keys) -> None:
    for version in ("", " ", "1\n2", "\x1b[2J", "x" * 201):
        with pytest.raises(UsageError):
            await deny(etcd, keys, HOST, version, by="alice", why="")


async def test_a_record_that_cannot_be_read_denies_all_the_same(etcd: Etcd, keys: Keys) -> None:
    await etcd.write([Put(keys.denied(HOST, "1.2"), b"{}")])
    with pytest.raises(StoreError, match=r"denied/host/1\.2 cannot be read"):
        await find_denied(etcd, keys, HOST, "1.2")
    assert await allow(etcd, keys, HOST, "1.2")
