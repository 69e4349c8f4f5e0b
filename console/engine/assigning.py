"""From what the scheduler says to what is written of placements: a pure function.

What has a host keeps it while there is a reason to wait: its host is lost and no other will have it, or the
brakes are on. A placement that is wanted no more is forgotten once its host has nothing of it left, so that
until then etcd and not only the host knows of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from console.engine.pinning import schedule_pinned
from console.engine.services import Assigned, Desired, Service
from console.placement.candidate import Candidate, Standing
from console.placement.mark import Mark
from console.placement.outcome import Pending, Placed
from console.placement.reconcile import Want
from console.placement.spec import Spec
from console.placement.unit_change import Way

#: What no engine places that ends with a console.
NEEDS_ENGINE = "needs an engine that is no console's"

#: Placements from which an instance is not known to be gone: its name, and the host's.
Firm = Collection[tuple[str, str]]

#: Units of ours by host and name; no entry for a host that does not say.
Marks = Mapping[str, Mapping[str, Mark]]


@dataclass(frozen=True, slots=True)
class Registry:
    """What etcd says.

    :param services: by name.
    :param assigned: every placement there is.
    :param unreadable: services whose records cannot be read: what runs of them is left alone.
    :param dismissed: instances that were taken away on purpose, whatever hosts still have of them.
    """

    services: Mapping[str, Service]
    assigned: tuple[Assigned, ...]
    unreadable: frozenset[str] = frozenset()
    dismissed: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Assignment:
    """What is to be written of placements, and what has none.

    :param put: `modified` is that of the record that is replaced, 0 where there is none.
    :param leaving: exclusive instances that are to be gone from where they are before they are placed anew.
    :param staying: what is to leave its host, and stays for want of another.
    """

    put: tuple[Assigned, ...] = ()
    forget: tuple[Assigned, ...] = ()
    pending: tuple[Pending, ...] = ()
    leaving: frozenset[str] = frozenset()
    staying: tuple[Pending, ...] = ()


def assign(
    registry: Registry,
    hosts: Iterable[Candidate],
    marks: Marks,
    moves: Mapping[str, str] | None = None,
    held: str | None = None,
    busy: Collection[str] = (),
    firm: Firm = (),
    *,
    embedded: bool = False,
) -> Assignment:
    """What is to be written.

    :param moves: hosts that instances are to be on from now on, by the instances' names.
    :param held: why nothing that has a host may lose it; None if it may.
    :param busy: hosts that are being changed just now: they may have by then what they have not yet.
    :param firm: exclusive instances that may run where they are placed: they are not placed elsewhere.
    :param embedded: whether this engine ends with a console: it places nothing anew that needs a lease.
    """
    hosts = tuple(hosts)
    standing = {host.name: host.standing for host in hosts}
    specs, refused = placeable(
        [one.spec for one in registry.services.values() if one.desired is not Desired.INACTIVE],
        registry.assigned,
        embedded=embedded,
    )
    everywhere = {spec.name for spec in specs if spec.policy.everywhere}
    placement = schedule_pinned(
        specs,
        hosts,
        lambda pins: _current(registry, specs, marks, standing, pins),
        {**_pins(registry.services), **(moves or {})},
    )
    work = _Assigning(registry, marks, standing, held, everywhere, busy, firm)
    for placed in placement.placed:
        work.place(placed)
    work.unplace({spec.name for spec in specs})
    pending = (*placement.pending, *waiting(refused, len(hosts)))
    return Assignment(
        tuple(work.put), tuple(work.forget), pending, frozenset(work.leaving), placement.staying
    )


def leases(
    registry: Registry, leaving: Collection[str], *, held: bool
) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """The instances that each host's lease is to name, and those that are to be gone from there.

    :param held: whether nothing may be taken away now.
    """
    holds: dict[str, set[str]] = {}
    drops: dict[str, set[str]] = {}
    for one in registry.assigned:
        service = registry.services.get(one.service)
        wanted = one.service in registry.unreadable or (
            service is not None
            and service.desired is not Desired.INACTIVE
            and service.spec.is_instance(one.instance)
        )
        if one.leased and (held or (wanted and one.instance not in leaving)):
            holds.setdefault(one.host, set()).add(one.instance)
        elif one.leased or one.instance in leaving:
            drops.setdefault(one.host, set()).add(one.instance)
    return holds, drops


def wants(registry: Registry, leaving: Collection[str] = ()) -> list[Want]:
    """What is to be on hosts: the placements of services that are to be anywhere.

    :param leaving: what is to be gone from where it is first.
    """
    found: list[Want] = []
    for one in registry.assigned:
        service = registry.services.get(one.service)
        if service is None or service.desired is Desired.INACTIVE:
            continue
        revision = service.revision_of(one.instance, one.host)
        if revision != one.revision:
            continue  # its text is not at hand; the record is brought up to date first
        if not service.has(one.instance):
            continue
        policy = service.spec_at(revision).policy
        found.append(
            Want(
                one.service,
                one.instance,
                one.host,
                one.epoch,
                one.revision,
                service.desired is Desired.LAUNCHED,
                "/etc" if policy.persistent else "/run",
                service.spec.policy.everywhere,
                one.leased or policy.exclusive,
                one.instance in leaving,
                service.eased(revision, Way.WRITE, Way.RELOAD),
                service.eased(revision, Way.RELOAD),
            )
        )
    return found


def spared(registry: Registry, marks: Marks) -> frozenset[tuple[str, str]]:
    """Hosts and units that are left as they are: what they are to be is not at hand just now."""
    found = {
        (one.host, one.instance)
        for one in registry.assigned
        if (service := registry.services.get(one.service)) is not None
        and service.desired is not Desired.INACTIVE
        and service.has(one.instance)
        and service.revision_of(one.instance, one.host) != one.revision
    }
    found |= {
        (host, name)
        for host, there in marks.items()
        for name, mark in there.items()
        if mark.service in registry.unreadable
    }
    return frozenset(found)


def placeable(
    specs: Iterable[Spec], assigned: Iterable[Assigned], *, embedded: bool
) -> tuple[list[Spec], list[Spec]]:
    """What an engine places, and what it does not.

    :param embedded: whether it ends with a console. What it finds on a lease it keeps there.
    """
    specs = list(specs)
    if not embedded:
        return specs, []
    there = {one.service for one in assigned}
    refused = [spec for spec in specs if spec.policy.exclusive and spec.name not in there]
    return [spec for spec in specs if spec not in refused], refused


def waiting(refused: Iterable[Spec], hosts: int) -> list[Pending]:
    """The instances that no engine is there to place."""
    return [
        Pending(spec.name, instance, None, ((NEEDS_ENGINE, hosts),))
        for spec in refused
        for instance in spec.instances()
    ]


def _pins(services: Mapping[str, Service]) -> dict[str, str]:
    return {instance: host for one in services.values() for instance, host in one.pins.items()}


def _current(
    registry: Registry,
    specs: Iterable[Spec],
    marks: Marks,
    standing: Mapping[str, Standing],
    moves: Mapping[str, str],
) -> list[Placed]:
    """Where instances are, or are to be: by the records, and by what hosts run that has none."""
    found: list[Placed] = []
    known: set[tuple[str, str | None]] = set()
    everywhere = {spec.name: spec.policy.everywhere for spec in specs}
    for one in registry.assigned:
        if one.service not in everywhere:
            continue
        host = one.host
        if not everywhere[one.service] and standing.get(moved := moves.get(one.instance, host)) is (
            Standing.LIVE
        ):
            host = moved
        known.add((one.instance, host if everywhere[one.service] else None))
        found.append(Placed(one.service, one.instance, host))
    adopted: dict[tuple[str, str | None], tuple[int, Placed]] = {}
    for host, there in marks.items():
        for name, mark in there.items():
            if mark.service not in everywhere or standing.get(host) is not Standing.LIVE:
                continue
            key = (name, host if everywhere[mark.service] else None)
            if key in known or (key in adopted and adopted[key][0] >= mark.epoch):
                continue
            adopted[key] = (mark.epoch, Placed(mark.service, name, host))
    found += [placed for _, placed in adopted.values()]
    # One that is nowhere yet, and is to be on a certain host.
    for spec in specs:
        if not everywhere[spec.name] and moves:
            for name in spec.instances():
                wanted = moves.get(name)
                if wanted and (name, None) not in known | adopted.keys():
                    found += [Placed(spec.name, name, wanted)] if wanted in standing else []
    return found


@dataclass
class _Assigning:
    """One working out of what is to be written."""

    registry: Registry
    marks: Marks
    standing: Mapping[str, Standing]
    held: str | None
    everywhere: set[str]
    busy: Collection[str] = ()
    firm: Firm = ()
    leaving: set[str] = field(default_factory=set)
    put: list[Assigned] = field(default_factory=list)
    forget: list[Assigned] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._records = {
            self._key(one.service, one.instance, one.host): one for one in self.registry.assigned
        }
        self._placed: set[tuple[str, str | None]] = set()
        self._epochs: dict[str, int] = {}
        for there in self.marks.values():
            for name, mark in there.items():
                self._epochs[name] = max(mark.epoch, self._epochs.get(name, 0))
        for one in self.registry.assigned:
            self._epochs[one.instance] = max(one.epoch, self._epochs.get(one.instance, 0))

    def _key(self, service: str, instance: str, host: str) -> tuple[str, str | None]:
        return (instance, host if service in self.everywhere else None)

    def place(self, placed: Placed) -> None:
        key = self._key(placed.service, placed.instance, placed.host)
        self._placed.add(key)
        service = self.registry.services[placed.service]
        revision = service.revision_of(placed.instance, placed.host)
        exclusive = service.spec_at(revision).policy.exclusive
        record = self._records.get(key)
        if record is None:
            mark = self.marks.get(placed.host, {}).get(placed.instance)
            epoch = self._epochs.get(placed.instance, 0) + 1 if mark is None else mark.epoch
            self.put.append(
                Assigned(placed.service, placed.instance, placed.host, epoch, revision, leased=exclusive)
            )
        elif record.host != placed.host or (exclusive and not record.leased):
            if self.held is not None:
                return
            if (placed.instance, record.host) in self.firm:
                # Its record is brought up to date all the same: what it is to be there is nothing, and known.
                self.leaving.add(placed.instance)
                self._renew(record, placed.service, revision)
                return
            epoch = self._epochs[placed.instance] + 1
            self.put.append(
                Assigned(
                    *(placed.service, placed.instance, placed.host, epoch, revision),
                    modified=record.modified,
                    leased=exclusive,
                )
            )
        else:
            self._renew(record, placed.service, revision)

    def _renew(self, record: Assigned, service: str, revision: int) -> None:
        if (record.service, record.revision) != (service, revision):
            self.put.append(replace(record, service=service, revision=revision))

    def unplace(self, specs: set[str]) -> None:
        """What has a record and no place, or is wanted no more."""
        if self.held is not None:
            return
        for key, record in self._records.items():
            if key in self._placed or record.service in self.registry.unreadable:
                continue
            standing = self.standing.get(record.host)
            wanted = record.service in specs and self._is_instance(record)
            firm = (record.instance, record.host) in self.firm
            if wanted:
                # Pending. One whose host is gone keeps its record: it may come back with all it ran.
                if standing is Standing.LIVE:
                    if firm:
                        self.leaving.add(record.instance)
                    else:
                        self.forget.append(record)
            elif firm:
                continue
            elif standing in (None, Standing.LOST, Standing.FOREIGN) or (
                record.host in self.marks
                and record.instance not in self.marks[record.host]
                and record.host not in self.busy
            ):
                self.forget.append(record)

    def _is_instance(self, record: Assigned) -> bool:
        service = self.registry.services[record.service]
        return service.has(record.instance)
