"""What etcd says of services, followed or read once: what is desired, where it is, who leads, what is told.

    services/ instances/ engine/ leases/ observed/ ──mirror──▶ Following ──▶ Seen

A unit file is read once for each time that it changes, and a report of a host likewise: a fleet of thousands
of instances is followed at the price of what changes of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from console.engine.brake import Pulled, read_brake
from console.engine.catalogue import Catalogue
from console.engine.lease_record import LeaseRecord, leases_of
from console.engine.manifest import Manifest
from console.engine.placements import Placements
from console.engine.present import EngineRecord, read_leader
from console.engine.reporting import read_report
from console.errors import first_of
from console.placement.reconcile import Condition
from console.store.client import Etcd
from console.store.mirror import mirror
from console.store.schema import Keys
from console.store.values import Entry, Event

#: What of etcd's keys is of services.
KINDS = ("services", "instances", "engine", "leases", "observed")


@dataclass(frozen=True, slots=True)
class Observed:
    """What an engine has said of instances: the one that leads, or the last one that did.

    :param conditions: how each is, by its host and its name.
    :param pending: why those without a host have none, by name.
    """

    conditions: Mapping[tuple[str, str], Condition] = field(default_factory=dict)
    pending: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """All of it at one time.

    :param leader: None: no engine is elected, nothing is carried out, and what is observed is the last one's
        last word.
    """

    manifest: Manifest
    observed: Observed = Observed()
    leader: EngineRecord | None = None
    brake: Pulled | None = None


class Following:
    """Filled by `read`, or kept up by `follow`."""

    def __init__(self, etcd: Etcd) -> None:
        self._etcd = etcd
        self._keys = Keys(etcd.prefix)
        self._listed: set[str] = set()
        self._catalogue = Catalogue(self._keys)
        self._placements = Placements(etcd)
        self._engine: dict[str, Entry] = {}
        self._leases: dict[str, LeaseRecord] = {}
        self._conditions: dict[str, tuple[Condition, ...]] = {}
        self._pending: dict[str, str] = {}
        self._seen: Seen | None = None

    @property
    def ready(self) -> bool:
        """Whether all of it has been read."""
        return len(self._listed) == len(KINDS)

    @property
    def seen(self) -> Seen:
        """As it is now; the same value until something has changed."""
        if self._seen is None:
            problems = {
                f"{self._keys.under('services').key}{name}": why
                for name, why in self._catalogue.problems.items()
            }
            leader, brake = self._engine.get(self._keys.leader), self._engine.get(self._keys.brake)
            self._seen = Seen(
                Manifest(
                    dict(sorted(self._catalogue.services.items())),
                    tuple(self._placements),
                    problems | self._placements.problems,
                    leader is not None,
                    leader is not None and read_leader(leader).embedded,
                    self._leases,
                ),
                Observed(
                    {(one.host, one.instance): one for told in self._conditions.values() for one in told},
                    self._pending,
                ),
                None if leader is None else read_leader(leader),
                None if brake is None else read_brake(brake),
            )
        return self._seen

    async def read(self) -> Seen:
        """Read all of it once. :raises StoreError: etcd does not say."""

        async def read(kind: str) -> None:
            listing = await self._etcd.list(self._keys.under(kind))
            entries = {entry.key: entry for entry in listing.entries}
            self._take(kind, entries, [Event(entry.key, entry.modified, entry) for entry in listing.entries])

        try:
            async with asyncio.TaskGroup() as group:
                for kind in KINDS:
                    group.create_task(read(kind), name=f"reading {kind}")
        except BaseExceptionGroup as errors:
            raise first_of(errors) from None
        return self.seen

    async def follow(self, changed: Callable[[], None]) -> None:
        """Keep all of it as it is in etcd, until cancelled.

        :param changed: told whenever something has changed, once all of it has been read.
        :raises StoreError: etcd says no: our user may not read it.
        """

        async def follow(kind: str) -> None:
            entries: dict[str, Entry] = {}
            async with aclosing(mirror(self._etcd, self._keys.under(kind), entries)) as changing:
                async for events in changing:
                    self._take(kind, entries, events)
                    if self.ready:
                        changed()

        try:
            async with asyncio.TaskGroup() as group:
                for kind in KINDS:
                    group.create_task(follow(kind), name=f"following {kind}")
        except BaseExceptionGroup as errors:
            raise first_of(errors) from None

    def _take(self, kind: str, entries: dict[str, Entry], events: Iterable[Event]) -> None:
        self._listed.add(kind)
        self._seen = None
        match kind:
            case "services":
                self._catalogue.take(entries, events)
            case "instances":
                self._placements.take(events)
            case "engine":
                self._engine = dict(entries)
                pending = entries.get(self._keys.pending)
                self._pending = {} if pending is None else read_report(self._keys, (pending,))[1]
            case "leases":
                self._leases = leases_of(self._keys, entries.values())
            case _:
                for event in events:
                    if event.entry is None:
                        self._conditions.pop(event.key, None)
                    else:
                        self._conditions[event.key] = read_report(self._keys, (event.entry,))[0]
