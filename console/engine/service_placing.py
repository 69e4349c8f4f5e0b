"""Where services would be placed: the scheduler over what is desired, the live hosts, and moves by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from console.engine.assigning import placeable, waiting
from console.engine.manifest import Manifest, wanted
from console.engine.pinning import schedule_pinned
from console.engine.services import Assigned
from console.model.host import Host
from console.model.state import State
from console.placement.candidate import Candidate, Standing, candidate
from console.placement.outcome import Change, Pending, Placed, Placement

_STANDINGS = {State.LIVE: Standing.LIVE, State.FOREIGN: Standing.FOREIGN}


@dataclass(frozen=True, slots=True)
class Difference:
    """What becomes of one instance: it comes (`before` None), goes (`after` None), moves, or is changed."""

    service: str
    instance: str
    before: str | None
    after: str | None
    rule: str


def candidates(hosts: Iterable[Host]) -> tuple[Candidate, ...]:
    """The hosts as a console sees them. One that does not answer is silent: only an engine gives hosts up."""
    return tuple(candidate(host, _STANDINGS.get(host.state, Standing.SILENT)) for host in hosts)


def placed(assigned: Iterable[Assigned]) -> list[Placed]:
    """Placements as etcd has them, as the scheduler takes them."""
    return [Placed(one.service, one.instance, one.host) for one in assigned]


def planned(manifest: Manifest, hosts: Sequence[Candidate]) -> Placement:
    """Where everything that is desired is to be.

    Instances that were moved by hand are where they were moved to (`pinning.py`).
    """
    wanted_ones = wanted(manifest.services.values())
    specs, refused = placeable(wanted_ones, manifest.assigned, embedded=manifest.embedded)
    pins = {name: host for one in manifest.services.values() for name, host in one.pins.items()}
    there = {one.instance for one in manifest.assigned}

    def current(counting: Mapping[str, str]) -> list[Placed]:
        found = [replace(one, host=counting.get(one.instance, one.host)) for one in placed(manifest.assigned)]
        return found + [
            Placed(_owner(manifest, name), name, host) for name, host in counting.items() if name not in there
        ]

    found = schedule_pinned(specs, hosts, current, pins)
    return replace(found, pending=(*found.pending, *waiting(refused, len(hosts))))


def _owner(manifest: Manifest, instance: str) -> str:
    service = manifest.owner(instance)
    assert service is not None  # `_pins` has only those of services
    return service.name


def differences(manifest: Manifest, placement: Placement) -> tuple[Difference, ...]:
    """What a placement changes of what etcd has, by service, instance and host."""
    rules = {(change.service, change.instance): change for change in placement.changes}
    everywhere = {name for name, each in manifest.services.items() if each.spec.policy.everywhere}
    before = {_key(one, everywhere): one.host for one in placed(manifest.assigned)}
    after = {_key(one, everywhere): one.host for one in placement.placed}
    found = [
        Difference(key[0], key[1], before.get(key), after.get(key), _rule(rules.get(key[:2])))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]
    return tuple(found)


def _rule(change: Change | None) -> str:
    """Why, in a word; where the scheduler found nothing to change, a person did."""
    return "moved" if change is None else change.rule


def _key(one: Placed, everywhere: set[str]) -> tuple[str, str, str]:
    """What tells placements apart: of a service that is on every host, the host too."""
    return one.service, one.instance, one.host if one.service in everywhere else ""


@dataclass(frozen=True, slots=True)
class Load:
    """How many instances a host has, and would have."""

    host: str
    now: int
    then: int


def loads(manifest: Manifest, placement: Placement) -> tuple[Load, ...]:
    """The hosts that would have more or fewer instances by a placement, the greatest changes first."""
    now = Counter(one.host for one in manifest.assigned)
    then = Counter(one.host for one in placement.placed)
    changed = [Load(host, now[host], then[host]) for host in now | then if now[host] != then[host]]
    return tuple(sorted(changed, key=lambda one: (-abs(one.then - one.now), one.host)))


def blocked(placement: Placement, services: Iterable[str]) -> tuple[Pending, ...]:
    """Those instances of some services that no host will have."""
    names = set(services)
    return tuple(one for one in placement.pending if one.service in names)
