"""What hosts that are drained have still to let go of, and what belongs to them and stays. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from console.engine.manifest import Manifest
from console.engine.services import Assigned, Desired
from console.placement.outcome import Placement


@dataclass(frozen=True, slots=True)
class Leaving:
    """One instance that is placed on a host which is to let it go.

    :param to: where it is to be; None if nowhere, or nowhere else.
    :param stuck: why no other host will have it, so that it stays; None if one will.
    """

    service: str
    instance: str
    host: str
    to: str | None
    stuck: str | None = None


def leaving(manifest: Manifest, placement: Placement, hosts: Collection[str]) -> tuple[Leaving, ...]:
    """What is placed on these hosts and can be elsewhere, by the rules of its own.

    :param placement: where everything is to be once they are drained (`service_placing.planned`).
    """
    to = {(one.service, one.instance): one.host for one in placement.placed}
    stuck = {(one.service, one.instance): one.reason for one in placement.staying}
    found = []
    for one in manifest.assigned:
        if one.host not in hosts or is_bound(manifest, one):
            continue
        key = (one.service, one.instance)
        there = to.get(key)
        found.append(Leaving(*key, one.host, None if there == one.host else there, stuck.get(key)))
    return tuple(found)


def is_bound(manifest: Manifest, one: Assigned) -> bool:
    """Whether an instance belongs to its host and stays on it: `Global=yes`, or `Host=`.

    What is not to be anywhere any more leaves its host whatever it is.
    """
    service = manifest.services.get(one.service)
    if service is None or service.desired is Desired.INACTIVE:
        return False
    policy = service.spec.policy
    return policy.everywhere or policy.host is not None
