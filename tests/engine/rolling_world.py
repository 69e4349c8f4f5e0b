"""A registry of services in a real etcd, and in place of hosts and their engine a dictionary of units."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from console.actions.audit import Audit, Who
from console.actions.hands import Permit
from console.engine.rolling import Registered
from console.engine.services import (
    Assigned,
    Desired,
    Service,
    ServiceStore,
    assigned_bytes,
)
from console.placement.spec import parse_spec
from console.rollouts import driving, hand, service_update
from console.rollouts.driving import carry_out, follow
from console.rollouts.kind import Site
from console.rollouts.ledger import Ledger
from console.rollouts.rollout import Account, Rollout, Target
from console.rollouts.service_update import UPDATE
from console.rollouts.unit_look import UnitLook
from console.store.client import Etcd
from console.store.values import Delete, Put, Span
from tests.engine.desired import host

WITHIN_S = 60.0
HOSTS = ("h1", "h2", "h3")

#: A unit in a revision: how it is once it was started.
Fares = Callable[[str, int], UnitLook]


def well(instance: str, revision: int) -> UnitLook:
    return UnitLook(revision, "active", "running", life=f"{instance} {revision}")


def unit(number: int, *policy: str) -> str:
    """The unit file of a revision."""
    return "\n".join(["[Service]", f"ExecStart=/bin/sleep {number}", "[X-Quarterdeck]", *policy, ""])


@dataclass
class World:
    """What there is, and what has been seen of it.

    :param fares: how a unit is once it was started in a revision.
    :param engine: whether one is elected, and at work.
    :param looks: each unit on its host.
    :param least: how many ran at the same time at the least, once all did.
    :param given: every revision that an instance ever was to be, by instance and host.
    """

    etcd: Etcd
    fares: Fares = well
    engine: bool = True
    looks: dict[tuple[str, str], UnitLook] = field(default_factory=dict)
    least: int = 1000
    given: dict[str, set[int]] = field(default_factory=dict)
    settled: bool = False

    @property
    def store(self) -> ServiceStore:
        return ServiceStore(self.etcd)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.etcd, self.store.keys)

    async def submit(self, name: str, text: str) -> Service:
        spec = parse_spec(text, Path(name))
        at = datetime.now(UTC)
        return await self.store.submit(spec, desired=Desired.LAUNCHED, at=at, by="me", line="")

    async def keep(self, name: str, text: str) -> int:
        return await self.store.keep(parse_spec(text, Path(name)), at=datetime.now(UTC), by="me", line="")

    async def runs(self, name: str) -> list[Assigned]:
        """Wait until every instance of a service runs as it is to be."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                service = await self.store.service(name)
                placed = [one for one in await self.store.assigned() if one.service == name]
                wanted = len(HOSTS) if service.spec.policy.everywhere else len(service.spec.instances())
                if len(placed) == wanted and all(self._as_wanted(service, one) for one in placed):
                    self.settled = True
                    return sorted(placed, key=lambda one: (one.instance, one.host))
                await asyncio.sleep(0.01)

    def _as_wanted(self, service: Service, one: Assigned) -> bool:
        look = self.looks.get((one.host, one.instance))
        to = service.revision_of(one.instance, one.host)
        return look is not None and look.revision == to == one.revision and look.active != "inactive"

    def revisions(self) -> dict[str, int | None]:
        """The revision of each unit, by instance; of one that is on every host by instance and host."""
        return {f"{name}@{at}": one.revision for (at, name), one in sorted(self.looks.items())}

    # -- in place of an engine --------------------------------------------------------------

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """While this is held, instances are placed, and run as they are to be."""
        task = asyncio.create_task(self._work())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _work(self) -> None:
        while True:
            leader = self.store.keys.leader
            await self.etcd.write([Put(leader, b"{}") if self.engine else Delete(Span(leader))])
            if self.engine:
                await self._look()
            await asyncio.sleep(0.01)

    async def _look(self) -> None:
        services, problems = await self.store.services()
        assert not problems
        there = {
            (one.service, one.instance, one.host if services[one.service].spec.policy.everywhere else ""): one
            for one in await self.store.assigned()
            if one.service in services
        }
        wanted: dict[tuple[str, str, str], Assigned] = {}
        for service in services.values():
            for at, name in enumerate(service.spec.instances()):
                everywhere = service.spec.policy.everywhere
                for place in HOSTS if everywhere else (HOSTS[at % len(HOSTS)],):
                    key = (service.name, name, place if everywhere else "")
                    to = there[key].host if key in there else place
                    wanted[key] = Assigned(service.name, name, to, 1, service.revision_of(name, to))
        for key, one in wanted.items():
            if key not in there or there[key].revision != one.revision:
                await self._put(one, services)
            self._carry_out(one)
        for key in there.keys() - wanted.keys():
            gone = there[key]
            where = self.store.assigned_key(gone, everywhere=bool(key[2]))
            await self.etcd.write([Delete(Span(where))])
            self.looks.pop((gone.host, gone.instance), None)
        if self.settled:
            self.least = min(self.least, sum(one.active == "active" for one in self.looks.values()))

    async def _put(self, one: Assigned, services: Mapping[str, Service]) -> None:
        everywhere = services[one.service].spec.policy.everywhere
        await self.etcd.write([Put(self.store.assigned_key(one, everywhere=everywhere), assigned_bytes(one))])
        self.given.setdefault(f"{one.instance}@{one.host}", set()).add(one.revision)

    def _carry_out(self, one: Assigned) -> None:
        key = (one.host, one.instance)
        now = self.looks.get(key)
        if now is None or now.revision != one.revision:
            # Stopped first; started with the next look.
            down = now is not None and now.active == "active"
            stopped = UnitLook(now.revision if now else None, "inactive", life="")
            self.looks[key] = stopped if down else self.fares(one.instance, one.revision)

    # -- rollouts ---------------------------------------------------------------------------

    def site(self, told: Callable[[str], None] = lambda text: None) -> Site:
        model = SimpleNamespace(find=host)
        fleet = SimpleNamespace(model=model)
        audit = Audit((), Who("me", "here"), lambda: datetime.now(UTC))
        nothing = cast(Any, None)
        return Site(
            *(self.ledger, cast(Any, fleet), Permit("a test"), audit, nothing, told),
            lambda: datetime.now(UTC),
            instances=Registered(self.etcd),
        )

    async def rollout(
        self, identity: str, service: str, to: int, *, spare: bool = False, **given: Any
    ) -> Rollout:
        """Write down one that brings all instances of a service to a revision."""
        found = await self.store.service(service)
        facts = {"service": service, "from": str(found.revision), "to": str(to), "base": str(found.revision)}
        everywhere = found.spec.policy.everywhere
        targets = [
            Target(
                f"{one.instance}@{one.host}" if everywhere else one.instance,
                one.host,
                {**facts, "instance": one.instance, "from": str(found.revision_of(one.instance, one.host))},
            )
            for one in sorted(await self.store.assigned(), key=lambda one: (one.instance, one.host))
            if one.service == service
        ]
        if spare:
            name = f"{service.partition('@')[0]}@{len(targets) + 1}.service"
            targets.insert(0, Target(name, "h1", {**facts, "instance": name, "spare": "yes"}))
        now = datetime.now(UTC)
        settings = {"gate": "0.05", "gate_timeout": "5", "within": "5"}
        made = Rollout(
            *(identity, UPDATE, "service update", "alice", "here", now, tuple(targets), (len(targets),), 1),
            settings=settings,
            since=now,
        )
        made = replace(made, **given)
        await self.ledger.create(made)
        return made

    async def driven(self, identity: str, reached: Callable[[Account], bool]) -> Account:
        """Drive a rollout until it is so."""
        task = asyncio.create_task(carry_out(self.site(), identity, "a test"))
        try:
            return await self.until(identity, reached)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, identity: str, reached: Callable[[Account], bool]) -> Account:
        async with asyncio.timeout(WITHIN_S):
            async for account in follow(self.ledger, identity):
                if reached(account):
                    return account
        raise AssertionError("following does not end")


def rolling_world(etcd: Etcd, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world whose units are looked at where hosts would be asked."""
    world = World(etcd)

    async def look_at(place: str, instance: str) -> UnitLook:
        return world.looks.get((place, instance), UnitLook(None))

    monkeypatch.setattr(hand, "reach", lambda site, place: place)
    monkeypatch.setattr(service_update, "look_at", look_at)
    monkeypatch.setattr(service_update, "_LOOK_S", 0.01)
    monkeypatch.setattr(driving, "_LOOK_EVERY_S", 0.05)
    return world
