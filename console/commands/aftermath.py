"""What happened beside what was planned, told from the live model before and after."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from console.actions.plan import Plan, Result
from console.actions.units import UnitJob
from console.model.unit_facts import active_class

if TYPE_CHECKING:
    from console.fleet.model import FleetModel

#: What a stop sets off is in the model after so many seconds at the latest, in all but rare cases. A
#: restart has been watched for as long before it counted as done.
_SETTLE_S = 0.2
_NAMED = 8
_STOPPING = ("stop", "restart", "try-restart")

#: Units that come and go with sessions, devices and mounts of other things.
_FLEETING = (".scope", ".device", ".slice", ".timer", ".automount")

Key = tuple[str, str]


class Aftermath:
    """Watches the hosts of a plan for units that stop; made just before it is carried out."""

    def __init__(self, model: FleetModel, plan: Plan) -> None:
        self._model = model
        self._plan = plan
        jobs = [step for step in plan.steps if isinstance(step.act, UnitJob) and step.act.verb in _STOPPING]
        self._watched = {step.host for step in jobs}
        self._settles = any(step.verb == "stop" for step in jobs)
        self._ran = self._running()

    def _running(self) -> set[Key]:
        return {
            unit.key
            for host in self._watched
            for unit in self._model.units(host)
            if active_class(unit.active) == "active" and not unit.name.endswith(_FLEETING)
        }

    async def notes(self, results: tuple[Result, ...]) -> list[str]:
        """Sentences on what differs from the plan; none if nothing does."""
        if not self._watched:
            return []
        if self._settles:
            await asyncio.sleep(_SETTLE_S)
        runs = self._running()
        done = {result.target for result in results if result.status.good}
        planned: set[Key] = set()
        meant_to_stop: set[Key] = set()
        for step in self._plan.steps:
            planned.add((step.host, step.object))
            for effect in step.touches or ():
                planned.add((step.host, effect.object))
                if effect.what == "stops" and step.target in done:
                    meant_to_stop.add((step.host, effect.object))
        surprises = sorted(self._ran - runs - planned)
        survivors = sorted(meant_to_stop & runs)
        notes = []
        if surprises:
            notes.append(f"stopped meanwhile, and not in the plan: {_listed(surprises)}")
        if survivors:
            notes.append(f"planned to stop, and still running: {_listed(survivors)}")
        return notes


def _listed(keys: list[Key]) -> str:
    shown = ", ".join("/".join(key) for key in keys[:_NAMED])
    return shown + (f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else "")
