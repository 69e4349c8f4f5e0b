"""Services as the fleet's etcd keeps them: what each is to be, its revisions, and where it is placed.

    services/<unit>               {"revision": 3, "desired": "launched", "replicas": null, "pins": {…}}
    services/<unit>/rev/<n>       {"unit": "[Unit]…", "time": …, "by": …, "line": …}
    services/<unit>/at/<instance> {"revision": 4, "before": 3}: an instance that a rollout has given another
    instances/<unit>/<instance>   {"host": "web1", "epoch": 7, "revision": 3}; one on a lease "leased": true

`<unit>` is the unit's name, of a template with its `@`. A revision never changes: another text is
another one. The instance's key names the host too where one unit runs on many (`Global=yes`):
`instances/<unit>/<instance>@<host>`, and `at/` likewise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from console.errors import ConfigError, Conflict, NothingSelected, StoreError
from console.placement.spec import Spec, parse_spec
from console.placement.unit_change import Way, change_of
from console.store.client import Etcd
from console.store.records import pack, text, time, unpack, written
from console.store.schema import Keys, check_schema
from console.store.values import Delete, Entry, Operation, Put, Span, Unchanged

#: A unit file that is larger is none: etcd takes 1.5 MiB at once.
UNIT_MAX = 1 << 20

_NONE: frozenset[int] = frozenset()


class Desired(StrEnum):
    """How far a service is to go; fleet's words."""

    INACTIVE = "inactive"  # known, and nowhere
    LOADED = "loaded"  # placed and written there, not started
    LAUNCHED = "launched"  # running


@dataclass(frozen=True, slots=True)
class Given:
    """The revision that a rollout has given one instance, and the one that it had before."""

    revision: int
    before: int
    modified: int = 0


@dataclass(frozen=True, slots=True)
class Service:
    """One service, as desired now.

    :param revision: the number of the one that is to run.
    :param spec: of that revision, with what was said since.
    :param replicas: how many, where that was said since (`service scale`); None: as the unit file says.
    :param pins: hosts that instances were moved to by hand, by the instances' names.
    :param modified: etcd's revision of the record, which a change of it compares.
    :param spare: so many instances more it has for as long as a rollout of it goes on.
    :param given: instances that a rollout has given a revision of their own, by `instance_name`.
    :param specs: of those revisions, by number.
    :param ways: how an instance that runs comes from one of them to another.
    """

    name: str
    revision: int
    desired: Desired
    spec: Spec
    replicas: int | None = None
    pins: Mapping[str, str] = field(default_factory=dict)
    modified: int = 0
    spare: int = 0
    given: Mapping[str, Given] = field(default_factory=dict)
    specs: Mapping[int, Spec] = field(default_factory=dict, repr=False)
    ways: Mapping[tuple[int, int], Way] = field(default_factory=dict, repr=False)

    def has(self, instance: str) -> bool:
        """Whether there is to be such an instance, somewhere."""
        return self.spec.policy.everywhere or self.spec.is_instance(instance)

    def revision_of(self, instance: str, host: str | None) -> int:
        """The revision that an instance is to be."""
        if not self.given:
            return self.revision
        given = self.given.get(instance_name(instance, host, everywhere=self.spec.policy.everywhere))
        return self.revision if given is None else given.revision

    def spec_at(self, revision: int) -> Spec:
        """What a revision says that some instance is to be."""
        return self.spec if revision == self.revision else self.specs[revision]

    def eased(self, revision: int, *ways: Way) -> frozenset[int]:
        """The revisions from which an instance that runs comes to this one in one of these ways."""
        if not self.ways:
            return _NONE
        return frozenset(
            before for (before, after), way in self.ways.items() if after == revision and way in ways
        )


def instance_name(instance: str, host: str | None, *, everywhere: bool) -> str:
    """What tells an instance from all others of its service: of one that is on every host, the host too."""
    return f"{instance}@{host}" if everywhere else instance


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
        # `.` comes before `/` and `0` after it: the service, what is under it, and few others.
        span = Span(self._key(name), f"{self._key(name)}0")
        found, problems = read_services(self.keys, (await self.etcd.list(span)).entries)
        if name in found:
            return found[name]
        if problem := problems.get(self._key(name)):
            raise StoreError(f"service {name}: {problem}")
        raise NothingSelected(f"there is no service {name}", hint="`quarterdeck service list`")

    async def revisions(self, name: str) -> list[Revision]:
        """All revisions of a service, the oldest first. :raises StoreError: etcd does not say."""
        span = Span.under(f"{self._key(name)}/rev/")
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
        """Have the service be what `spec` says, all of it: a new revision where its text is another.

        :raises Conflict: somebody else has changed it at the same time.
        :raises StoreError: etcd does not take it.
        """
        await check_schema(self.etcd, write=True)
        base = self._key(spec.name)
        before = await self.etcd.get(base)
        last = await self._last(spec.name)
        number, new = next_revision(last, spec.text)
        record = {} if before is None else unpack(before.value)
        record |= {"revision": number, "desired": desired.value}
        record.pop("spare", None)
        operations: list[Operation] = [Put(base, pack(record)), self._nothing_given(spec.name)]
        guards = [Unchanged(base, 0 if before is None else before.modified)]
        if new:
            key = f"{base}/rev/{number}"
            operations.append(Put(key, revision_bytes(Revision(number, spec.text, at, by, line))))
            guards.append(Unchanged(key, 0))
        written_ = await self.etcd.write(operations, guards)
        if not written_.done:
            raise _conflict(spec.name)
        return Service(
            spec.name,
            number,
            desired,
            spec,
            record.get("replicas"),
            record.get("pins", {}),
            written_.revision,
        )

    async def keep(self, spec: Spec, *, at: datetime, by: str, line: str) -> int:
        """Have a text be a revision of its service, which no instance is to be yet; its number.

        :raises Conflict: somebody else has made one at the same time.
        """
        await check_schema(self.etcd, write=True)
        number, new = next_revision(await self._last(spec.name), spec.text)
        if new:
            key = f"{self._key(spec.name)}/rev/{number}"
            value = revision_bytes(Revision(number, spec.text, at, by, line))
            if not (await self.etcd.write([Put(key, value)], [Unchanged(key, 0)])).done:
                raise _conflict(spec.name)
        return number

    async def change(self, service: Service, **changed: Any) -> Service:
        """Change what is desired of it: `desired`, `replicas`, `pins`, or `revision`, of all its instances.

        :raises Conflict: somebody else has changed it since it was read.
        """
        now = replace(service, **changed)
        operations: list[Operation] = []
        if "revision" in changed:
            now = replace(now, spare=0, given={})
            operations.append(self._nothing_given(service.name))
        return replace(now, modified=await self._write(service, now, operations))

    async def give(self, service: Service, instance: str, revision: int, *, spare: bool = False) -> None:
        """Have one instance be of a revision, whatever its service is.

        :param instance: its `instance_name`.
        :param spare: have the service have one instance more, as which this one is there.
        :raises Conflict: somebody else has changed the service, or given it another, since it was read.
        """
        key, was = f"{self._key(service.name)}/at/{instance}", service.given.get(instance)
        before = service.revision if was is None else was.revision
        value = pack({"revision": revision, "before": before})
        guard = Unchanged(key, 0 if was is None else was.modified)
        if spare:
            await self._write(service, replace(service, spare=1), [Put(key, value)], [guard])
            return
        unchanged = Unchanged(self._key(service.name), service.modified)
        if not (await self.etcd.write([Put(key, value)], [guard, unchanged])).done:
            raise _conflict(service.name)

    async def tidy(self, service: Service, gone: Iterable[str] = ()) -> None:
        """Have it have no spare any more, and forget what was given to those that are as the service is.

        :param gone: instances that are forgotten too.
        :raises Conflict: somebody else has changed it since it was read.
        """
        gone = set(gone)
        at = f"{self._key(service.name)}/at/"
        operations: list[Operation] = [
            Delete(Span(f"{at}{name}"))
            for name, given in service.given.items()
            if name in gone or given.revision == service.revision
        ]
        if operations or service.spare:
            await self._write(service, replace(service, spare=0), operations)

    async def destroy(self, service: Service) -> None:
        """Forget a service and its revisions; the engine takes away what runs of it.

        :raises Conflict: somebody else has changed it since it was read.
        """
        key = self._key(service.name)
        below = Delete(Span.under(f"{key}/"))
        at = await self.etcd.write([Delete(Span(key)), below], [Unchanged(key, service.modified)])
        if not at.done:
            raise _conflict(service.name)

    def _key(self, name: str) -> str:
        return f"{self.keys.under('services').key}{name}"

    def _nothing_given(self, name: str) -> Delete:
        return Delete(Span.under(f"{self._key(name)}/at/"))

    async def _last(self, name: str) -> Revision | None:
        return next(reversed(await self.revisions(name)), None)

    async def _write(
        self,
        before: Service,
        now: Service,
        operations: Iterable[Operation] = (),
        guards: Iterable[Unchanged] = (),
    ) -> int:
        """Have its record be so, if it still is as it was read; etcd's revision of it then."""
        record = {
            "revision": now.revision,
            "desired": now.desired.value,
            **({} if now.replicas is None else {"replicas": now.replicas}),
            **({"pins": dict(now.pins)} if now.pins else {}),
            **({"spare": now.spare} if now.spare else {}),
        }
        key = self._key(before.name)
        unchanged = Unchanged(key, before.modified)
        at = await self.etcd.write([Put(key, pack(record)), *operations], [unchanged, *guards])
        if not at.done:
            raise _conflict(before.name)
        return at.revision

    def assigned_key(self, one: Assigned, *, everywhere: bool) -> str:
        """The key of a placement."""
        name = instance_name(one.instance, one.host, everywhere=everywhere)
        return f"{self.keys.under('instances').key}{one.service}/{name}"


def read_services(keys: Keys, entries: tuple[Entry, ...]) -> tuple[dict[str, Service], dict[str, str]]:
    """Services out of what stands under `services/`. Pure."""
    base = keys.under("services").key
    by_key = {entry.key: entry for entry in entries}
    found: dict[str, Service] = {}
    problems: dict[str, str] = {}
    given_to: dict[str, dict[str, Entry]] = {}
    for entry in entries:
        service, _, below = entry.key.removeprefix(base).partition("/")
        if below.startswith("at/"):
            given_to.setdefault(service, {})[below.removeprefix("at/")] = entry
    for entry in entries:
        name = entry.key.removeprefix(base)
        if "/" in name:
            continue
        try:
            record = unpack(entry.value)
            number = int(record["revision"])
            given = {at: _read_given(one) for at, one in given_to.get(name, {}).items()}
            others = {one.revision for one in given.values()} | {one.before for one in given.values()}
            specs = {at: _spec_at(entry.key, name, at, by_key) for at in (number, *others)}
            spec = specs.pop(number)
            replicas, spare = record.get("replicas"), int(record.get("spare", 0))
            pins = {str(instance): str(host) for instance, host in record.get("pins", {}).items()}
            found[name] = Service(
                name,
                number,
                Desired(record["desired"]),
                _as_placed(spec, None if replicas is None else int(replicas), spare, given, specs),
                replicas,
                pins,
                entry.modified,
                spare,
                given,
                specs,
                _ways({**specs, number: spec}) if given else {},
            )
        except (ConfigError, ValueError, KeyError, TypeError, AttributeError) as error:
            problems[entry.key] = f"cannot be read: {error}"
    return found, problems


def _read_given(entry: Entry) -> Given:
    record = unpack(entry.value)
    return Given(int(record["revision"]), int(record["before"]), entry.modified)


def _spec_at(key: str, name: str, number: int, by_key: Mapping[str, Entry]) -> Spec:
    unit = by_key.get(f"{key}/rev/{number}")
    if unit is None:
        raise ValueError(f"its revision {number} is not there")
    return parse_spec(read_revision(unit).unit, Path(name), name)


def _as_placed(
    spec: Spec, replicas: int | None, spare: int, given: Mapping[str, Given], specs: Mapping[int, Spec]
) -> Spec:
    """A spec with how many instances there are to be, and where those may be that are of other revisions."""
    policy = spec.policy
    if replicas is not None or spare:
        count = (policy.replicas if replicas is None else replicas) + spare
        spec = replace(spec, policy=replace(policy, replicas=count))
    if policy.everywhere or not specs:
        return spec
    others = [
        (name, specs[one.revision].policy.beside(spec.policy))
        for name, one in given.items()
        if one.revision in specs
    ]
    return replace(spec, others=tuple(others))


def _ways(specs: Mapping[int, Spec]) -> dict[tuple[int, int], Way]:
    return {
        (before, after): change_of(specs[before], specs[after]).way
        for before in specs
        for after in specs
        if before != after
    }


def next_revision(last: Revision | None, unit: str) -> tuple[int, bool]:
    """The number of a text as a revision, and whether it is a new one: the last one is not made twice."""
    if last is None:
        return 1, True
    same = last.unit == unit
    return last.number if same else last.number + 1, not same


def _conflict(name: str) -> Conflict:
    return Conflict(f"{name} has been changed by somebody else meanwhile", hint="try again")


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
