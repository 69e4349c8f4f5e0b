"""The live model of the fleet and its change feed.

Sessions put events in; views take batches of *what* changed out and read the present from the
model. A thing that changes a hundred times between two batches is in the second one once, so the
rate at which a screen works does not depend on the rate at which the fleet does.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from console.model.config import HostConfig, WatchConfig
from console.model.container import Container
from console.model.deployment import NOTHING_SAID
from console.model.events import (
    ContainersChanged,
    ContainersListed,
    Event,
    FactsRead,
    HostChanged,
    Logged,
    SourceChanged,
    UnitsChanged,
    UnitsListed,
    UpdatesRead,
)
from console.model.host import Host, OsFacts
from console.model.log import Gap, LogRecord
from console.model.memory import HOST, Ack, Acting, Denied
from console.model.state import Source, State, Status
from console.model.unit import Unit

#: Journal records kept a host for "the last relevant lines"; a log view keeps its own.
LOGS_KEPT = 200

UnitKey = tuple[str, str]
ContainerKey = tuple[str, str]


@dataclass(slots=True)
class Changes:
    """What changed since the last batch: names and keys, to be looked up in the model.

    A key that the model no longer has was removed. `logs` are the records themselves, in the
    order of their arrival; `logs_dropped` counts those that found no place.
    """

    hosts: set[str] = field(default_factory=set)
    units: set[UnitKey] = field(default_factory=set)
    containers: set[ContainerKey] = field(default_factory=set)
    logs: deque[LogRecord | Gap] = field(default_factory=deque)
    logs_dropped: int = 0

    def __bool__(self) -> bool:
        return bool(self.hosts or self.units or self.containers or self.logs or self.logs_dropped)


class Feed:
    """One reader's view of the changes. Made by `FleetModel.feed`."""

    def __init__(self, logs: int | None) -> None:
        self._logs = logs
        self._pending = Changes()
        self._some = asyncio.Event()

    async def batch(self, pause: float = 0.1, *, idle: float | None = None) -> Changes:
        """Wait for a change, then gather what comes within `pause` seconds, and hand it over.

        :param idle: seconds after which an empty batch comes, for readers that show ages.
        """
        try:
            async with asyncio.timeout(idle):
                await self._some.wait()
        except TimeoutError:
            return Changes()
        if pause > 0:
            await asyncio.sleep(pause)
        changes, self._pending = self._pending, Changes()
        self._some.clear()
        return changes

    def note(self, changes: Changes) -> None:
        """Add `changes` to what is pending."""
        pending = self._pending
        pending.hosts |= changes.hosts
        pending.units |= changes.units
        pending.containers |= changes.containers
        if self._logs != 0:
            pending.logs.extend(changes.logs)
            while self._logs is not None and len(pending.logs) > self._logs:
                pending.logs.popleft()
                pending.logs_dropped += 1
        if pending:
            self._some.set()


@dataclass(slots=True)
class _Record:
    """One host's part of the model."""

    config: HostConfig
    status: Status
    sources: dict[Source, Status] = field(default_factory=dict)
    facts: OsFacts = field(default_factory=OsFacts)
    updates: UpdatesRead | None = None
    pending_since: datetime | None = None
    units: dict[str, Unit] = field(default_factory=dict)
    containers: dict[str, Container] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    ailing: set[str] = field(default_factory=set)
    unhealthy: set[str] = field(default_factory=set)
    logs: deque[LogRecord | Gap] = field(default_factory=lambda: deque(maxlen=LOGS_KEPT))
    acting: tuple[Acting, ...] = ()
    denied: tuple[Denied, ...] = ()
    view: Host | None = None

    def put_unit(self, unit: Unit) -> None:
        self.units[unit.name] = unit
        (self.failed.add if unit.active == "failed" else self.failed.discard)(unit.name)
        (self.ailing.add if unit.ailing else self.ailing.discard)(unit.name)

    def drop_unit(self, name: str) -> None:
        self.units.pop(name, None)
        self.failed.discard(name)
        self.ailing.discard(name)

    def put_container(self, container: Container) -> None:
        self.containers[container.id] = container
        (self.unhealthy.add if container.unhealthy else self.unhealthy.discard)(container.id)

    def take_updates(self, event: UpdatesRead) -> None:
        before = self.updates.status.pending if self.updates else None
        pending = event.status.pending
        if pending is None:
            self.pending_since = None
        elif before is None or before.id != pending.id:
            self.pending_since = _now()
        self.updates = event

    def host(self) -> Host:
        if self.view is None:
            self.view = Host(
                name=self.config.name,
                address=self.config.address or self.config.name,
                labels=self.config.labels,
                status=self.status,
                sources=dict(self.sources),
                facts=self.facts,
                units_failed=len(self.failed) if _known(self.sources.get(Source.UNITS)) else None,
                containers_unhealthy=(
                    len(self.unhealthy) if _known(self.sources.get(Source.CONTAINERS)) else None
                ),
                driver=self.updates.driver if self.updates else None,
                updates=self.updates.status if self.updates else NOTHING_SAID,
                updates_problem=self.updates.problem if self.updates else None,
                pending_since=self.pending_since,
                cordoned=self.config.cordoned,
                drained=self.config.drained,
                conflict=self.config.conflict,
                acting=self.acting,
                denied=self.denied,
            )
        return self.view


def _now() -> datetime:
    return datetime.now(UTC)


def _known(status: Status | None) -> bool:
    return status is not None and status.state in (State.LIVE, State.STALE)


class FleetModel:
    """Everything known about every host, now.

    Not safe for threads: events come in, and readers look, on one event loop.
    """

    def __init__(self, hosts: Iterable[HostConfig]) -> None:
        now = datetime.now(UTC)
        self._records = {host.name: _Record(host, Status(State.CONNECTING, now)) for host in hosts}
        self._feeds: list[Feed] = []
        #: What is known of and looked after, by the name of the trouble.
        self.acks: Mapping[str, Ack] = {}
        self._denied: tuple[Denied, ...] = ()
        #: From where on a host is in trouble.
        self.limits = WatchConfig()

    # -- reading ----------------------------------------------------------------------------

    def hosts(self) -> list[Host]:
        """Every host, in the order of the inventory."""
        return [record.host() for record in self._records.values()]

    def host(self, name: str) -> Host:
        return self._records[name].host()

    def find(self, name: str) -> Host | None:
        """The host of a name; None where the fleet has none, or no longer."""
        record = self._records.get(name)
        return record.host() if record else None

    def units(self, host: str | None = None) -> Iterator[Unit]:
        """Units of one host or of all, in no particular order."""
        for record in self._chosen(host):
            yield from record.units.values()

    def unit(self, key: UnitKey) -> Unit | None:
        record = self._records.get(key[0])
        return record.units.get(key[1]) if record else None

    def unit_count(self, host: str) -> int:
        return len(self._records[host].units)

    def container_count(self, host: str) -> int:
        return len(self._records[host].containers)

    def ailing_units(self, host: str) -> list[Unit]:
        """Units of one host that a person should look at."""
        record = self._records[host]
        return [record.units[name] for name in record.ailing]

    def unhealthy_containers(self, host: str) -> list[Container]:
        """Containers of one host that a person should look at."""
        record = self._records[host]
        return [record.containers[container_id] for container_id in record.unhealthy]

    def containers(self, host: str | None = None) -> Iterator[Container]:
        """Containers of one host or of all, in no particular order."""
        for record in self._chosen(host):
            yield from record.containers.values()

    def container(self, key: ContainerKey) -> Container | None:
        record = self._records.get(key[0])
        return record.containers.get(key[1]) if record else None

    def logs(self, host: str) -> Iterator[LogRecord | Gap]:
        """The newest journal records that were followed, oldest first."""
        return iter(self._records[host].logs)

    def _chosen(self, host: str | None) -> Iterable[_Record]:
        return self._records.values() if host is None else (self._records[host],)

    # -- following --------------------------------------------------------------------------

    def feed(self, logs: int | None = 0) -> Feed:
        """A new reader's feed; its first batch names everything there is.

        :param logs: how many journal records to hold for the reader, beyond which the oldest go and
            are counted; 0 for none; None for all, for a reader that takes each batch at once.
        """
        feed = Feed(logs)
        everything = Changes()
        for name, record in self._records.items():
            everything.hosts.add(name)
            everything.units |= {(name, unit) for unit in record.units}
            everything.containers |= {(name, container) for container in record.containers}
        feed.note(everything)
        self._feeds.append(feed)
        return feed

    def leave(self, feed: Feed) -> None:
        """The reader of `feed` is gone."""
        self._feeds.remove(feed)

    # -- being told -------------------------------------------------------------------------

    def apply(self, event: Event) -> None:
        """Take one event from a session."""
        record = self._records[event.host]
        changes = Changes()
        match event:
            case HostChanged(status=status):
                record.status = status
            case SourceChanged(source=source, status=status):
                record.sources[source] = status
            case UnitsListed(units=units):
                changes.units = self._list_units(record, units)
            case UnitsChanged(changed=changed, removed=removed):
                for unit in changed:
                    record.put_unit(unit)
                for name in removed:
                    record.drop_unit(name)
                changes.units = {(event.host, unit.name) for unit in changed}
                changes.units |= {(event.host, name) for name in removed}
            case ContainersListed(containers=containers):
                changes.containers = self._list_containers(record, containers)
            case ContainersChanged(changed=boxes, removed=removed):
                for box in boxes:
                    record.put_container(box)
                for container_id in removed:
                    record.containers.pop(container_id, None)
                    record.unhealthy.discard(container_id)
                changes.containers = {(event.host, box.id) for box in boxes}
                changes.containers |= {(event.host, container_id) for container_id in removed}
            case FactsRead(facts=facts):
                record.facts = facts
            case UpdatesRead():
                record.take_updates(event)
                record.denied = self._denied_of(record)
            case Logged(records=records):
                record.logs.extend(records)
                changes.logs.extend(records)
        if not changes.logs:
            # Everything but a log line can change the host's own row: its counts, its states, its facts.
            record.view = None
            changes.hosts.add(event.host)
        self._note(changes)

    def configure(self, config: HostConfig) -> None:
        """What is said of a host has changed: its labels, that it is cordoned or drained. Or it is new."""
        record = self._records.get(config.name)
        if record is None:
            self._records[config.name] = _Record(config, Status(State.CONNECTING, datetime.now(UTC)))
        else:
            record.config, record.view = config, None
        self._note(Changes(hosts={config.name}))

    def remove(self, host: str) -> None:
        """The host is no longer one of the fleet's."""
        record = self._records.pop(host)
        self._note(
            Changes(
                hosts={host},
                units={(host, unit) for unit in record.units},
                containers={(host, container) for container in record.containers},
            )
        )

    def acted_on(self, host: str, acting: tuple[Acting, ...]) -> None:
        """Who changes something on a host just now; hosts that are not the fleet's are passed over."""
        record = self._records.get(host)
        if record is not None and record.acting != acting:
            record.acting, record.view = acting, None
            self._note(Changes(hosts={host}))

    def acknowledged(self, acks: Mapping[str, Ack]) -> None:
        """What is known of and looked after has changed."""
        if acks != self.acks:
            self.acks = acks
            self._note(Changes(hosts=set(self._records)))

    def deny(self, denied: Iterable[Denied]) -> None:
        """The versions that no host is to have have changed."""
        self._denied = tuple(one for one in denied if one.kind == HOST)
        changed = set()
        for name, record in self._records.items():
            if (found := self._denied_of(record)) != record.denied:
                record.denied, record.view = found, None
                changed.add(name)
        if changed:
            self._note(Changes(hosts=changed))

    def _denied_of(self, record: _Record) -> tuple[Denied, ...]:
        status = record.updates.status if record.updates else NOTHING_SAID
        known = [one for one in (status.booted, status.pending) if one is not None]
        return tuple(one for one in self._denied if any(each.is_version(one.version) for each in known))

    def _note(self, changes: Changes) -> None:
        for feed in self._feeds:
            feed.note(changes)

    def _list_units(self, record: _Record, units: tuple[Unit, ...]) -> set[UnitKey]:
        before = record.units
        record.units, record.failed, record.ailing = {}, set(), set()
        for unit in units:
            record.put_unit(unit)
        return {
            (record.config.name, name)
            for name in before.keys() | record.units.keys()
            if before.get(name) != record.units.get(name)
        }

    def _list_containers(self, record: _Record, containers: tuple[Container, ...]) -> set[ContainerKey]:
        before = record.containers
        record.containers, record.unhealthy = {}, set()
        for container in containers:
            record.put_container(container)
        return {
            (record.config.name, container_id)
            for container_id in before.keys() | record.containers.keys()
            if before.get(container_id) != record.containers.get(container_id)
        }
