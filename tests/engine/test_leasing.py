"""The leases in an engine's hands, on a real etcd; hosts are a function that answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.actions.wind_lease import Wound
from console.engine.assigning import Registry
from console.engine.inspecting import Inspected
from console.engine.lease_record import LeaseRecord, lease_bytes, read_lease
from console.engine.leasing import Leasing
from console.engine.services import Assigned
from console.errors import StoreUnreachable
from console.placement.lease import Kept, Terms, Wind
from console.store.claim import claimed
from console.store.client import Etcd
from console.store.guarded import in_pages
from console.store.lease import now
from console.store.schema import Keys
from console.store.values import Delete, Put, Span
from tests.lab.waiting import until
from tests.store.cluster import needs_etcd

pytestmark = needs_etcd

WEB = "web.service"
AT_H1 = Registry({}, (Assigned(WEB, WEB, "h1", 1, 1, leased=True),))


class Hosts:
    """Hosts that say yes to each wind, and what etcd had of it by then."""

    def __init__(self, etcd: Etcd) -> None:
        self._etcd = etcd
        self.winds: list[tuple[str, Wind]] = []
        self.recorded: list[LeaseRecord | None] = []
        self.told: list[str] = []
        self.stirred = asyncio.Event()

    async def wind(self, host: str, wind: Wind) -> Wound:
        entry = await self._etcd.get(Keys(self._etcd.prefix).lease(host))
        self.recorded.append(None if entry is None else read_lease(entry.value))
        self.winds.append((host, wind))
        return Wound("wound", 200, wind.boot, "m1", wind.drops)

    async def ask(self, host: str) -> Inspected:
        return Inspected("f-1", {}, "b1", 100, "m1")


@asynccontextmanager
async def leasing(etcd: Etcd, hosts: Hosts) -> AsyncIterator[Leasing]:
    async with claimed(etcd, Keys(etcd.prefix).leader, b"", 15) as claim:
        made = Leasing(
            etcd,
            claim,
            Terms(ttl=6, wind=1),
            wind=hosts.wind,
            ask=hosts.ask,
            told=hosts.told.append,
            changed=hosts.stirred.set,
        )
        running = asyncio.create_task(made.run())
        await made.begun.wait()
        try:
            yield made
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


async def test_each_wind_is_recorded_before_it_is_sent(etcd: Etcd) -> None:
    hosts = Hosts(etcd)
    async with leasing(etcd, hosts) as made:
        made.inspected("h1", 1, await hosts.ask("h1"), now())
        made.want({"h1": {WEB}}, {}, {"h1": 1})
        await until(lambda: len(hosts.winds) >= 2, "two winds")
        assert made.leased() == {("h1", WEB)}
        assert made.firm(AT_H1, {"h1"}) == {(WEB, "h1")}
    assert all(record is not None and record.kept == Kept(6, "b1", "m1") for record in hosts.recorded)
    first, second = (wind for _, wind in hosts.winds[:2])
    assert second.deadline > first.deadline


async def test_who_leads_no_more_winds_nothing(etcd: Etcd) -> None:
    hosts = Hosts(etcd)
    key = Keys(etcd.prefix).leader
    async with leasing(etcd, hosts) as made:
        await etcd.write([Delete(Span(key))])
        await etcd.write([Put(key, b"another")])
        made.inspected("h1", 1, await hosts.ask("h1"), now())
        made.want({"h1": {WEB}}, {}, {"h1": 1})
        await until(lambda: bool(hosts.told), "it is told")
    assert hosts.winds == []
    assert "leases are not wound" in hosts.told[0]


async def test_what_a_leader_before_recorded_is_waited_for(etcd: Etcd) -> None:
    hosts = Hosts(etcd)
    at = datetime.now(UTC) - timedelta(days=1)
    record = LeaseRecord(Kept(60, "b1", "m1"), at, None, 10)
    await etcd.write([Put(Keys(etcd.prefix).lease("h1"), lease_bytes(record))])
    async with leasing(etcd, hosts) as made:
        assert made.firm(AT_H1, {"h1"}) == {(WEB, "h1")}, "whatever its clock said"
        made.inspected("h1", 1, Inspected("f-1", {}, "b2", 100, "m1"), now())
        assert made.firm(AT_H1, {"h1"}) == frozenset(), "it has booted anew"


async def test_what_is_dropped_is_free_once_the_host_says_that_it_is_down(etcd: Etcd) -> None:
    hosts = Hosts(etcd)
    async with leasing(etcd, hosts) as made:
        made.inspected("h1", 1, await hosts.ask("h1"), now())
        made.want({"h1": {WEB}}, {}, {"h1": 1})
        await until(lambda: bool(made.leased()), "it may be started")
        made.want({}, {"h1": {WEB}}, {"h1": 1})
        await until(lambda: not made.firm(AT_H1, {"h1"}), "it is free")
    assert hosts.winds[-1][1].drops == {WEB}


async def test_a_record_that_says_nothing_any_more_is_taken_away_until_etcd_says_that_it_is_gone(
    etcd: Etcd, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = Hosts(etcd)
    key = Keys(etcd.prefix).lease("h1")
    record = LeaseRecord(Kept(60, "b1", "m1"), datetime.now(UTC), None, 10)
    await etcd.write([Put(key, lease_bytes(record))])
    asked: list[object] = []

    async def away_at_first(*question: Any) -> int:
        asked.append(question)
        if len(asked) == 1:
            raise StoreUnreachable("etcd is away")
        return await in_pages(*question)

    monkeypatch.setattr("console.engine.leasing.in_pages", away_at_first)
    async with leasing(etcd, hosts) as made:
        made.inspected("h1", 1, Inspected("f-1", {}, "b2", 100, "m1"), now())  # its lease went with a boot
        await until(lambda: len(asked) >= 2, "etcd is asked again")
        async with asyncio.timeout(10):
            while await etcd.get(key) is not None:  # noqa: ASYNC110 - etcd's to say
                await asyncio.sleep(0.05)
    assert hosts.told == ["leases are not wound: etcd is away"]
