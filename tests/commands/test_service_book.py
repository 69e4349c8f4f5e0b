"""Services as a running console has them: followed in a real etcd, and what is wrong with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.commands.service_book import ServiceBook
from console.engine.lease_record import LeaseRecord, lease_bytes
from console.engine.present import EngineRecord, engine_bytes
from console.engine.services import Assigned, Desired, ServiceStore, assigned_bytes
from console.fleet.model import FleetModel
from console.model.config import HostConfig
from console.model.events import HostChanged, SourceChanged, UnitsListed
from console.model.state import Source, State, Status
from console.placement.lease import Kept
from console.placement.spec import parse_spec
from console.store.client import Etcd, open_etcd
from console.store.records import pack
from console.store.values import Delete, Put, Span
from tests.engine.desired import unit
from tests.store.cluster import needs_etcd, running_cluster

pytestmark = needs_etcd

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
WEB = "web@1.service"


@dataclass
class Console:
    """A console with a book of services; `told` is what it was told in words."""

    etcd: Etcd
    model: FleetModel
    book: ServiceBook
    told: list[str] = field(default_factory=list)

    async def until(self, true: Callable[[], bool], what: str) -> None:
        async with asyncio.timeout(20):
            while not true():  # noqa: ASYNC110 - etcd tells the book, and the book nobody here
                await asyncio.sleep(0.01)

    async def put(self, key: str, value: bytes) -> None:
        await self.etcd.write([Put(f"{self.etcd.prefix}{key}", value)])

    async def submit(self, name: str, *lines: str) -> None:
        text = "\n".join(["[Service]", "ExecStart=/bin/true", "[X-Quarterdeck]", *lines, ""])
        spec = parse_spec(text, Path(name))
        await ServiceStore(self.etcd).submit(spec, desired=Desired.LAUNCHED, at=NOW, by="a test", line="")

    async def lead(self) -> None:
        await self.put("engine/leader", engine_bytes(EngineRecord("engine1/1", NOW)))

    def states(self) -> dict[str, tuple[str, str, str]]:
        return {
            one.name: (one.host or "", one.state.value, one.by.value) for one in self.book.instances.values()
        }

    def troubles(self) -> dict[str, tuple[str, str]]:
        return {one.what: (one.how.text, one.why) for one in self.book.troubles()}


@pytest.fixture
async def console(tmp_path: Path) -> AsyncIterator[Console]:
    async with running_cluster(tmp_path) as cluster, open_etcd(cluster.config()) as etcd, kept(etcd) as made:
        yield made


@asynccontextmanager
async def kept(etcd: Etcd) -> AsyncIterator[Console]:
    model = FleetModel([HostConfig("h1"), HostConfig("h2")])
    live = Status(State.LIVE, NOW)
    for name in ("h1", "h2"):
        model.apply(HostChanged(name, live))
        model.apply(SourceChanged(name, Source.UNITS, live))
    told: list[str] = []
    made = Console(etcd, model, ServiceBook(etcd, model, lambda: None, told.append), told)
    running = asyncio.create_task(made.book.run())
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.wait((running,))


async def test_a_service_is_followed_from_its_submission_to_its_end(console: Console) -> None:
    book = console.book
    await console.until(lambda: book.ready, "etcd has told")
    assert (dict(book.rows), book.no_engine) == ({}, False)
    await console.submit("web@.service", "Replicas=1")
    await console.until(lambda: "web@.service" in book.rows, "it is known")
    assert book.no_engine
    assert console.troubles() == {
        "services": ("✖ no engine", "nothing is placed, moved or started again: `engine run`")
    }
    await console.lead()
    await console.until(lambda: not book.no_engine, "an engine leads")
    await console.put(
        f"instances/web@.service/{WEB}", assigned_bytes(Assigned("web@.service", WEB, "h1", 1, 1))
    )
    await console.until(lambda: console.states() == {WEB: ("h1", "placed", "console")}, "it is placed")
    said = pack({"standing": "live", "instances": {WEB: ["web@.service", "running", ""]}})
    await console.put("observed/h1", said)
    await console.until(lambda: console.states() == {WEB: ("h1", "running", "engine")}, "the engine says so")
    assert console.troubles() == {}
    prefix = console.etcd.prefix
    await console.etcd.write(
        [Delete(Span.under(f"{prefix}services/")), Delete(Span.under(f"{prefix}instances/"))]
    )
    await console.until(lambda: not book.rows and not book.instances, "it is gone")


async def test_what_hosts_say_counts_where_no_engine_has_spoken(console: Console) -> None:
    await console.submit("web@.service", "Replicas=1")
    await console.put(
        f"instances/web@.service/{WEB}", assigned_bytes(Assigned("web@.service", WEB, "h1", 1, 1))
    )
    await console.until(lambda: WEB in console.states(), "it is placed")
    console.model.apply(UnitsListed("h1", (unit("h1", WEB),)))
    await console.until(lambda: console.states()[WEB][1] == "running", "its host says so")


async def test_instances_that_are_not_as_they_are_to_be_are_one_trouble_a_service(console: Console) -> None:
    await console.lead()
    await console.submit("web@.service", "Replicas=3")
    await console.submit("fine.service")
    for number, host in ((1, "h1"), (2, "h2")):
        one = Assigned("web@.service", f"web@{number}.service", host, 1, 1)
        await console.put(f"instances/web@.service/{one.instance}", assigned_bytes(one))
    await console.put(
        "observed/h1",
        pack({"standing": "live", "instances": {WEB: ["web@.service", "failed", "exit-code"]}}),
    )
    await console.put("engine/pending", pack({"web@3.service": ["web@.service", "apart on 2"]}))
    await console.until(lambda: "web@.service" in console.troubles(), "it is a trouble")
    await console.until(lambda: console.troubles()["web@.service"][0] == "✖ 2 amiss", "both are")
    assert list(console.troubles()) == ["web@.service"], "what is about to be placed is none"
    why = console.troubles()["web@.service"][1]
    assert why == (
        "h1/web@1.service failed: exit-code; web@3.service pending: apart on 2; "
        "`service why web@3` says it of each host"
    )
    (trouble,) = console.book.troubles()
    since = trouble.since
    await console.put("engine/pending", pack({}))
    await console.until(lambda: console.troubles()["web@.service"][0] == "✖ 1 failed", "one is")
    (trouble,) = console.book.troubles()
    assert (trouble.since, trouble.place, trouble.service) == (since, "fleet", "web@.service")


async def test_a_brake_and_keys_that_cannot_be_read_are_troubles(console: Console) -> None:
    await console.lead()
    await console.put(
        "engine/brake", pack({"why": "3 of 4 hosts fell silent", "since": "2026-11-24T02:00:00Z"})
    )
    await console.put("services/odd.service", b"\x1b[2Jno")
    await console.until(lambda: len(console.troubles()) == 2, "both are told")
    found = console.troubles()
    assert found["engine"][0] == "✖ brake"
    assert found["engine"][1].startswith("3 of 4 hosts fell silent; nothing is moved or stopped")
    (key,) = (what for what in found if what != "engine")
    assert key.endswith("services/odd.service")
    assert found[key][1].isprintable()


async def test_a_lease_that_is_not_wound_is_a_trouble_of_its_host(console: Console) -> None:
    await console.lead()
    await console.submit("db.service", "Exclusive=yes")
    at = Assigned("db.service", "db.service", "h1", 1, 1, leased=True)
    await console.put("instances/db.service/db.service", assigned_bytes(at))
    now = datetime.now(UTC)
    fresh = LeaseRecord(Kept(60, "b1", "m1"), now + timedelta(seconds=60), now, 10)
    await console.put("leases/h1", lease_bytes(fresh))
    await console.until(lambda: bool(console.book.seen.manifest.leases), "it is known")
    assert "lease" not in console.troubles()
    await console.put("leases/h1", lease_bytes(replace(fresh, wound=now - timedelta(seconds=40))))
    await console.until(lambda: "lease" in console.troubles(), "it is late")
    (late,) = (one for one in console.book.troubles() if one.what == "lease")
    assert (late.host, late.how.text) == ("h1", "✖ late")
