"""Questions about one service or one of its instances, and their answers as lines for a person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from console.commands.rows.service import SERVICE_TEXT, SERVICE_WHY, ServiceText, ServiceWhy, revision_lines
from console.commands.service_desk import instances_told
from console.commands.service_names import instance_of
from console.engine.manifest import wanted
from console.engine.service_placing import candidates, placed, planned
from console.errors import NothingSelected
from console.placement.unit_name import UnitName
from console.placement.why import why

if TYPE_CHECKING:
    from console.commands.rows.base import Cell
    from console.engine.following import Seen
    from console.engine.services import Service, ServiceStore
    from console.fleet.model import FleetModel

Lines = list[tuple["Cell", ...]]
Question = Callable[["ServiceStore", "Seen", "FleetModel", str], Awaitable[Lines]]


def why_of(seen: Seen, model: FleetModel, instance: str) -> ServiceWhy:
    """What each host is to an instance. :raises NothingSelected: no service has it."""
    manifest = seen.manifest
    service, name = instance_of(instance, manifest)
    specs = {spec.name: spec for spec in wanted(manifest.services.values())}
    specs[service.name] = service.spec  # also what is not to run can be asked about
    hosts = candidates(model.hosts())
    # The others where they will be: so it agrees with what a plan says.
    others = [one for one in planned(manifest, hosts).placed if one.instance != name]
    own = [one for one in placed(manifest.assigned) if one.instance == name]
    return ServiceWhy(
        name, _now(seen, model, service, name), why(specs.values(), hosts, [*own, *others], name)
    )


def instances_pattern(service: str) -> str:
    """A glob of the units that a service's instances are: `web@*.service` of `web@.service`."""
    unit = UnitName(service)
    return unit.instantiate("*") if unit.is_template else service


def _now(seen: Seen, model: FleetModel, service: Service, instance: str) -> str:
    """What an instance is, in words."""
    found = [
        one
        for one in instances_told(seen, model.hosts(), model.unit)
        if (one.service, one.name) == (service.name, instance)
    ]
    told = [
        " ".join(text for text in (one.state.value, f"on {one.host}" if one.host else "", one.reason) if text)
        for one in found
    ]
    pin = f"pinned to {service.pins[instance]}" if instance in service.pins else ""
    return "; ".join(text for text in (*(told or [service.desired.value]), pin) if text)


async def service_why(store: ServiceStore, seen: Seen, model: FleetModel, name: str) -> Lines:
    """What each host is to an instance. :raises NothingSelected: no service has it."""
    assert SERVICE_WHY.text is not None
    return SERVICE_WHY.text(why_of(seen, model, name))


async def service_file(store: ServiceStore, seen: Seen, model: FleetModel, name: str) -> Lines:
    """The unit file that is to run. :raises NothingSelected: there is no such service."""
    service = _service(seen, name)
    assert SERVICE_TEXT.text is not None
    return SERVICE_TEXT.text(ServiceText(service.name, service.revision, service.spec.text))


async def service_revisions(store: ServiceStore, seen: Seen, model: FleetModel, name: str) -> Lines:
    """All revisions, the newest first, each with what it changed.

    :raises NothingSelected: there is no such service. :raises StoreError: etcd does not say.
    """
    service = _service(seen, name)
    return revision_lines(await store.revisions(service.name), service)


def _service(seen: Seen, name: str) -> Service:
    found = seen.manifest.services.get(name)
    if found is None:
        raise NothingSelected(f"there is no service {name} any more")
    return found


SERVICE_QUESTIONS: dict[str, Question] = {
    "why": service_why,
    "file": service_file,
    "revisions": service_revisions,
}
