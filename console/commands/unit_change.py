"""`unit start|stop|…`: what changes units."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from console.actions.plan import Plan
from console.actions.unit_plan import EXPANDED, HostView, Wish, asked_next, draw
from console.commands.change import Change, tell_idle, unreached
from console.commands.command import Command, argument, option, switch
from console.commands.grammar import format_command
from console.commands.unit import manager_of
from console.commands.values import DURATION, Value, choice
from console.errors import HostError, NothingSelected, UsageError
from console.model.selector import NamePatterns
from console.model.state import Source, State
from console.model.unit_facts import UnitFacts
from console.model.wants import Wants

if TYPE_CHECKING:
    from console.commands.core import Core, View
    from console.commands.output import Output

_JOB_S = 300.0


def _signal(text: str) -> str:
    name = text.upper().removeprefix("SIG")
    if text.isdigit():
        known = {number.value: number.name for number in signal.Signals}
        if int(text) not in known:
            raise UsageError(f"not a signal: {text!r}", hint="like TERM, HUP, USR1 or a number")
        return known[int(text)].removeprefix("SIG")
    if f"SIG{name}" not in signal.Signals.__members__:
        raise UsageError(f"not a signal: {text!r}", hint="like TERM, HUP, USR1 or a number")
    return name


SIGNAL: Value[str] = Value(
    "SIGNAL", _signal, choices=tuple(name.removeprefix("SIG") for name in signal.Signals.__members__)
)


@dataclass(frozen=True)
class ChangeUnits(Change):
    """Changes each unit that is named, on each host that has it."""

    wants: ClassVar[Wants] = Wants(containers=False, os=False)
    patterns: tuple[str, ...] = argument("UNIT", "names or globs", many=True, required=True)
    deep: bool = switch(f"say what else it touches beyond {EXPANDED} targets too")

    @property
    def wish(self) -> Wish:
        """What is asked for of each unit."""
        return Wish(self.words[1])

    async def draw(self, core: Core, view: View, out: Output) -> Plan:
        broken = unreached(view.broken(Source.UNITS))
        targets = self._targets(view)
        count = sum(map(len, targets.values()))
        expand = count <= EXPANDED or self.deep
        hosts, failed = await look_up(self.wish.verb, view, targets, out, expand=expand)
        drawn = draw(self.wish, hosts)
        if not (drawn.steps or drawn.refused or drawn.idle or broken or failed):
            raise NothingSelected(f"no unit matches {' '.join(self.patterns)}")
        lacking = [] if drawn.steps or drawn.idle else drawn.lacking
        tell_idle(out, drawn.idle)
        notes = [] if expand else [f"{count} targets: dependants not expanded (--deep looks them up)"]
        return Plan(
            format_command(self),
            tuple(drawn.steps),
            (*drawn.refused, *lacking, *broken, *unreached(failed)),
            (*notes, *(_warnings(hosts, self.wish.verb) if drawn.steps else ())),
        )

    def _targets(self, view: View) -> dict[str, list[str]]:
        """By host: loaded units that match, and names in full, which may be there without being loaded."""
        named = NamePatterns.parse(self.patterns)
        full = named.full_unit_names()
        targets: dict[str, list[str]] = {}
        for host in view.hosts():
            status = host.sources.get(Source.UNITS)
            if status is not None and status.state is State.LIVE:
                loaded = {u.name for u in view.fleet.model.units(host.name) if named.matches_unit(u.name)}
                targets[host.name] = sorted(loaded.union(full))
        return targets


async def look_up(
    verb: str, view: View, targets: dict[str, list[str]], out: Output, *, expand: bool
) -> tuple[list[HostView], list[HostError]]:
    """What a plan has to know of the targets and of what they touch; and the hosts that do not say."""
    from console.commands.asking import ask_each
    from console.commands.progress import progress

    known = done = 0

    async def one(host: str) -> HostView:
        units = {unit.name: unit for unit in view.fleet.model.units(host)}
        if not expand:
            return HostView(host, targets[host], None, units)
        manager = manager_of(view, host)
        facts: dict[str, UnitFacts] = {}
        asked: set[str] = set()

        def take(name: str, found: UnitFacts) -> None:
            nonlocal known
            known += 1
            facts[name] = found

        while wanted := asked_next(verb, targets[host], facts.get, asked):
            await manager.facts(wanted, take)
        nonlocal done
        done += 1
        return HostView(host, targets[host], facts, units, await manager.boot())

    failed: list[HostError] = []
    hosts = [host for host, names in targets.items() if names]

    def say() -> str:
        return f"looking up what is touched: {known} units, {done} of {len(hosts)} hosts done"

    async with progress(out, say):
        views = await ask_each(hosts, one, failed.append)
    return views, failed


def _warnings(hosts: Iterable[HostView], verb: str) -> list[str]:
    """What a person should know beside the steps themselves."""
    notes = []
    for view in hosts:
        for name in view.targets:
            facts = (view.facts or {}).get(name)
            if facts is None:
                continue
            if facts.needs_daemon_reload and verb in ("start", "restart", "reload", "try-restart"):
                notes.append(
                    f"{view.host}/{name}: its file has changed since systemd read it (daemon-reload)"
                )
            if verb == "stop":
                notes += [
                    f"{view.host}/{name}: {trigger} can start it again"
                    for trigger in facts.dependencies.triggered_by
                    if (unit := view.units.get(trigger)) and unit.active == "active"
                ]
    return notes


@dataclass(frozen=True)
class _UnitJobs(ChangeUnits):
    within: float = option(DURATION, "how long a job may take (default 5m)", default=_JOB_S)

    @property
    def wish(self) -> Wish:
        return Wish(self.words[1], self.within)


@dataclass(frozen=True)
class UnitStart(_UnitJobs):
    """Start units."""

    words = ("unit", "start")


@dataclass(frozen=True)
class UnitStop(_UnitJobs):
    """Stop units, and with them what cannot run without them: the plan says what."""

    words = ("unit", "stop")


@dataclass(frozen=True)
class UnitRestart(_UnitJobs):
    """Restart units; one that does not run is started."""

    words = ("unit", "restart")


@dataclass(frozen=True)
class UnitTryRestart(_UnitJobs):
    """Restart units that run; leave the others alone."""

    words = ("unit", "try-restart")


@dataclass(frozen=True)
class UnitReload(_UnitJobs):
    """Have units read their configuration anew, without a restart."""

    words = ("unit", "reload")


@dataclass(frozen=True)
class UnitKill(ChangeUnits):
    """Send a signal to the processes of units."""

    words = ("unit", "kill")
    signal: str = option(SIGNAL, "which one (default TERM)", short="-s", default="TERM")
    whom: str = option(choice("main", "control", "all"), "to which processes (default all)", default="all")

    @property
    def wish(self) -> Wish:
        return Wish("kill", whom=self.whom, signal=signal.Signals[f"SIG{self.signal}"].value)


@dataclass(frozen=True)
class UnitResetFailed(ChangeUnits):
    """Have systemd forget that units failed, and how often they were restarted."""

    words = ("unit", "reset-failed")


@dataclass(frozen=True)
class UnitEnable(ChangeUnits):
    """Have units started at boot, as their [Install] sections say; they are not started now."""

    words = ("unit", "enable")


@dataclass(frozen=True)
class UnitDisable(ChangeUnits):
    """Have units no longer started at boot; they are not stopped now."""

    words = ("unit", "disable")


@dataclass(frozen=True)
class UnitMask(ChangeUnits):
    """Make it impossible to start units, by hand or otherwise; they are not stopped now."""

    words = ("unit", "mask")


@dataclass(frozen=True)
class UnitUnmask(ChangeUnits):
    """Take a mask off."""

    words = ("unit", "unmask")


COMMANDS: tuple[type[Command], ...] = (
    UnitStart,
    UnitStop,
    UnitRestart,
    UnitTryRestart,
    UnitReload,
    UnitKill,
    UnitResetFailed,
    UnitEnable,
    UnitDisable,
    UnitMask,
    UnitUnmask,
)
