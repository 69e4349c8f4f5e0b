"""The registry of services, as a rollout asks it and has it be otherwise."""

from __future__ import annotations

from console.engine.reporting import read_report
from console.engine.services import (
    Assigned,
    Desired,
    Service,
    ServiceStore,
    instance_name,
    read_assigned,
)
from console.errors import NothingSelected
from console.placement.reconcile import Phase
from console.rollouts.instances import Seen
from console.store.client import Etcd


class Registered:
    """See `Instances`. Each question reads what is of one instance, and nothing else."""

    def __init__(self, etcd: Etcd) -> None:
        self._store = ServiceStore(etcd)

    async def see(self, service: str, instance: str, host: str) -> Seen | None:
        found = await self._find(service)
        if found is None:
            return None
        leader = await self._store.etcd.get(self._store.keys.leader)
        everywhere = found.spec.policy.everywhere
        key = f"{self._store.keys.under('instances').key}{service}/"
        entry = await self._store.etcd.get(f"{key}{instance_name(instance, host, everywhere=everywhere)}")
        placed = None if entry is None else read_assigned(self._store.keys, entry)
        return Seen(
            found.revision_of(instance, host) if found.has(instance) else None,
            found.desired is Desired.LAUNCHED,
            found.spare > 0,
            None if placed is None else placed.host,
            None if placed is None else placed.revision,
            leader is not None,
            "" if placed is None else await self._failed(placed),
            "" if placed is not None else await self._pending(instance),
        )

    async def give(self, service: str, instance: str, host: str, revision: int, *, spare: bool) -> None:
        found = await self._store.service(service)
        name = instance_name(instance, host, everywhere=found.spec.policy.everywhere)
        await self._store.give(found, name, revision, spare=spare)

    async def take_away(self, service: str, instance: str) -> None:
        await self._store.tidy(await self._store.service(service), (instance,))

    async def settle(self, service: str, before: int, revision: int) -> None:
        found = await self._find(service)
        if found is None or found.revision not in (before, revision):
            return
        if found.revision != revision or found.given or found.spare:
            await self._store.change(found, revision=revision)

    async def let_be(self, service: str) -> None:
        found = await self._find(service)
        if found is not None:
            await self._store.tidy(found)

    async def _find(self, service: str) -> Service | None:
        try:
            return await self._store.service(service)
        except NothingSelected:
            return None

    async def _failed(self, placed: Assigned) -> str:
        """Why the engine says that it has failed where it is placed."""
        entry = await self._store.etcd.get(self._store.keys.observed(placed.host))
        if entry is None:
            return ""
        conditions, _ = read_report(self._store.keys, (entry,))
        return next(
            (
                one.reason or "it has failed"
                for one in conditions
                if one.instance == placed.instance and one.phase is Phase.FAILED
            ),
            "",
        )

    async def _pending(self, instance: str) -> str:
        """Why no host will have it."""
        entry = await self._store.etcd.get(self._store.keys.pending)
        return "" if entry is None else read_report(self._store.keys, (entry,))[1].get(instance, "")
