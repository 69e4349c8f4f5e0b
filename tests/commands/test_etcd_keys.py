"""Looking through the fleet's keys: kinds, keys, and what a key held before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console.commands.etcd_keys import KeysOf, Kinds, follow_key, key_history
from console.commands.rows.etcd import KeyRow
from console.commands.rows.etcd_keys import KeyHistory, history_lines
from console.fleet.memory import Memory
from console.store.values import Delete, Put, Span
from tests.commands.remembered import another
from tests.store.cluster import Cluster, needs_etcd, running_cluster


def row(value: str, modified: int, version: int = 1, created: int = 3) -> KeyRow:
    return KeyRow("hosts/web1", len(value), created, modified, version, 0, value)


def text(history: KeyHistory) -> list[str]:
    return [" ".join(cell.text for cell in line) for line in history_lines(history)]


def test_a_change_is_shown_as_what_it_took_away_and_what_it_brought() -> None:
    before, now = row('{"port": 22, "user": "core"}', 3), row('{"port": 2222, "user": "core"}', 9, 2)
    told = text(KeyHistory("hosts/web1", 12, 9, (now, before), "it was made at revision 3"))
    assert told[:2] == ["hosts/web1", "revision 9, made at 3, version 2, 30 bytes"]
    at = told.index("changed from revision 3 to 9")
    assert told[at + 1 : at + 6] == [
        "@@ -1,4 +1,4 @@",
        " {",
        '-  "port": 22,',
        '+  "port": 2222,',
        '   "user": "core"',
    ]
    assert told[-1] == "it was made at revision 3"


def test_a_value_that_was_written_again_says_so() -> None:
    told = text(KeyHistory("hosts/web1", 12, 9, (row("{}", 9, 2), row("{}", 3)), "it was made at revision 3"))
    assert "the same value, written again" in told


def test_a_key_that_is_gone_says_so_before_what_it_held() -> None:
    told = text(KeyHistory("hosts/web1", 12, None, (row("{}", 9),), "it is gone"))
    assert told[1] == "✖ gone by revision 12"
    assert "{}" in told


@pytest.mark.parametrize(
    "value", ["\x1b[31mred\x1b]0;title\x07", "[" * 100_000, "\n" * 50_000, '{"a": "\\u001b[2J"}']
)
def test_whatever_a_value_holds_it_is_lines_that_no_terminal_acts_on(value: str) -> None:
    told = text(KeyHistory("hosts/web1", 12, 9, (row(value, 9, 2), row("x", 3)), ""))
    assert all(line.isprintable() for line in told)
    assert len(told) < 5000


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    (tmp_path / "etcd").mkdir()
    async with running_cluster(tmp_path / "etcd") as cluster:
        yield cluster


@pytest.fixture
async def memory(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Memory]:
    async with another(cluster, tmp_path) as memory:
        yield memory


async def put(memory: Memory, name: str, value: str) -> int:
    return (await memory.etcd.write([Put(memory.etcd.prefix + name, value.encode())])).revision


@needs_etcd
async def test_a_key_is_shown_with_all_that_it_held_since_it_was_made(memory: Memory) -> None:
    revisions = [await put(memory, "hosts/web1", str(number)) for number in range(3)]
    history = await key_history(memory, "hosts/web1")
    assert [(one.value, one.modified) for one in history.values] == [
        ("2", revisions[2]), ("1", revisions[1]), ("0", revisions[0]),
    ]  # fmt: skip
    assert history.end == f"it was made at revision {revisions[0]}"


@needs_etcd
async def test_what_etcd_has_forgotten_is_said_to_be_forgotten(cluster: Cluster, memory: Memory) -> None:
    revisions = [await put(memory, "hosts/web1", str(number)) for number in range(3)]
    await cluster.compact(revisions[2])
    history = await key_history(memory, "hosts/web1")
    assert [one.value for one in history.values] == ["2"]
    assert history.end == f"etcd has forgotten what it was before revision {revisions[2]}"


@needs_etcd
async def test_of_a_key_that_changes_all_the_time_the_latest_changes_are_shown(memory: Memory) -> None:
    for number in range(20):
        await put(memory, "hosts/web1", str(number))
    history = await key_history(memory, "hosts/web1")
    assert [one.value for one in history.values] == [str(number) for number in range(19, 8, -1)]
    assert history.end == "9 changes before that are not shown"


@needs_etcd
async def test_a_key_is_followed_to_its_end(memory: Memory) -> None:
    await put(memory, "hosts/web1", "1")
    told: asyncio.Queue[KeyHistory] = asyncio.Queue()

    async def follow() -> None:
        async for history in follow_key(memory, "hosts/web1"):
            told.put_nowait(history)

    task = asyncio.create_task(follow())
    try:
        async with asyncio.timeout(10):
            assert (await told.get()).values[0].value == "1"
            await put(memory, "hosts/web1", "2")
            assert [one.value for one in (await told.get()).values] == ["2", "1"]
            await memory.etcd.write([Delete(Span(memory.etcd.prefix + "hosts/web1"))])
            last = await told.get()
    finally:
        task.cancel()
        await asyncio.wait((task,))
    assert last.modified is None
    assert last.values[0].value == "2", "what it held last is still there to be read"


@needs_etcd
async def test_kinds_are_counted_as_keys_come_and_go(memory: Memory) -> None:
    await put(memory, "hosts/web1", "{}")
    await put(memory, "audit/1-a", "{}")
    await put(memory, "audit-leases/2026-11-27", "1")
    kinds = Kinds(memory)
    following = kinds.follow()
    try:
        async with asyncio.timeout(10):
            assert await anext(following) == {"hosts", "audit", "audit-leases"}
            newest = await put(memory, "hosts/web2", "{}")
            assert await anext(following) == {"hosts"}
            found = kinds.look_up("hosts")
            assert found is not None
            assert (found.keys, found.revision, kinds.revision) == (2, newest, newest)
            await memory.etcd.write([Delete(Span(memory.etcd.prefix + "audit/1-a"))])
            assert await anext(following) == {"audit"}
            assert kinds.look_up("audit") is None
    finally:
        await following.aclose()


@needs_etcd
async def test_the_keys_of_a_kind_are_not_those_of_one_whose_name_begins_the_same(memory: Memory) -> None:
    for name in ("audit/1-a", "audit-leases/2026-11-27", "schema"):
        await put(memory, name, "{}")
    for kind, names in (("audit", {"audit/1-a"}), ("schema", {"schema"})):
        keys = KeysOf(memory, kind)
        following = keys.follow()
        try:
            async with asyncio.timeout(10):
                assert await anext(following) == names
            assert {row.key for row in keys.rows()} == names
        finally:
            await following.aclose()
