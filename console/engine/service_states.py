"""What each instance is: as the engine that leads tells it, and as it looks from here where none does. Pure.

The engine sees all hosts, knows what it is about to do, and its word is the same for every console
(`told`). With no engine, and for what it has not spoken of yet, an instance is worked out of its placement,
its host and its unit there (`instances`). Who waits for something believes what the hosts themselves say: the
engine's word comes up to a second later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from console.engine.lease_record import LeaseRecord
from console.engine.manifest import Manifest
from console.engine.reporting import stuck_words
from console.engine.services import Assigned, Desired, Service
from console.model.host import Host
from console.model.state import Source, State
from console.model.unit import Health, Unit
from console.placement.outcome import Placement

if TYPE_CHECKING:
    from console.engine.following import Observed

#: The unit of a name on a host; None if systemd has none such loaded there.
UnitAt = Callable[[str, str], Unit | None]

_UP = ("active", "reloading", "refreshing")


class InstanceState(StrEnum):
    """How far an instance has come; DESIGN.md's words, the best first as far as they can be ordered."""

    RUNNING = "running"
    STARTING = "starting"
    STOPPED = "stopped"
    MOVING = "moving"
    PLACED = "placed"  # it has a host, where it is not written or not started yet
    PENDING = "pending"  # it has no host
    FAILING = "failing"  # systemd is about to start it again
    LOST = "lost"  # its host gives no answer: whether it runs is not known
    FAILED = "failed"


class By(StrEnum):
    """Whose word the state of an instance is."""

    ENGINE = "engine"
    CONSOLE = "console"  # worked out here
    LAST = "last engine"  # none leads, and its host has not been heard from here yet: of unknown age


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance as it is now.

    :param host: where it is placed; of a `Global=yes` service that a host will not have, that host.
    :param revision: the one it is placed as; None if it is placed nowhere.
    :param reason: why it is in this state, where that is not plain; may be empty.
    :param unit: its unit there, where the host shows one.
    :param blocked: whether no host will have it as things stand.
    :param goes: whether it is to be there no longer.
    :param lease: what it runs on, where it is exclusive.
    """

    service: str
    name: str
    host: str | None
    state: InstanceState
    revision: int | None = None
    reason: str = ""
    unit: Unit | None = None
    blocked: bool = False
    goes: bool = False
    lease: LeaseRecord | None = None
    by: By = By.CONSOLE

    @property
    def target(self) -> str:
        """As results name it: `web1/web@2.service`."""
        return self.name if self.host is None else f"{self.host}/{self.name}"


def instances(
    manifest: Manifest, placement: Placement, hosts: Mapping[str, Host], unit: UnitAt
) -> tuple[Instance, ...]:
    """Every instance of every service that is to be placed, and of others what is placed still.

    :param placement: where everything is to be: `service_placing.planned`.
    """
    found: list[Instance] = []
    targets: dict[tuple[str, str], list[str]] = {}
    for one in placement.placed:
        targets.setdefault((one.service, one.instance), []).append(one.host)
    stuck = {(one.service, one.instance): one.reason for one in placement.staying}
    for service in manifest.services.values():
        assigned = manifest.of(service.name)
        found += [
            _borne(_placed(one, service, targets, hosts, unit), stuck.get((one.service, one.instance)))
            for one in assigned
        ]
        found += _unplaced(service, assigned, targets, placement)
    return with_leases(found, manifest)


def with_leases(found: Iterable[Instance], manifest: Manifest) -> tuple[Instance, ...]:
    """The same, with the leases of those that run on one."""
    leased = {(one.instance, one.host) for one in manifest.assigned if one.leased}
    return tuple(
        replace(one, lease=manifest.leases.get(one.host or "")) if (one.name, one.host) in leased else one
        for one in found
    )


def told(
    manifest: Manifest, observed: Observed, hosts: Mapping[str, Host], unit: UnitAt
) -> tuple[Instance, ...]:
    """Every instance as the engine that leads tells it; what it has not spoken of as it looks from here."""
    of: dict[str, list[Assigned]] = {}
    for one in manifest.assigned:
        of.setdefault(one.service, []).append(one)
    found: list[Instance] = []
    for service in manifest.services.values():
        there = of.get(service.name, [])
        names = {one.instance for one in there}
        for one in there:
            made = _here(one, service, hosts, unit)
            condition = observed.conditions.get((one.host, one.instance))
            if condition is not None and not made.goes and one.revision == _wanted(one, service):
                state = InstanceState(condition.phase.value)
                made = replace(made, state=state, reason=condition.reason, by=By.ENGINE)
            found.append(made)
        if service.desired is Desired.INACTIVE:
            continue
        for name in service.spec.instances():
            if name not in names and (name in observed.pending or not service.spec.policy.everywhere):
                why = observed.pending.get(name)
                reason = "not placed yet" if why is None else why
                by = By.CONSOLE if why is None else By.ENGINE
                state = InstanceState.PENDING
                made = Instance(service.name, name, None, state, None, reason, blocked=why is not None, by=by)
                found.append(made)
    return with_leases(found, manifest)


def remembered(
    found: Iterable[Instance], observed: Observed, hosts: Mapping[str, Host]
) -> tuple[Instance, ...]:
    """What was worked out with no engine, with its last word of hosts that have not been heard from yet."""
    made = []
    for one in found:
        host = hosts.get(one.host or "")
        condition = observed.conditions.get((one.host or "", one.name))
        if condition is not None and host is not None and host.state is State.CONNECTING:
            state = InstanceState(condition.phase.value)
            one = replace(one, state=state, reason=condition.reason, by=By.LAST)
        made.append(one)
    return tuple(made)


def _here(one: Assigned, service: Service, hosts: Mapping[str, Host], unit: UnitAt) -> Instance:
    """A placed instance as its host shows it, whatever else is to become of it."""
    there = unit(one.host, one.instance)
    state, reason = _state(service, hosts.get(one.host), there)
    goes = service.desired is Desired.INACTIVE or (
        not service.spec.policy.everywhere and not service.spec.is_instance(one.instance)
    )
    if state is InstanceState.RUNNING and goes:
        reason = "to be stopped"
    elif state is InstanceState.RUNNING and one.revision != (to := _wanted(one, service)):
        reason = f"revision {to} is to take its place"
    return Instance(service.name, one.instance, one.host, state, one.revision, reason, there, goes=goes)


def reached(service: Service, instance: Instance) -> bool:
    """Whether an instance is what its service is to be."""
    if instance.goes or instance.revision != service.revision_of(instance.name, instance.host):
        return False
    match service.desired:
        case Desired.LAUNCHED:
            return instance.state is InstanceState.RUNNING
        case Desired.LOADED:
            return instance.state in (InstanceState.STOPPED, InstanceState.PLACED)
        case Desired.INACTIVE:
            return False  # it is to be nowhere


def _wanted(one: Assigned, service: Service) -> int:
    """The revision that a placed instance is to be."""
    return service.revision_of(one.instance, one.host)


def _placed(
    one: Assigned,
    service: Service,
    targets: Mapping[tuple[str, str], list[str]],
    hosts: Mapping[str, Host],
    unit: UnitAt,
) -> Instance:
    here = _here(one, service, hosts, unit)
    to = targets.get((one.service, one.instance), [])
    if service.spec.policy.everywhere:
        if not here.goes and one.host not in to:
            runs = here.state is InstanceState.RUNNING
            return replace(here, goes=True, reason="to be stopped" if runs else here.reason)
    elif here.state is not InstanceState.LOST and not (here.goes and here.state is InstanceState.RUNNING):
        if to and one.host not in to:
            return replace(here, state=InstanceState.MOVING, reason=f"to {to[0]}")
        if here.state is not InstanceState.RUNNING and (left := _elsewhere(one, hosts, unit)):
            return replace(here, state=InstanceState.MOVING, reason=f"still on {left}")
    return here


def _borne(one: Instance, stuck: str | None) -> Instance:
    """:param stuck: why it is on a host that is drained still."""
    if stuck is None or one.reason or one.goes:
        return one
    return replace(one, reason=stuck_words(stuck))


def _elsewhere(one: Assigned, hosts: Mapping[str, Host], unit: UnitAt) -> str | None:
    """Another host where it still runs."""
    return next(
        (
            name
            for name in hosts
            if name != one.host and (there := unit(name, one.instance)) is not None and there.active in _UP
        ),
        None,
    )


def _state(service: Service, host: Host | None, unit: Unit | None) -> tuple[InstanceState, str]:
    if host is None:
        return InstanceState.LOST, "its host is not of the fleet any more"
    source = host.sources.get(Source.UNITS)
    if host.state is not State.LIVE:
        return InstanceState.LOST, f"{host.state}: {host.status.reason}" if host.status.reason else host.state
    if source is None or source.state is not State.LIVE:
        return InstanceState.LOST, (source.reason if source else None) or "its units are not known"
    if unit is None:
        return InstanceState.PLACED, ""
    match unit.health:
        case Health.FAILED | Health.GAVE_UP:
            return InstanceState.FAILED, unit.result or unit.sub
        case Health.RECOVERING | Health.FLAPPING:
            times = f": {unit.restarts}" if unit.restarts else ""
            return InstanceState.FAILING, f"systemd is recovering it{times}"
    if unit.active in _UP:
        return InstanceState.RUNNING, "" if service.desired is Desired.LAUNCHED else "to be stopped"
    if unit.active == "activating":
        return InstanceState.STARTING, unit.sub
    if unit.load not in ("loaded", "not-found"):
        return InstanceState.FAILED, f"systemd: {unit.load}"
    return InstanceState.STOPPED, "" if service.desired is Desired.LOADED else unit.sub


def _unplaced(
    service: Service,
    assigned: Iterable[Assigned],
    targets: Mapping[tuple[str, str], list[str]],
    placement: Placement,
) -> list[Instance]:
    """Instances that are to be placed and are not."""
    if service.desired is Desired.INACTIVE:
        return []
    there = {(one.instance, one.host) for one in assigned}
    names = {name for name, _ in there}
    found = []
    for name in service.spec.instances():
        for host in targets.get((service.name, name), []):
            if (name, host) not in there and (service.spec.policy.everywhere or name not in names):
                state = InstanceState.PENDING
                found.append(Instance(service.name, name, None, state, reason=f"to be placed on {host}"))
    for one in placement.pending:
        if one.service == service.name and (one.instance not in names or one.host is not None):
            found.append(
                Instance(
                    service.name,
                    one.instance,
                    one.host,
                    InstanceState.PENDING,
                    reason=one.reason,
                    blocked=True,
                )
            )
    return found
