"""All services as etcd has them at one time, with what is placed: read once, or made of what is followed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from console.engine.lease_record import LeaseRecord, leases_of
from console.engine.present import read_leader
from console.engine.services import Assigned, Desired, Service, ServiceStore, read_assigned, read_services
from console.placement.spec import Spec
from console.placement.unit_name import UnitName
from console.store.schema import Keys
from console.store.values import Entry


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is desired, and where it has been placed.

    :param problems: what cannot be read, by its key.
    :param engine: whether an engine is elected; without one nothing is carried out.
    :param embedded: whether that one ends with a console, and places nothing that needs a lease.
    :param leases: of hosts, by name; not known where this was made of what is followed.
    """

    services: Mapping[str, Service]
    assigned: tuple[Assigned, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)
    engine: bool = False
    embedded: bool = False
    leases: Mapping[str, LeaseRecord] = field(default_factory=dict)

    def of(self, service: str) -> tuple[Assigned, ...]:
        """The placements of one service."""
        return tuple(one for one in self.assigned if one.service == service)

    def owner(self, instance: str) -> Service | None:
        """The service that has such an instance now; one that is not to run has its instances too."""
        own = self.services.get(instance)
        if own is not None:
            return own
        template = UnitName(instance).template
        service = None if template is None else self.services.get(template)
        return service if service is not None and service.spec.is_instance(instance) else None


def wanted(services: Iterable[Service]) -> list[Spec]:
    """The specs of those that are to be placed."""
    return [service.spec for service in services if service.desired is not Desired.INACTIVE]


async def read_manifest(store: ServiceStore) -> Manifest:
    """:raises StoreError: etcd does not say."""
    keys = store.keys
    services = await store.etcd.list(keys.under("services"))
    instances = await store.etcd.list(keys.under("instances"))
    leader = await store.etcd.get(keys.leader)
    held = (await store.etcd.list(keys.under("leases"))).entries
    found = manifest_of(keys, services.entries, instances.entries, engine=leader is not None)
    return replace(
        found,
        embedded=leader is not None and read_leader(leader).embedded,
        leases=leases_of(keys, held),
    )


def manifest_of(
    keys: Keys, services: Iterable[Entry], instances: Iterable[Entry], *, engine: bool
) -> Manifest:
    """What these entries say. Pure."""
    found, problems = read_services(keys, tuple(services))
    assigned: list[Assigned] = []
    for entry in instances:
        try:
            assigned.append(read_assigned(keys, entry))
        except (ValueError, KeyError, TypeError) as error:
            problems[entry.key] = f"cannot be read: {error}"
    return Manifest(found, tuple(assigned), problems, engine)
