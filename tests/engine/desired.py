"""Services, placements and hosts in one line each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from console.engine.manifest import Manifest
from console.engine.service_placing import candidates, planned
from console.engine.service_states import Instance, instances
from console.engine.services import Assigned, Desired, Service
from console.model.host import Host, OsFacts
from console.model.state import Source, State, Status
from console.model.unit import Health, Unit
from tests.placement.build import spec

SINCE = datetime(2026, 11, 23, tzinfo=UTC)
GIB = 1024**3


def service(
    name: str,
    *lines: str,
    desired: str = "launched",
    revision: int = 1,
    pins: Mapping[str, str] | None = None,
) -> Service:
    """A service whose unit file has these lines in its section of policy."""
    found = spec(name, *lines)
    return Service(found.name, revision, Desired(desired), found, pins=pins or {})


def assigned(*words: str, revision: int = 1) -> tuple[Assigned, ...]:
    """`web@1.service=h1`: placed there; its service is its template where it has an `@`."""
    found = []
    for word in words:
        instance, _, host = word.partition("=")
        name, at, _ = instance.partition("@")
        found.append(Assigned(f"{name}@.service" if at else instance, instance, host, 1, revision))
    return tuple(found)


def manifest(*services: Service, at: tuple[Assigned, ...] = (), engine: bool = True) -> Manifest:
    return Manifest({one.name: one for one in services}, at, engine=engine)


def host(name: str, state: State = State.LIVE, **labels: str) -> Host:
    """A host with four cores and 8 GiB."""
    status = Status(state, SINCE, None if state is State.LIVE else "no route to host")
    sources = {Source.UNITS: status, Source.OS: status}
    facts = OsFacts(cpus=4, memory_total=8 * GIB)
    return Host(name, f"{name}.example", labels, status, sources, facts)


def hosts(count: int) -> list[Host]:
    return [host(f"h{number}") for number in range(1, count + 1)]


def unit(host: str, name: str, active: str = "active", sub: str = "running", **more: object) -> Unit:
    return replace(Unit(host, name, "loaded", active, sub, ""), **more)  # type: ignore[arg-type]


def failed(host: str, name: str) -> Unit:
    return unit(host, name, "failed", "failed", result="exit-code", health=Health.GAVE_UP)


def states(what: Manifest, fleet: list[Host], *units: Unit) -> dict[str, tuple[str | None, str, str]]:
    """Each instance's host, state and reason."""
    return {one.name: (one.host, one.state.value, one.reason) for one in found(what, fleet, *units)}


def found(what: Manifest, fleet: list[Host], *units: Unit) -> tuple[Instance, ...]:
    there = {one.key: one for one in units}
    placement = planned(what, candidates(fleet))
    return instances(what, placement, {one.name: one for one in fleet}, lambda *key: there.get(key))
