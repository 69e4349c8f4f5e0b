"""`unit …`: systemd's units, on every host."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

from console.commands.command import Command, argument, switch
from console.commands.parameters import Listing, OnHosts
from console.commands.rows import UNIT, UNIT_DEPS, UNIT_DETAIL, UNIT_FILE, UnitDeps, UnitDetail, UnitFile
from console.commands.watching import watch
from console.errors import Absent, HostError, NothingSelected, Unreachable
from console.model.selector import NamePatterns, state_words, unit_in_state
from console.model.state import Source, State
from console.model.unit import Unit
from console.model.wants import Wants

if TYPE_CHECKING:
    from console.commands.core import Core, View
    from console.commands.output import Output
    from console.hosts.manager import SystemdManager
    from console.hosts.units import UnitsSource

T = TypeVar("T")


@dataclass(frozen=True)
class UnitList(Listing):
    """List units, as `systemctl list-units --all` does, of every host.

    `since`, `result` and `restarts` are known for units that are not at rest and for those that
    changed since; `--details` asks for those of all.
    """

    words = ("unit", "list")
    patterns: tuple[str, ...] = argument("UNIT", "names or globs", many=True)
    details: bool = switch("ask for since, result and restarts of every unit")

    async def run(self, core: Core, out: Output) -> None:
        patterns = NamePatterns.parse(self.patterns)
        states = state_words(self.state) if self.state else frozenset()
        wants = Wants(containers=False, os=False, details=self.details)
        async with core.observe(self.on, wants, wait=not self.watch) as view:

            def wanted(unit: Unit) -> bool:
                if states and not unit_in_state(unit, states):
                    return False
                return patterns.matches_unit(unit.name) and view.includes(unit.host)

            if self.watch:
                await watch(
                    view, out, UNIT, lambda batch: batch.units, lambda model, key: model.unit(key), wanted
                )
            rows = [unit for unit in view.fleet.model.units() if wanted(unit)]
            out.rows(UNIT, rows, missing=view.broken(Source.UNITS))
            for error in view.absent(Source.UNITS):
                out.note(str(error))


@dataclass(frozen=True)
class AboutUnits(OnHosts):
    """Asks something about each unit that is named, on each host that has it."""

    patterns: tuple[str, ...] = argument("UNIT", "names or globs", many=True, required=True)

    async def answers(
        self, core: Core, out: Output, question: Callable[[View, SystemdManager, str], Awaitable[T]]
    ) -> list[T]:
        """The answers of every host and unit, in that order.

        :raises NothingSelected: no host has such a unit.
        """
        async with core.observe(self.on, Wants(containers=False, os=False)) as view:
            failed: list[HostError] = []
            failed += view.broken(Source.UNITS)

            async def ask(target: tuple[str, str]) -> T:
                host, name = target
                return await question(view, manager_of(view, host), name)

            from console.commands.asking import ask_each

            answers = await ask_each(self._targets(view), ask, failed.append)
            # A unit that one host lacks is no failure as long as another has it.
            others = [error for error in failed if not isinstance(error, Absent)]
            if not answers and not others:
                raise NothingSelected(f"no unit matches {' '.join(self.patterns)}")
            for error in others:
                out.failed(error)
            return answers

    def _targets(self, view: View) -> list[tuple[str, str]]:
        """Loaded units that match, and names given in full, which may be there without being loaded."""
        named = NamePatterns.parse(self.patterns)
        loaded = {
            (unit.host, unit.name)
            for unit in view.fleet.model.units()
            if named.matches_unit(unit.name) and view.includes(unit.host)
        }
        live = [
            host.name
            for host in view.hosts()
            if (status := host.sources.get(Source.UNITS)) and status.state is State.LIVE
        ]
        return sorted(loaded | {(host, name) for host in live for name in named.full_unit_names()})


def manager_of(view: View, host: str) -> SystemdManager:
    """The connected systemd of `host`. :raises Unreachable: it has just gone."""
    source = cast("UnitsSource", view.fleet.source(host, Source.UNITS))
    if source.manager is None:
        raise Unreachable("systemd is not connected", host=host)
    return source.manager


@dataclass(frozen=True)
class UnitShow(AboutUnits):
    """Show a unit's properties: the telling ones to people, all of them to scripts."""

    words = ("unit", "show")
    aliases = (("unit", "status"),)

    async def run(self, core: Core, out: Output) -> None:
        async def properties(view: View, manager: SystemdManager, name: str) -> UnitDetail:
            return UnitDetail(manager.host, name, await manager.properties(name))

        out.rows(UNIT_DETAIL, await self.answers(core, out, properties))


@dataclass(frozen=True)
class UnitCat(AboutUnits):
    """Show a unit's file and its drop-ins, as they lie on each host."""

    words = ("unit", "cat")

    async def run(self, core: Core, out: Output) -> None:
        async def text(view: View, manager: SystemdManager, name: str) -> UnitFile:
            return UnitFile(manager.host, name, await manager.unit_file(name))

        out.rows(UNIT_FILE, await self.answers(core, out, text))


@dataclass(frozen=True)
class UnitDepsShow(AboutUnits):
    """Show what a unit needs and what needs it, with the state of each."""

    words = ("unit", "deps")

    async def run(self, core: Core, out: Output) -> None:
        async def dependencies(view: View, manager: SystemdManager, name: str) -> UnitDeps:
            found = await manager.dependencies(name)
            states = {unit.name: unit for unit in view.fleet.model.units(manager.host)}
            return UnitDeps(found, states)

        out.rows(UNIT_DEPS, await self.answers(core, out, dependencies))


COMMANDS: tuple[type[Command], ...] = (UnitList, UnitShow, UnitCat, UnitDepsShow)
