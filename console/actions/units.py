"""What can be done to a unit: jobs, signals, unit files. Each a value that checks first, then does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.errors import HostFailure
from console.model.unit_facts import UnitFacts, active_class

if TYPE_CHECKING:
    from console.actions.hands import Hands
    from console.hosts.unit_control import UnitControl

#: systemd calls a start done as soon as the process runs; one that dies at once is seen after this.
SETTLE_S = 0.2

JOBS = ("start", "stop", "restart", "try-restart", "reload")

#: Jobs after which the unit is meant to run.
_RUNS_AFTER = ("start", "restart", "try-restart", "reload")


@dataclass(frozen=True, slots=True)
class UnitStamp:
    """What a plan saw of a unit, to be seen again just before its step.

    `boot` and `files` are None where they were not looked up: then they are not compared.
    """

    active: str
    boot: str | None = None
    files: tuple[str, ...] | None = None

    def moved(self, facts: UnitFacts, boot: str) -> str | None:
        """What is different now; None if nothing is."""
        if self.boot is not None and boot != self.boot:
            return "the host has rebooted since the plan"
        if self.files is not None and files_of(facts) != self.files:
            return "its unit files are not those of the plan"
        now = active_class(facts.active)
        if now != self.active:
            return f"it is {facts.says} now, and was {self.active} when planned"
        return None


def files_of(facts: UnitFacts) -> tuple[str, ...]:
    """The files that make up a unit, and what systemd makes of them."""
    stale = ("daemon-reload needed",) if facts.needs_daemon_reload else ()
    return (facts.load, facts.fragment, *facts.drop_ins, *stale)


@dataclass(frozen=True, slots=True)
class _OnUnit:
    name: str
    stamp: UnitStamp

    async def check(self, hands: Hands) -> str | None:
        control = await hands.systemd()
        boot, facts = await asyncio.gather(hands.boot(), control.facts(self.name))
        return self.stamp.moved(facts, boot)


@dataclass(frozen=True, slots=True)
class UnitJob(_OnUnit):
    """A job of systemd's. `within` is how long its end is waited for, in seconds."""

    verb: str
    within: float

    async def do(self, hands: Hands) -> str:
        control = await hands.systemd()
        result = await control.job(self.verb, self.name, within=self.within)
        if result == "skipped":
            return "skipped: nothing to do"
        if result != "done":
            raise HostFailure(await _failure(control, self.name, f"the job ended: {result}"), host=hands.host)
        return await self._settled(control) if self.verb in _RUNS_AFTER else ""

    async def _settled(self, control: UnitControl) -> str:
        await asyncio.sleep(SETTLE_S)
        facts = await control.facts(self.name)
        if _is_bad(facts):
            raise HostFailure(_how(facts), host=control.host)
        if not facts.condition_held and not facts.up:
            return "not started: a condition of the unit does not hold"
        return ""


@dataclass(frozen=True, slots=True)
class UnitKill(_OnUnit):
    """A signal to a unit's processes: to its `main` one, its `control` one, or `all`."""

    whom: str
    signal: int

    async def do(self, hands: Hands) -> str:
        await (await hands.systemd()).kill(self.name, self.whom, self.signal)
        return ""


@dataclass(frozen=True, slots=True)
class UnitResetFailed(_OnUnit):
    """systemd forgets that the unit failed, and how often it was restarted."""

    async def do(self, hands: Hands) -> str:
        await (await hands.systemd()).reset_failed(self.name)
        return ""


@dataclass(frozen=True, slots=True)
class UnitFile(_OnUnit):
    """enable, disable, mask or unmask."""

    verb: str

    async def do(self, hands: Hands) -> str:
        control = await hands.systemd()
        match self.verb:
            case "enable":
                installs = await control.enable([self.name])
                return "" if installs else "its file has no [Install] section: nothing will start it at boot"
            case "disable":
                await control.disable([self.name])
            case "mask":
                await control.mask([self.name])
            case "unmask":
                await control.unmask([self.name])
            case _:
                raise AssertionError(self.verb)
        return ""


async def _failure(control: UnitControl, name: str, otherwise: str) -> str:
    """Why a job failed, in the unit's own terms where it has failed itself."""
    facts = await control.facts(name)
    return _how(facts) if _is_bad(facts) else f"{otherwise}; it is {facts.says}"


def _is_bad(facts: UnitFacts) -> bool:
    """Failed, or about to be started again because it did."""
    return facts.active == "failed" or facts.sub.startswith("auto-restart")


def _how(facts: UnitFacts) -> str:
    return f"it is {facts.says}; `unit why {facts.name}` tells more"
