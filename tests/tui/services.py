"""Services on a fleet that is shown, as etcd and an engine would have them; nothing is placed by anybody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from console.commands.service_book import ServiceBook
from console.commands.service_desk import service_rows
from console.engine.following import Observed, Seen
from console.engine.manifest import Manifest
from console.engine.present import EngineRecord
from console.engine.services import Assigned, Service
from console.fleet.model import FleetModel
from console.placement.reconcile import Condition, Phase
from tests.engine.desired import service
from tests.tui.remembering import LIVE, FakeRemembering
from tests.tui.small_fleet import BEFORE

LEADER = EngineRecord("engine1/812", BEFORE)

#: The shop: its front end is to be on three hosts that are apart, of which two will have it.
WEB = replace(service("web@", "Replicas=4", "Require=role=web", "Apart=self"), revision=2)
AGENT = service("agent", "Global=yes")
BACKUP = service("backup", "Memory=64G")
BATCH = service("batch@", "Replicas=2", desired="loaded")
OLD = service("old", desired="inactive")

_UNIT = """[Unit]
Description=The shop's front end
[Service]
ExecStart=/usr/bin/shop {}
[X-Quarterdeck]
Replicas=4
"""

REVISIONS: dict[str, Any] = {
    "services/web@.service/rev/1": {
        "unit": _UNIT.format("--port 80"),
        "time": "2026-11-20T10:00:00Z",
        "by": "alice",
        "line": "service start web@.service",
    },
    "services/web@.service/rev/2": {
        "unit": _UNIT.format("--port 8080"),
        "time": "2026-11-23T17:42:10Z",
        "by": "bob",
        "line": "service submit web@.service",
    },
}


def placed(name: str, host: str, revision: int = 1) -> Assigned:
    front, at, _ = name.partition("@")
    return Assigned(f"{front}@.service" if at else name, name, host, 3, revision)


def seen(
    *services: Service,
    at: tuple[Assigned, ...] = (),
    told: dict[tuple[str, str], tuple[Phase, str]] | None = None,
    pending: dict[str, str] | None = None,
    leader: EngineRecord | None = LEADER,
) -> Seen:
    """:param told: what the engine says, by host and instance: how it is, and why."""
    service_of = {(one.host, one.instance): one.service for one in at}
    conditions = {
        key: Condition(service_of.get(key, ""), key[1], key[0], phase, why)
        for key, (phase, why) in (told or {}).items()
    }
    manifest = Manifest({one.name: one for one in services}, at, engine=leader is not None)
    return Seen(manifest, Observed(conditions, pending or {}), leader)


def shop(leader: EngineRecord | None = LEADER) -> Seen:
    """The picture's fleet with services: some as they are to be, some not."""
    hosts = ("web1", "web2", "db1", "cache1", "edge-frankfurt-1")
    at = (
        placed("web@1.service", "web1", 2),
        placed("web@2.service", "web2", 2),
        placed("web@3.service", "lost1", 2),
        *(Assigned("agent.service", "agent.service", host, 1, 1) for host in hosts),
        placed("batch@1.service", "db1"),
        placed("batch@2.service", "cache1"),
    )
    told = {
        ("web1", "web@1.service"): (Phase.RUNNING, ""),
        ("web2", "web@2.service"): (Phase.FAILING, "systemd restarts it, 41 times by now"),
        ("lost1", "web@3.service"): (Phase.LOST, "lost1 was given up"),
        **{(host, "agent.service"): (Phase.RUNNING, "") for host in hosts},
        ("db1", "batch@1.service"): (Phase.PLACED, ""),
        ("cache1", "batch@2.service"): (Phase.PLACED, ""),
    }
    pending = {"web@4.service": "require on 3, apart on 2, lost on 1", "backup.service": "memory on 6"}
    return seen(WEB, AGENT, BACKUP, BATCH, OLD, at=at, told=told, pending=pending, leader=leader)


def remembering(model: FleetModel, what: Seen | None) -> FakeRemembering:
    """:param what: None: etcd has not told yet."""
    memory = FakeRemembering(LIVE, values=REVISIONS)
    memory.services = ServiceBook(
        cast("Any", memory.memory.etcd), model, lambda: memory.changed(), lambda text: memory.told(text)
    )
    if what is not None:
        show(memory, model, what)
    return memory


def show(memory: FakeRemembering, model: FleetModel, what: Seen) -> None:
    """Have etcd be so."""
    assert memory.services is not None
    memory.services.take(what, service_rows(what, model.hosts(), model.unit))
