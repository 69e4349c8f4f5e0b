"""What each instance is, out of its placement, its host and its unit there: pure, and said nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from console.engine.manifest import Manifest
from console.engine.services import Assigned, Desired, Service
from console.model.host import Host
from console.model.state import Source, State
from console.model.unit import Health, Unit
from console.placement.outcome import Placement

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


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance as it is now.

    :param host: where it is placed; of a `Global=yes` service that a host will not have, that host.
    :param revision: the one it is placed as; None if it is placed nowhere.
    :param reason: why it is in this state, where that is not plain; may be empty.
    :param unit: its unit there, where the host shows one.
    :param blocked: whether no host will have it as things stand.
    :param goes: whether it is to be there no longer.
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
    for service in manifest.services.values():
        assigned = manifest.of(service.name)
        found += [_placed(one, service, targets, hosts, unit) for one in assigned]
        found += _unplaced(service, assigned, targets, placement)
    return tuple(found)


def reached(service: Service, instance: Instance) -> bool:
    """Whether an instance is what its service is to be."""
    if instance.goes or instance.revision != service.revision:
        return False
    match service.desired:
        case Desired.LAUNCHED:
            return instance.state is InstanceState.RUNNING
        case Desired.LOADED:
            return instance.state in (InstanceState.STOPPED, InstanceState.PLACED)
        case Desired.INACTIVE:
            return False  # it is to be nowhere


def _placed(
    one: Assigned,
    service: Service,
    targets: Mapping[tuple[str, str], list[str]],
    hosts: Mapping[str, Host],
    unit: UnitAt,
) -> Instance:
    there = unit(one.host, one.instance)
    state, reason = _state(service, hosts.get(one.host), there)
    to = targets.get((one.service, one.instance), [])
    everywhere = service.spec.policy.everywhere
    goes = (
        service.desired is Desired.INACTIVE
        or not service.spec.is_instance(one.instance)
        or (everywhere and one.host not in to)
    )
    if goes and state is InstanceState.RUNNING:
        reason = "to be stopped"
    elif not everywhere and state is not InstanceState.LOST:
        if to and one.host not in to:
            state, reason = InstanceState.MOVING, f"to {to[0]}"
        elif state is not InstanceState.RUNNING and (left := _elsewhere(one, hosts, unit)):
            state, reason = InstanceState.MOVING, f"still on {left}"
    if not goes and one.revision != service.revision and state is InstanceState.RUNNING:
        reason = f"revision {service.revision} is to take its place"
    return Instance(service.name, one.instance, one.host, state, one.revision, reason, there, goes=goes)


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
