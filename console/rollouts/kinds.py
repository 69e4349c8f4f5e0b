"""The kinds of rollouts there are: one line for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from console.errors import StoreError
from console.rollouts import host_update, service_update
from console.rollouts.host_update import HostUpdate
from console.rollouts.kind import Kind, Site
from console.rollouts.rollout import Rollout
from console.rollouts.service_update import ServiceUpdate

KINDS: Mapping[str, Callable[[Site], Kind]] = {
    host_update.UPDATE: HostUpdate,
    host_update.ROLLBACK: HostUpdate,
    service_update.UPDATE: ServiceUpdate,
    service_update.ROLLBACK: ServiceUpdate,
}

#: Those whose targets are instances of services.
OF_SERVICES = frozenset({service_update.UPDATE, service_update.ROLLBACK})


def kind_of(rollout: Rollout, site: Site) -> Kind:
    """What carries out a rollout. :raises StoreError: a newer program has written it."""
    made = KINDS.get(rollout.kind)
    if made is None:
        raise StoreError(
            f"{rollout.id} is a {rollout.kind}, and this program knows no such rollout",
            hint="use the newer quarterdeck here too",
        )
    return made(site)
