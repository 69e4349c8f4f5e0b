"""The version of the keys: made, brought forward once, and refused in words where it is newer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from console.errors import StoreError
from console.store import guarded, schema
from console.store.client import Etcd, open_etcd
from console.store.schema import Keys, check_schema
from console.store.values import Guard, Put, Span
from tests.store.cluster import BOB, Cluster, Options, needs_etcd

KEYS = Keys("/quarterdeck/")


@needs_etcd
async def test_the_first_who_writes_says_which_version_the_keys_are_of(cluster: Cluster) -> None:
    async with open_etcd(cluster.config()) as etcd:
        assert await check_schema(etcd, write=False) == 0
        assert (await etcd.list(KEYS.all)).entries == ()
        assert await asyncio.gather(*(check_schema(etcd, write=True) for _ in range(5))) == [1] * 5
        entry = await etcd.get(KEYS.schema)
        assert entry
        assert (entry.value, entry.version) == (b'{"version": 1}', 1)


@needs_etcd
async def test_keys_of_a_newer_program_are_refused_in_words_by_readers_and_writers(cluster: Cluster) -> None:
    async with open_etcd(cluster.config()) as etcd:
        await etcd.write([Put(KEYS.schema, b'{"version": 2}')])
        for write in (False, True):
            with pytest.raises(StoreError, match=r"of version 2, and this program knows 1 \(use the newer"):
                await check_schema(etcd, write=write)


@needs_etcd
@pytest.mark.parametrize(
    "held", [b"", b"[]", b"{}", b'{"version": "1"}', b'{"version": 0}', b'{"version": 1e999}']
)
async def test_a_key_that_holds_no_version_is_said_to_be_another_s(cluster: Cluster, held: bytes) -> None:
    async with open_etcd(cluster.config()) as etcd:
        await etcd.write([Put(KEYS.schema, held)])
        with pytest.raises(StoreError, match="does not hold a version"):
            await check_schema(etcd, write=True)


@needs_etcd
@pytest.mark.parametrize("options", [Options(token_ttl=300)])
async def test_who_may_only_read_learns_the_version(cluster: Cluster) -> None:
    async with open_etcd(cluster.config()) as writer, open_etcd(cluster.config(BOB)) as reader:
        await check_schema(writer, write=True)
        assert await check_schema(reader, write=False) == 1


@needs_etcd
async def test_of_two_consoles_one_brings_the_keys_forward_and_once(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrated: list[int] = []

    def migration(version: int) -> schema.Migration:
        async def migrate(etcd: Etcd, keys: Keys, guard: Guard) -> None:
            migrated.append(version)
            for entry in (await etcd.list(keys.under("hosts"))).entries:
                await guarded.put(etcd, entry.key, entry.value + b"%d" % (version + 1), entry, guards=[guard])

        return migrate

    monkeypatch.setattr(schema, "VERSION", 3)
    monkeypatch.setattr(schema, "MIGRATIONS", {1: migration(1), 2: migration(2)})
    async with open_etcd(cluster.config()) as one, open_etcd(cluster.config()) as other:
        await one.write([Put(KEYS.schema, b'{"version": 1}'), Put(KEYS.host("web1"), b"1")])
        assert await check_schema(one, write=False) == 1
        found = await asyncio.gather(*(check_schema(etcd, write=True) for etcd in (one, other, one, other)))
        assert found == [3] * 4
        host = await one.get(KEYS.host("web1"))
        assert host
        assert host.value == b"123"
        assert await one.get(KEYS.migrating) is None
    assert migrated == [1, 2]


@needs_etcd
async def test_a_migration_that_was_interrupted_is_run_again(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    async def migrate(etcd: Etcd, keys: Keys, guard: Guard) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise StoreError("interrupted")

    monkeypatch.setattr(schema, "VERSION", 2)
    monkeypatch.setattr(schema, "MIGRATIONS", {1: migrate})
    async with open_etcd(cluster.config()) as etcd:
        await etcd.write([Put(KEYS.schema, b'{"version": 1}')])
        with pytest.raises(StoreError, match="interrupted"):
            await check_schema(etcd, write=True)
        assert await check_schema(etcd, write=False) == 1
        assert await check_schema(etcd, write=True) == 2
    assert tries == 2


def test_each_thing_has_its_key_and_is_found_under_its_kind() -> None:
    noon = datetime(2026, 8, 5, 12, 0, 0, 5, tzinfo=UTC)
    by_kind = {
        "hosts": KEYS.host("web1"),
        "macros": KEYS.macro("drain"),
        "acks": KEYS.ack("k-1"),
        "acting": KEYS.acting("web1", "a-1"),
        "audit": KEYS.audit(noon, "a-1"),
        "audit-leases": KEYS.audit_lease("2026-08-05"),
        "engine": KEYS.leader,
    }
    for kind, key in by_kind.items():
        assert key in KEYS.under(kind)
        assert key in KEYS.all
        assert sum(key in KEYS.under(other) for other in by_kind) == 1
    assert KEYS.name(KEYS.host("web1")) == "web1"
    assert KEYS.name(KEYS.acting("web1", "a-1")) == "web1/a-1"
    assert KEYS.audit(noon, "a-1") == "/quarterdeck/audit/20260805T120000.000005Z-a-1"
    assert Span.under(KEYS.prefix) == KEYS.all
