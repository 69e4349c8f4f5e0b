"""From what is to be done on a host to one step of a plan, carried out and recorded as every change is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Literal

from console.actions.apply_units import Applied, ApplyUnits, UnitFiles, UnitWork
from console.actions.audit import INTERRUPTED, Audit, outcome_of
from console.actions.hands import Permit, open_hands
from console.actions.plan import Plan, Result
from console.actions.plan import Step as PlanStep
from console.actions.run import Execution
from console.actions.wind_lease import WindLease, Wound
from console.engine.services import Service
from console.errors import HostError
from console.model.text import clean
from console.placement import qos
from console.placement.lease import Wind
from console.placement.mark import Mark
from console.placement.reconcile import Step, Todo
from console.placement.unit_name import UnitName

if TYPE_CHECKING:
    from console.hosts.transport import Transport

_JOBS: Mapping[Step, Literal["start", "stop", "reload"]] = {
    Step.START: "start",
    Step.HALT: "stop",
    Step.RELOAD: "reload",
}

#: Characters of what is recorded of one change: every unit is named of as many as any host has.
_RECORDED = 20_000

#: The line under which what an engine does is recorded.
LINE = "engine run"


def work_of(todo: Todo, services: Mapping[str, Service], fleet: str) -> UnitWork:
    """What is done on the host for a step."""
    match todo.step:
        case Step.STOP:
            return UnitWork(todo.unit, job="stop")
        case Step.REMOVE:
            return UnitWork(todo.unit, remove=True)
    mark = mark_of(todo, fleet)
    assert mark is not None
    assert todo.want is not None
    spec = services[todo.want.service].spec_at(todo.want.revision)
    unit = UnitName(todo.unit)
    files = UnitFiles(
        mark.root,
        spec.text,
        qos.drop_in(todo.unit, spec.policy_of(todo.unit), spec.text),
        mark.line,
        mark.root == "/etc" and mark.launched,
        unit.template,
    )
    return UnitWork(todo.unit, files, _JOBS.get(todo.step))


def mark_of(todo: Todo, fleet: str) -> Mark | None:
    """The mark that the unit bears once the step is done; None: that does not change, or it bears none."""
    want = todo.want
    if want is None or todo.step in (Step.STOP, Step.REMOVE):
        return None
    return Mark(fleet, want.service, want.revision, want.epoch, want.launched, want.root)


class Hand:
    """Carries out what an engine wants of hosts.

    :param reach: the connection to a host that there is now.
    :param audit: where it is recorded.
    """

    def __init__(
        self, fleet: str, revision: int, reach: Callable[[str], Transport], permit: Permit, audit: Audit
    ) -> None:
        self._fleet = fleet
        self._revision = revision
        self._reach = reach
        self._permit = permit
        self._audit = audit

    async def wind(self, host: str, wind: Wind) -> Wound:
        """Wind a host's lease; what it said, also where it did not take it.

        It is recorded before it is sent, in etcd (`leasing.py`), and not once more in the audit: it is every
        few seconds, and changes what may run and not what does.

        :raises HostError: it said nothing that can be read.
        """
        said: list[Wound] = []
        act = WindLease(
            *(self._fleet, self._revision, wind.boot, wind.deadline),
            *(wind.holds, wind.drops, said.append),
        )
        async with open_hands(host, partial(self._reach, host), self._permit) as hands:
            try:
                await act.do(hands)
            except HostError:
                if not said:
                    raise
        return said[0]

    async def apply(self, host: str, work: Iterable[UnitWork]) -> tuple[Result, Applied | None]:
        """Change a host; the result, and what the host said, if it said anything.

        :raises ConfigError: it cannot be recorded; if that was its beginning, nothing was done.
        """
        work = tuple(work)
        said: list[Applied] = []
        what = clean(", ".join(f"{one.verb} {one.unit}" for one in work), _RECORDED)
        single = work[0].unit if len(work) == 1 else ""
        act = ApplyUnits(self._fleet, self._revision, work, said.append)
        plan = Plan(LINE, (PlanStep(host, single, "apply", "as it is", what, act, touches=None),))
        record = self._audit.begin(LINE, plan)
        execution = Execution(
            plan, lambda name: open_hands(name, partial(self._reach, name), self._permit), _unheard
        )
        outcome = INTERRUPTED
        try:
            await execution.run()
            outcome = outcome_of(execution.results)
        finally:
            self._audit.end(record, outcome, execution.results)
        return execution.results[0], said[0] if said else None


def _unheard(result: Result) -> None:
    """The results are taken once all of them are there."""
