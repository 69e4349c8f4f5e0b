"""Which unit makes a container, as its host's systemd has it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from console.actions.container_owner import Owned, owner_of
from console.actions.plan import Effect
from console.actions.unit_plan import asked_next
from console.commands.unit import manager_of
from console.model.unit_facts import UnitFacts, touched_by

if TYPE_CHECKING:
    from console.commands.core import View
    from console.model.container import Container
    from console.model.unit_start import UnitStart


async def started(view: View, host: str) -> list[UnitStart]:
    """How the services of a host are started, without their files. :raises HostError: it does not say."""
    from console.hosts.unit_starts import unit_starts

    names = [unit.name for unit in view.fleet.model.units(host) if unit.load == "loaded"]
    return list((await unit_starts(manager_of(view, host), names)).values())


async def with_files(view: View, host: str, unit: UnitStart) -> UnitStart:
    """The same with the files that it comes from. :raises HostError: the host does not say."""
    from console.hosts import unit_starts

    return await unit_starts.with_files(manager_of(view, host), view.fleet.transport(host), unit)


async def owned_by(view: View, container: Container) -> Owned | None:
    """A container's unit; None where it is nobody's. :raises HostError: the host does not say."""
    found = owner_of(container, await started(view, container.host))
    if found is None:
        return None
    return replace(found, unit=await with_files(view, container.host, found.unit))


async def restarted_with(view: View, host: str, unit: str) -> tuple[Effect, ...]:
    """What a restart of a unit touches beside it. :raises HostError: the host does not say."""
    manager = manager_of(view, host)
    facts: dict[str, UnitFacts] = {}
    asked: set[str] = set()
    while wanted := asked_next("restart", [unit], facts.get, asked):
        await manager.facts(wanted, facts.__setitem__)
    return tuple(Effect(touch.name, touch.what) for touch in touched_by("restart", unit, facts.get))
