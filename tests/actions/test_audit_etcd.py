"""The audit on its way from the state folder to a real etcd."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.actions.audit import DONE, Audit, Record, Who
from console.actions.audit_etcd import (
    Shipping,
    follow_records,
    merged,
    read_record,
    read_records,
    record_bytes,
)
from console.actions.audit_file import FileSink
from console.actions.plan import Outcome, Result
from console.store.client import Etcd, open_etcd
from console.store.schema import Keys
from console.store.values import Entry
from tests.store.cluster import needs_etcd, running_cluster

pytestmark = needs_etcd

NOW = datetime(2026, 11, 27, 3, 12, tzinfo=UTC)
FLEET = "/etc/fleet.toml"


@pytest.fixture
async def etcd(tmp_path: Path) -> AsyncIterator[Etcd]:
    (tmp_path / "etcd").mkdir()
    async with running_cluster(tmp_path / "etcd") as cluster, open_etcd(cluster.config()) as etcd:
        yield etcd


def audit(folder: Path, at: datetime = NOW, fleet: str = FLEET) -> Audit:
    folder.mkdir(exist_ok=True)
    return Audit((FileSink(folder),), Who("alice", "desk"), lambda: at, fleet)


async def outcomes(etcd: Etcd) -> dict[str, str | None]:
    records, problems = await read_records(etcd, None)
    assert not problems
    return {record.line: record.outcome for record in records}


async def test_records_are_brought_as_they_begin_and_again_when_they_end(etcd: Etcd, tmp_path: Path) -> None:
    mine = audit(tmp_path)
    shipping = Shipping(etcd, tmp_path, FLEET)
    record = mine.begin("unit restart a", None)
    assert await shipping.ship(NOW) == 1
    assert await outcomes(etcd) == {"unit restart a": None}
    mine.end(record, DONE, [Result("h/a", Outcome.DONE, "", 0.5)], undo=["unit stop a"])
    assert await shipping.ship(NOW) == 1
    ((found,), _) = await read_records(etcd, None)
    assert (found.outcome, found.actor, found.origin) == (DONE, "alice", "desk")
    assert (found.results, found.undo) == ((Result("h/a", Outcome.DONE, "", 0.5),), ("unit stop a",))
    assert await shipping.ship(NOW) == 0


async def test_what_a_killed_console_left_the_next_one_brings_and_nothing_twice(
    etcd: Etcd, tmp_path: Path
) -> None:
    mine = audit(tmp_path)
    first = mine.begin("one", None)
    second = mine.begin("two", None)
    mine.end(second, DONE)
    assert await Shipping(etcd, tmp_path, FLEET).ship(NOW) == 2
    mine.refused("three", "not today")
    mine.end(first, DONE)
    assert await Shipping(etcd, tmp_path, FLEET).ship(NOW) >= 2
    assert await outcomes(etcd) == {"one": DONE, "two": DONE, "three": "refused"}
    assert await Shipping(etcd, tmp_path, FLEET).ship(NOW) == 0


async def test_records_of_another_fleet_stay_where_they_are(etcd: Etcd, tmp_path: Path) -> None:
    audit(tmp_path, fleet="/etc/other.toml").refused("other", "")
    audit(tmp_path).refused("ours", "")
    await Shipping(etcd, tmp_path, FLEET).ship(NOW)
    assert list(await outcomes(etcd)) == ["ours"]


async def test_the_consoles_of_a_fleet_share_the_lease_of_a_day(etcd: Etcd, tmp_path: Path) -> None:
    for name in ("a", "b"):
        audit(tmp_path / name).refused(name, "")
        await Shipping(etcd, tmp_path / name, FLEET).ship(NOW)
    audit(tmp_path / "a", NOW + timedelta(days=1)).refused("next day", "")
    await Shipping(etcd, tmp_path / "a", FLEET).ship(NOW)
    keys = Keys(etcd.prefix)
    leases = [entry.lease for entry in (await etcd.list(keys.under("audit"))).entries]
    assert leases[0] == leases[1] != leases[2]
    days = (await etcd.list(keys.under("audit-leases"))).entries
    assert {entry.lease for entry in days} == set(leases)


async def test_since_a_time_only_what_came_then_is_read(etcd: Etcd, tmp_path: Path) -> None:
    audit(tmp_path, NOW).refused("before", "")
    audit(tmp_path, NOW + timedelta(hours=1)).refused("after", "")
    await Shipping(etcd, tmp_path, FLEET).ship(NOW)
    records, _ = await read_records(etcd, NOW + timedelta(minutes=1))
    assert [record.line for record in records] == ["after"]


async def test_records_of_other_consoles_are_followed_as_they_come(etcd: Etcd, tmp_path: Path) -> None:
    shipping = Shipping(etcd, tmp_path, FLEET)
    mine = audit(tmp_path)
    mine.refused("before", "")
    await shipping.ship(NOW)
    seen: list[str] = []

    async def follow() -> None:
        async for record in follow_records(etcd):
            seen.append(record.line)

    following = asyncio.create_task(follow())
    async with asyncio.timeout(10):
        while not seen:  # it may not have begun yet
            mine.refused("now", "")
            await shipping.ship(NOW)
    following.cancel()
    await asyncio.wait((following,))
    assert set(seen) == {"now"}


def record(name: str, outcome: str | None, **more: object) -> Record:
    return Record(name, NOW, "alice", "desk", "l", outcome=outcome, **more)  # type: ignore[arg-type]


def test_of_two_records_of_one_write_the_one_that_has_ended_counts() -> None:
    began, ended = record("a-1", None), record("a-1", DONE)
    assert merged([began], [ended]) == [ended]
    assert merged([ended], [began]) == [ended]
    assert merged([began, record("a-2", DONE)], []) == [began, record("a-2", DONE)]


def test_a_record_that_etcd_would_not_take_goes_without_its_plan() -> None:
    many = tuple(Result(f"host{number}/unit", Outcome.DONE, "x" * 200, 0.1) for number in range(10_000))
    value = record_bytes(record("a-1", DONE, plan={"steps": ["y" * 100] * 20_000}, results=many))
    assert len(value) < 1_500_000
    found = read_record(Entry("k", value, 1, 1, 1))
    assert found.plan is None
    assert len(found.results) == 2000
    assert "8000 more results" in found.why


@pytest.mark.parametrize("value", [b"", b"[]", b"{}", b'{"id": 1}', b"\xff"])
def test_a_key_that_holds_no_record_says_so(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_record(Entry("k", value, 1, 1, 1))
