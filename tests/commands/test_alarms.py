"""Denied versions on hosts, and forgotten slots of reboot locks: seen by every console, as troubles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from console.commands import clock
from console.commands.lock_troubles import lock_troubles
from console.commands.picture import troubles_of
from console.commands.rows.updates import HOST_UPDATES
from console.fleet.memory import Memory
from console.fleet.model import FleetModel
from console.model.config import HostConfig
from console.model.deployment import Deployment, UpdateStatus
from console.model.events import HostChanged, UpdatesRead
from console.model.locks import Holder, LockState
from console.model.memory import HOST, Denied
from console.model.state import State, Status
from console.rollouts.denied import allow, deny
from console.rollouts.reboot_lock import RebootLock
from tests.commands.remembered import another, core_in, running
from tests.store.cluster import needs_etcd, running_cluster

SINCE = datetime(2026, 11, 27, 3, 12, tzinfo=UTC)
BAD = Denied(HOST, "1.2", SINCE, "r-2f9c", "api.service failed on web1")


def booted(version: str, *more: Deployment, checksum: str | None = None) -> UpdateStatus:
    return UpdateStatus((*more, Deployment("a.0", checksum, version, booted=True, next=not more)))


def model_with(status: UpdateStatus, *denied: Denied) -> FleetModel:
    model = FleetModel([HostConfig("web1")])
    model.apply(HostChanged("web1", Status(State.LIVE, SINCE)))
    model.deny(denied)
    model.apply(UpdatesRead("web1", "ostree", status))
    return model


def told(model: FleetModel) -> list[tuple[str, str, str]]:
    found = troubles_of(model, model.host("web1"))
    return [(trouble.what, trouble.how.text, trouble.why) for trouble in found]


def test_a_host_that_has_booted_a_denied_version_is_a_trouble() -> None:
    model = model_with(booted("1.2"), BAD)
    assert told(model) == [
        ("version 1.2", "✖ denied", "it is booted; denied by r-2f9c: api.service failed on web1")
    ]
    row = HOST_UPDATES.fields(model.host("web1"))
    assert row["denied"] == ["1.2"]
    state = next(column for column in HOST_UPDATES.columns if column.title == "STATE")
    assert cast(Any, state.cell(model.host("web1"))).text == "✖ denied"


def test_a_host_that_would_boot_one_next_is_a_warning() -> None:
    staged = Deployment("b.0", "b" * 64, "1.2", next=True, staged=True)
    model = model_with(booted("1.1", staged), BAD)
    assert told(model)[0][1:] == (
        "▲ denied next",
        "the next boot takes it; denied by r-2f9c: api.service failed on web1",
    )


def test_a_version_is_named_by_its_checksum_too() -> None:
    by_checksum = Denied(HOST, "c" * 64, SINCE, "alice", "")
    assert told(model_with(booted("1.2", checksum="c" * 64), by_checksum))[0][1] == "✖ denied"


@pytest.mark.parametrize(
    "denied", [Denied(HOST, "1.3", SINCE, "alice", ""), Denied("container", "1.2", SINCE, "alice", "")]
)
def test_other_versions_and_versions_of_something_else_are_none(denied: Denied) -> None:
    assert told(model_with(booted("1.2"), denied)) == []


def test_only_the_hosts_that_have_it_are_told_of_when_a_version_is_denied_and_allowed() -> None:
    model = FleetModel([HostConfig("web1"), HostConfig("web2")])
    model.apply(UpdatesRead("web1", "ostree", booted("1.2")))
    model.apply(UpdatesRead("web2", "ostree", booted("1.1")))
    feed = model.feed()
    for denied in ([BAD], []):
        feed._pending.hosts.clear()
        model.deny(denied)
        assert feed._pending.hosts == {"web1"}
        assert model.host("web1").denied == tuple(denied)


def test_slots_that_somebody_may_have_forgotten_are_troubles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: SINCE + timedelta(hours=3))
    late = Holder("r-1/web1", "web1", SINCE, "update to 1.2")
    fresh = Holder("r-1/web2", "web2", SINCE + timedelta(hours=2, minutes=30), "")
    memory = cast(
        Memory, SimpleNamespace(locks=(LockState("default", 2, None, (late, fresh)), LockState("db")))
    )
    (trouble,) = lock_troubles(memory, ["web1", "web2"])
    assert (trouble.place, trouble.what, trouble.how.text) == (
        "fleet",
        "reboot lock default, web1",
        "▲ stale",
    )
    assert trouble.since == SINCE
    assert "held for longer than 1 h; `lock release default r-1/web1`" in trouble.why
    assert [one.what for one in lock_troubles(memory, ["web2"])] == ["reboot lock default, web1"]


@needs_etcd
async def test_what_is_denied_and_who_holds_a_lock_reaches_a_running_console(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: SINCE + timedelta(hours=3))
    (tmp_path / "etcd").mkdir()
    async with running_cluster(tmp_path / "etcd") as cluster:
        endpoints = tuple(member.url for member in cluster.members)
        async with (
            running(core_in(tmp_path / "a", endpoints)) as console,
            another(cluster, tmp_path / "b") as other,
        ):
            model = console.fleet.model
            model.apply(UpdatesRead("web1", "ostree", booted("1.2")))
            await deny(other.etcd, other.keys, HOST, "1.2", by="r-2f9c", why="")
            await console.until(lambda: bool(model.host("web1").denied))
            await allow(other.etcd, other.keys, HOST, "1.2")
            await console.until(lambda: not model.host("web1").denied)

            lock = RebootLock(other.etcd, other.keys)
            await lock.acquire("default", "x", host="web1", why="", now=SINCE)
            await console.until(lambda: bool(console.remembering.troubles()))
            (trouble,) = console.remembering.troubles()
            assert trouble.what == "reboot lock default, web1"
            await lock.release("default", "x")
            await console.until(lambda: not console.remembering.troubles())
