"""The live model and its change feed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from console.fleet.model import LOGS_KEPT, FleetModel
from console.model.config import HostConfig
from console.model.container import Container
from console.model.deployment import Deployment, UpdateStatus
from console.model.events import (
    ContainersChanged,
    ContainersListed,
    FactsRead,
    HostChanged,
    Logged,
    SourceChanged,
    UnitsChanged,
    UnitsListed,
    UpdatesRead,
)
from console.model.host import OsFacts
from console.model.log import LogRecord
from console.model.state import Source, State, Status
from console.model.unit import Health, Unit

NOW = datetime(2026, 11, 23, tzinfo=UTC)
LIVE = Status(State.LIVE, NOW)


def unit(name: str, active: str = "active", health: Health = Health.OK, host: str = "web1") -> Unit:
    return Unit(host, name, "loaded", active, "running", name, health=health)


def container(name: str, **more: Any) -> Container:
    return Container("web1", name, f"id-{name}", "busybox", "sha256:0", **{"state": "running", **more})


def record(number: int) -> LogRecord:
    return LogRecord("web1", f"c{number}", NOW, number, "boot", str(number))


@pytest.fixture
def model() -> FleetModel:
    model = FleetModel([HostConfig("web1", "10.0.0.1", labels={"role": "web"}), HostConfig("web2")])
    model.apply(HostChanged("web1", LIVE))
    model.apply(SourceChanged("web1", Source.UNITS, LIVE))
    model.apply(SourceChanged("web1", Source.CONTAINERS, LIVE))
    return model


def test_counts_are_unknown_until_a_source_has_told(model: FleetModel) -> None:
    assert model.host("web1").units_failed == 0
    assert model.host("web2").units_failed is None
    assert model.host("web2").state is State.CONNECTING


def test_a_listing_is_the_whole_truth(model: FleetModel) -> None:
    model.apply(UnitsListed("web1", (unit("a.service"), unit("b.service", "failed", Health.FAILED))))
    model.apply(UnitsListed("web1", (unit("a.service"), unit("c.service", "failed", Health.GAVE_UP))))
    assert {u.name for u in model.units("web1")} == {"a.service", "c.service"}
    assert model.host("web1").units_failed == 1
    assert [u.name for u in model.ailing_units("web1")] == ["c.service"]


def test_changes_update_and_remove(model: FleetModel) -> None:
    model.apply(UnitsListed("web1", (unit("a.service"), unit("b.service"))))
    model.apply(UnitsChanged("web1", (unit("a.service", "failed", Health.FAILED),), ("b.service",)))
    assert model.unit(("web1", "b.service")) is None
    assert model.host("web1").units_failed == 1
    model.apply(UnitsChanged("web1", (unit("a.service"),)))
    assert model.host("web1").units_failed == 0


def test_containers_are_known_by_id_and_counted_when_they_ail(model: FleetModel) -> None:
    model.apply(ContainersListed("web1", (container("web"), container("sick", health="unhealthy"))))
    assert model.host("web1").containers_unhealthy == 1
    model.apply(ContainersChanged("web1", (container("sick", health="healthy"),), ("id-web",)))
    assert [c.name for c in model.containers()] == ["sick"]
    assert model.host("web1").containers_unhealthy == 0


def test_what_is_stale_is_kept_and_counted_still(model: FleetModel) -> None:
    model.apply(UnitsListed("web1", (unit("a.service", "failed", Health.FAILED),)))
    model.apply(SourceChanged("web1", Source.UNITS, Status(State.STALE, NOW, "lost")))
    assert model.host("web1").units_failed == 1
    assert model.host("web1").sources[Source.UNITS].state is State.STALE


async def test_a_feed_begins_with_everything_and_then_names_each_change_once(model: FleetModel) -> None:
    model.apply(UnitsListed("web1", (unit("a.service"),)))
    feed = model.feed()
    first = await feed.batch(pause=0)
    assert first.hosts == {"web1", "web2"}
    assert first.units == {("web1", "a.service")}
    for _ in range(100):
        model.apply(UnitsChanged("web1", (unit("a.service", "activating"),)))
    second = await feed.batch(pause=0)
    assert second.units == {("web1", "a.service")}
    assert await feed.batch(pause=0, idle=0.01) == type(second)()


async def test_a_listing_names_only_what_differs(model: FleetModel) -> None:
    units = tuple(unit(f"{n}.service") for n in range(50))
    model.apply(UnitsListed("web1", units))
    feed = model.feed()
    await feed.batch(pause=0)
    model.apply(UnitsListed("web1", (*units[1:], unit("new.service"))))
    assert (await feed.batch(pause=0)).units == {("web1", "0.service"), ("web1", "new.service")}


async def test_a_reader_that_does_not_come_holds_no_more_records_than_it_asked_for(model: FleetModel) -> None:
    feed, full, none = model.feed(logs=3), model.feed(logs=None), model.feed()
    for name in (feed, full, none):
        await name.batch(pause=0)
    model.apply(Logged("web1", tuple(record(n) for n in range(LOGS_KEPT + 50))))
    batch = await feed.batch(pause=0)
    assert [r.cursor for r in batch.logs if isinstance(r, LogRecord)] == ["c247", "c248", "c249"]
    assert batch.logs_dropped == LOGS_KEPT + 47
    assert len((await full.batch(pause=0)).logs) == LOGS_KEPT + 50
    assert not await none.batch(pause=0, idle=0.01)
    assert len(list(model.logs("web1"))) == LOGS_KEPT


async def test_a_hosts_deployments_are_part_of_it_and_a_change_of_the_host(model: FleetModel) -> None:
    assert model.host("web1").driver is None
    feed = model.feed()
    await feed.batch(pause=0)
    booted = Deployment("lab-abc.0", version="1.0", booted=True, next=True)
    model.apply(UpdatesRead("web1", "ostree", UpdateStatus((booted,))))
    assert (await feed.batch(pause=0)).hosts == {"web1"}
    assert (model.host("web1").driver, model.host("web1").deployments) == ("ostree", (booted,))
    model.apply(UpdatesRead("web1", "ostree", problem="sudo: no"))
    assert (model.host("web1").deployments, model.host("web1").updates_problem) == ((), "sudo: no")


async def test_a_feed_that_was_left_gets_nothing(model: FleetModel) -> None:
    feed = model.feed()
    await feed.batch(pause=0)
    model.leave(feed)
    model.apply(FactsRead("web1", OsFacts(os="debian")))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await feed.batch(pause=0)
