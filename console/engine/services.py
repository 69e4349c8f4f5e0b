"""Services as the fleet's etcd keeps them: what each is to be, its revisions, and where it is placed.

    services/<unit>             {"revision": 3, "desired": "launched", "replicas": null, "pins": {…}}
    services/<unit>/rev/<n>     {"unit": "[Unit]…", "time": …, "by": …, "line": …}
    instances/<unit>/<instance> {"host": "web1", "epoch": 7, "revision": 3}; one on a lease "leased": true

`<unit>` is the unit's name, of a template with its `@`. A revision never changes: another text is
another one. The instance's key names the host too where one unit runs on many (`Global=yes`):
`instances/<unit>/<instance>@<host>`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from console.errors import ConfigError, Conflict, NothingSelected, StoreError
from console.placement.spec import Spec, parse_spec
from console.store.client import Etcd
from console.store.records import pack, text, time, unpack, written
from console.store.schema import Keys, check_schema
from console.store.values import Delete, Entry, Put, Span, Unchanged

#: A unit file that is larger is none: etcd takes 1.5 MiB at once.
UNIT_MAX = 1 << 20


class Desired(StrEnum):
    """How far a service is to go; fleet's words."""

    INACTIVE = "inactive"  # known, and nowhere
    LOADED = "loaded"  # placed and written there, not started
    LAUNCHED = "launched"  # running


@dataclass(frozen=True, slots=True)
class Service:
    """One service, as desired now.

    :param revision: the number of the one that is to run.
    :param replicas: how many, where that was said since (`service scale`); None: as the unit file says.
    :param pins: hosts that instances were moved to by hand, by the instances' names.
    :param modified: etcd's revision of the record, which a change of it compares.
    """

    name: str
    revision: int
    desired: Desired
    spec: Spec
    replicas: int | None = None
    pins: Mapping[str, str] = field(default_factory=dict)
    modified: int = 0


@dataclass(frozen=True, slots=True)
class Revision:
    """One version of a service's unit file: who made it, when, and by which line."""

    number: int
    unit: str
    time: datetime
    by: str
    line: str


@dataclass(frozen=True, slots=True)
class Assigned:
    """Where an instance is placed.

    :param epoch: rises with each placement of it: of two copies the one with the higher is meant.
    :param leased: whether it was placed there to run on the host's lease, so that it is not elsewhere before
        that is over.
    :param modified: etcd's revision of the record.
    """

    service: str
    instance: str
    host: str
    epoch: int
    revision: int
    modified: int = 0
    leased: bool = False


class ServiceStore:
    """The services of a fleet. Reads and guarded writes; nothing is cached."""

    def __init__(self, etcd: Etcd) -> None:
        self.etcd = etcd
        self.keys = Keys(etcd.prefix)

    # -- reading ----------------------------------------------------------------------------

    async def services(self) -> tuple[dict[str, Service], dict[str, str]]:
        """All services by name, and what is wrong with those that cannot be read, by key.

        :raises StoreError: etcd does not say.
        """
        return read_services(self.keys, (await self.etcd.list(self.keys.under("services"))).entries)

    async def service(self, name: str) -> Service:
        """:raises NothingSelected: there is none of that name. :raises StoreError: etcd does not say."""
        found, problems = await self.services()
        if name in found:
            return found[name]
        if problem := problems.get(f"{self.keys.under('services').key}{name}"):
            raise StoreError(f"service {name}: {problem}")
        raise NothingSelected(f"there is no service {name}", hint="`quarterdeck service list`")

    async def revisions(self, name: str) -> list[Revision]:
        """All revisions of a service, the oldest first. :raises StoreError: etcd does not say."""
        span = Span.under(f"{self.keys.under('services').key}{name}/rev/")
        return sorted(
            (read_revision(entry) for entry in (await self.etcd.list(span)).entries),
            key=lambda revision: revision.number,
        )

    async def assigned(self) -> list[Assigned]:
        """Where all instances are placed. :raises StoreError: etcd does not say."""
        entries = (await self.etcd.list(self.keys.under("instances"))).entries
        return [read_assigned(self.keys, entry) for entry in entries]

    # -- changing ---------------------------------------------------------------------------

    async def submit(self, spec: Spec, *, desired: Desired, at: datetime, by: str, line: str) -> Service:
        """Have the service be what `spec` says: a new revision where its text is another.

        :raises Conflict: somebody else has changed it at the same time.
        :raises StoreError: etcd does not take it.
        """
        await check_schema(self.etcd, write=True)
        base = f"{self.keys.under('services').key}{spec.name}"
        before = await self.etcd.get(base)
        revisions = await self.revisions(spec.name)
        last = revisions[-1] if revisions else None
        number = last.number if last and last.unit == spec.text else (last.number if last else 0) + 1
        record = {} if before is None else unpack(before.value)
        record |= {"revision": number, "desired": desired.value}
        operations: list[Put] = [Put(base, pack(record))]
        guards = [Unchanged(base, 0 if before is None else before.modified)]
        if last is None or number != last.number:
            revision = Revision(number, spec.text, at, by, line)
            key = f"{base}/rev/{number}"
            operations.append(Put(key, revision_bytes(revision)))
            guards.append(Unchanged(key, 0))
        written_ = await self.etcd.write(operations, guards)
        if not written_.done:
            raise Conflict(f"{spec.name} has been changed by somebody else meanwhile", hint="try again")
        return Service(
            spec.name,
            number,
            desired,
            spec,
            record.get("replicas"),
            record.get("pins", {}),
            written_.revision,
        )

    async def change(self, service: Service, **changed: Any) -> Service:
        """Change what is desired of it: `desired`, `replicas`, `pins`, or `revision` (a roll-back).

        :raises Conflict: somebody else has changed it since it was read.
        """
        now = replace(service, **changed)
        record = {
            "revision": now.revision,
            "desired": now.desired.value,
            **({} if now.replicas is None else {"replicas": now.replicas}),
            **({"pins": dict(now.pins)} if now.pins else {}),
        }
        key = f"{self.keys.under('services').key}{service.name}"
        at = await self.etcd.write([Put(key, pack(record))], [Unchanged(key, service.modified)])
        if not at.done:
            raise Conflict(f"{service.name} has been changed by somebody else meanwhile", hint="try again")
        return replace(now, modified=at.revision)

    async def destroy(self, service: Service) -> None:
        """Forget a service and its revisions; the engine takes away what runs of it.

        :raises Conflict: somebody else has changed it since it was read.
        """
        key = f"{self.keys.under('services').key}{service.name}"
        below = Delete(Span.under(f"{key}/"))
        at = await self.etcd.write([Delete(Span(key)), below], [Unchanged(key, service.modified)])
        if not at.done:
            raise Conflict(f"{service.name} has been changed by somebody else meanwhile", hint="try again")

    def assigned_key(self, one: Assigned, *, everywhere: bool) -> str:
        """The key of a placement."""
        at = f"@{one.host}" if everywhere else ""
        return f"{self.keys.under('instances').key}{one.service}/{one.instance}{at}"


def read_services(keys: Keys, entries: tuple[Entry, ...]) -> tuple[dict[str, Service], dict[str, str]]:
    """Services out of what stands under `services/`. Pure."""
    base = keys.under("services").key
    by_key = {entry.key: entry for entry in entries}
    found: dict[str, Service] = {}
    problems: dict[str, str] = {}
    for entry in entries:
        name = entry.key.removeprefix(base)
        if "/" in name:
            continue
        try:
            record = unpack(entry.value)
            number = int(record["revision"])
            unit = by_key.get(f"{entry.key}/rev/{number}")
            if unit is None:
                raise ValueError(f"its revision {number} is not there")
            spec = parse_spec(read_revision(unit).unit, Path(name), name)
            replicas = record.get("replicas")
            if replicas is not None:
                spec = replace(spec, policy=replace(spec.policy, replicas=int(replicas)))
            pins = {str(instance): str(host) for instance, host in record.get("pins", {}).items()}
            found[name] = Service(
                name, number, Desired(record["desired"]), spec, replicas, pins, entry.modified
            )
        except (ConfigError, ValueError, KeyError, TypeError, AttributeError) as error:
            problems[entry.key] = f"cannot be read: {error}"
    return found, problems


def revision_bytes(revision: Revision) -> bytes:
    return pack(
        {
            "unit": revision.unit,
            "time": written(revision.time),
            "by": revision.by,
            "line": revision.line,
        }
    )


def read_revision(entry: Entry) -> Revision:
    """:raises ValueError: it is none."""
    found = unpack(entry.value)
    unit = found.get("unit")
    if not isinstance(unit, str):
        raise ValueError("has no unit file")
    return Revision(
        int(entry.key.rpartition("/")[2]),
        unit,
        time(found.get("time")),
        text(found, "by"),
        text(found, "line", 500),
    )


def assigned_bytes(one: Assigned) -> bytes:
    found = {"host": one.host, "epoch": one.epoch, "revision": one.revision}
    return pack({**found, "leased": True} if one.leased else found)


def read_assigned(keys: Keys, entry: Entry) -> Assigned:
    """:raises ValueError: it is none."""
    service, _, instance = entry.key.removeprefix(keys.under("instances").key).partition("/")
    found = unpack(entry.value)
    host = text(found, "host")
    unit, _, at = instance.rpartition("@")
    return Assigned(
        service,
        unit if at == host and "." in unit else instance,
        host,
        int(found["epoch"]),
        int(found["revision"]),
        entry.modified,
        found.get("leased") is True,
    )
