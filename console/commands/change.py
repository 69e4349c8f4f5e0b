"""What every write goes through: plan, confirmation, execution, audit, and the way back.

draw ──▶ Plan ──▶ confirm ──▶ audit: begin ──▶ Execution ──▶ audit: end ──▶ undo offered
          │ --plan ends here       └ refused is recorded too
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import TYPE_CHECKING, ClassVar

from console.actions.audit import INTERRUPTED, Record, outcome_of
from console.actions.plan import Outcome, Plan, Refusal, Result, Step
from console.actions.run import AT_ONCE, Conduct, Execution, Replan
from console.actions.waves import wave_ends
from console.commands.aftermath import Aftermath
from console.commands.command import Command, Kind, Recall, option, switch
from console.commands.confirm import challenge
from console.commands.grammar import format_command
from console.commands.hearing import WithoutNotes
from console.commands.parameters import OnHosts
from console.commands.rows.change import PLAN, RESULT
from console.commands.values import INTEGER, WAVES
from console.errors import (
    ConfigError,
    HostError,
    Incomplete,
    InternalError,
    NothingSelected,
    Refused,
    UsageError,
)
from console.model.memory import Acting
from console.model.selector import Selector
from console.model.text import clean
from console.model.wants import Wants

if TYPE_CHECKING:
    from console.actions.hands import Permit
    from console.commands.core import Core, View
    from console.commands.output import Output
    from console.hosts.transport import Transport

_NAMED = 8

#: Of a line that others are shown.
_LINE_MAX = 200


@dataclass(frozen=True)
class Planned(Command):
    """A command that writes, and can say before what it will do."""

    kind = Kind.WRITE

    @abstractmethod
    async def planned(self, core: Core, out: Output) -> Plan:
        """What it will do as things are now. Changes nothing.

        :raises QuarterdeckError: nothing of it could be done.
        """


@dataclass(frozen=True)
class Change(OnHosts, Planned):
    """A command that changes something on hosts."""

    kind = Kind.WRITE
    wants: ClassVar[Wants] = Wants(units=False, containers=False, os=False)

    at_once: int | None = option(INTEGER, f"steps under way at once, at most (default {AT_ONCE})")
    wave: tuple[str, ...] | None = option(
        WAVES, "in waves, cumulative: 1,25%,100%; a wave that has a failure is the last"
    )
    stop_on_failure: bool = switch("begin nothing more after the first failure")

    @abstractmethod
    async def draw(self, core: Core, view: View, out: Output) -> Plan:
        """What it will do. Changes nothing.

        :raises NothingSelected: no host has what is named.
        """

    async def reach(self, core: Core, out: Output) -> tuple[Selector, Wants]:
        """The hosts it may touch, and what it has to see of them.

        :raises UsageError: they were not said.
        """
        if self.on is None:
            raise UsageError(
                f"{' '.join(self.words)}: say which hosts", hint="--on SELECTOR; --on '*' for all of them"
            )
        return self.on, self.wants

    def conduct(self, plan: Plan) -> Conduct:
        """How many steps at once, in which waves, and whether the first failure ends it."""
        waves = wave_ends(self.wave, len(plan.steps)) if self.wave else ()
        return Conduct(self.at_once or AT_ONCE, waves, self.stop_on_failure)

    async def planned(self, core: Core, out: Output) -> Plan:
        on, wants = await self.reach(core, out)
        async with core.observe(on, wants) as view:
            return in_company(await self.draw(core, view, out), core)

    async def run(self, core: Core, out: Output) -> None:
        if core.options.plan:
            out.document(PLAN, await self.planned(core, out))
            return
        on, wants = await self.reach(core, out)
        permit = permit_for(core, format_command(self))
        async with core.observe(on, wants) as view:
            plan = in_company(await self.draw(core, view, out), core)
            if not plan.steps and not plan.refused:
                out.note("nothing to do")
                return
            await confirmed(core, plan)
            results = await carry_out(self, plan, core, view, out, permit)
        finish(results)


@dataclass(frozen=True)
class FleetChange(Planned):
    """A command that changes what the fleet keeps in etcd, or etcd itself. No host is asked."""

    recall = Recall.WRITE

    @abstractmethod
    async def draw(self, core: Core, out: Output) -> Plan:
        """What it will do. Changes nothing."""

    async def planned(self, core: Core, out: Output) -> Plan:
        return await self.draw(core, out)

    async def run(self, core: Core, out: Output) -> None:
        if core.options.plan:
            out.document(PLAN, await self.planned(core, out))
            return
        permit = permit_for(core, format_command(self))
        plan = await self.draw(core, out)
        if not plan.steps and not plan.refused:
            out.note("nothing to do")
            return
        await confirmed(core, plan)
        with out.listing(RESULT) as add:
            ended = await executed(Conduct(at_once=1), plan, core, _no_host, permit, add)
        ended.tell(out)
        if ended.undo:
            out.note(f"to undo it: quarterdeck {ended.undo[0]}")
        finish(ended.results)


def _no_host(host: str) -> Transport:
    raise InternalError(f"{host} is no host")


def permit_for(core: Core, line: str) -> Permit:
    """What lets a write begin; a write that may not is recorded.

    :raises Refused: the console is read-only, or nobody can be asked and `--yes` was not said.
    """
    try:
        permit = core.permit(line)
        if core.confirm is None and not core.options.yes:
            raise Refused("nobody is there to confirm it", hint="say --yes, or look at it first with --plan")
    except Refused as refusal:
        core.audit.refused(line, refusal.message)
        raise
    return permit


@contextmanager
def refusing(core: Core, line: str) -> Iterator[None]:
    """What cannot be done as things are is recorded as refused; not where only the plan was asked for."""
    try:
        yield
    except Refused as refusal:
        if not core.options.plan:
            core.audit.refused(line, refusal.message)
        raise


async def confirmed(core: Core, plan: Plan) -> None:
    """:raises Refused: the answer was not the one that means yes; that is recorded."""
    if core.options.yes or not plan.steps:
        return
    assert core.confirm is not None
    hosts = [host.name for host in core.config.hosts]
    if not await core.confirm(plan, challenge(plan, core.config.name, hosts)):
        core.audit.refused(plan.line, "not confirmed", plan)
        raise Refused("not confirmed: nothing was done")


async def carry_out(
    change: Change, plan: Plan, core: Core, view: View, out: Output, permit: Permit
) -> tuple[Result, ...]:
    """Run a confirmed plan to its end, tell its results as they come, and record it.

    :return: one result a target.
    """
    aftermath = Aftermath(view.fleet.model, plan)
    replan = _Replan(change, core, view, out) if core.options.yes else None
    with out.listing(RESULT) as add:
        ended = await executed(change.conduct(plan), plan, core, view.fleet.transport, permit, add, replan)
    ended.tell(out)
    for note in await aftermath.notes(ended.results):
        out.note(note)
    if undo := ended.undo:
        line = undo[0] if len(undo) == 1 else f"audit undo {ended.record.id}"
        out.note(f"to undo it: quarterdeck {line}")
    return ended.results


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a plan, as it was recorded.

    :param undo: the lines that take it back.
    :param cancelled: what interrupted it, if anything did; still on its way.
    :param unrecorded: why its end is not in the audit, if it is not.
    :param unseen: why other consoles did not see it going on, if they did not.
    """

    record: Record
    results: tuple[Result, ...]
    undo: tuple[str, ...] = ()
    cancelled: asyncio.CancelledError | None = None
    unrecorded: ConfigError | None = None
    unseen: str | None = None

    def tell(self, out: Output) -> None:
        """Interrupted, it is accounted for, and the interruption goes on its way.

        :raises ConfigError: its end could not be recorded; that is told beside an interruption.
        """
        if self.unseen is not None:
            out.note(f"other consoles did not see this going on: {self.unseen}")
        if self.cancelled is not None:
            out.note(account(self.results))
            if self.unrecorded is not None:
                out.note(str(self.unrecorded))
            raise self.cancelled
        if self.unrecorded is not None:
            out.note("it was carried out, and the end of it could not be recorded")
            raise self.unrecorded


async def executed(
    conduct: Conduct,
    plan: Plan,
    core: Core,
    reach: Callable[[str], Transport],
    permit: Permit,
    told: Callable[[Result], None],
    replan: Replan | None = None,
) -> Ended:
    """Carry out a confirmed plan, between the two entries of its record.

    A cancellation does not leave from here: who called finishes what they show of it, and `tell`s. Nor
    does a reader of the results that goes away end it: nobody hears the rest, and it is recorded.

    :param reach: the connection to a host that there is now.
    :raises OSError: the results could not be told; everything was carried out and recorded all the same.
    """
    from console.actions.hands import open_hands

    unheard: OSError | None = None

    def tell(result: Result) -> None:
        nonlocal unheard
        if unheard is None:
            try:
                told(result)
            except OSError as error:  # `… | head`: raised again once all of it is done
                unheard = error

    record = core.audit.begin(plan.line, plan)
    execution = Execution(
        plan,
        lambda host: open_hands(host, partial(reach, host), permit),
        tell,
        conduct,
        replan,
    )
    cancelled: asyncio.CancelledError | None = None
    unrecorded: ConfigError | None = None
    unseen: list[str] = []
    try:
        async with seen_acting(core, record, plan.hosts, unseen.append):
            await execution.run()
    except asyncio.CancelledError as error:
        cancelled = error
    finally:
        results = execution.results
        undo = undo_of(results)
        try:
            core.audit.end(record, INTERRUPTED if cancelled else outcome_of(results), results, undo=undo)
        except ConfigError as error:
            unrecorded = error
    if unheard is not None and cancelled is None:
        raise unheard
    return Ended(record, results, undo, cancelled, unrecorded, "; ".join(unseen) or None)


def in_company(plan: Plan, core: Core) -> Plan:
    """The plan with what others are doing on its hosts just now, for who confirms it to know."""
    if core.memory is None:
        return plan
    notes = [f"{host}: {one.words}, now" for host in plan.hosts for one in core.memory.acting(host)]
    return replace(plan, notes=(*plan.notes, *notes)) if notes else plan


@asynccontextmanager
async def seen_acting(
    core: Core, record: Record, hosts: Iterable[str], unseen: Callable[[str], None]
) -> AsyncIterator[None]:
    """While a change is carried out, every console of the fleet sees by whom; `unseen`: why not."""
    if core.memory is None:
        yield
        return
    line = clean(record.line, _LINE_MAX)
    known = {host.name for host in core.config.hosts}
    said = [
        Acting(host, record.id, record.actor, record.origin, line, record.time)
        for host in hosts
        if host in known
    ]
    async with core.memory.acting_on(said, unseen):
        yield


class _Replan:
    """Plans targets once more that moved on; those that did at the same time, together."""

    def __init__(self, change: Change, core: Core, view: View, out: Output) -> None:
        self._draw = partial(change.draw, core, view, WithoutNotes(out))
        self._lock = asyncio.Lock()
        self._steps: dict[str, Step] | None = {}  # None: nothing was found any more
        self._drawn_at = -inf

    async def __call__(self, step: Step) -> Step | None:
        loop = asyncio.get_running_loop()
        asked = loop.time()
        async with self._lock:
            if self._drawn_at < asked:
                self._drawn_at = loop.time()
                try:
                    self._steps = {one.target: one for one in (await self._draw()).steps}
                except NothingSelected:
                    self._steps = None
            if self._steps is None:
                return step  # it is checked once more, and says itself what is missing
            return self._steps.get(step.target)


def finish(results: tuple[Result, ...]) -> None:
    """:raises Incomplete: not every target came out as intended."""
    bad = [result for result in results if not result.status.good]
    if bad:
        raise Incomplete(f"{len(bad)} of {len(results)} targets did not come out as intended")


def undo_of(results: tuple[Result, ...]) -> tuple[str, ...]:
    """The lines that take back what was done, the last first; each once."""
    lines = [result.undo for result in results if result.status is Outcome.DONE and result.undo]
    return tuple(dict.fromkeys(reversed(lines)))


def account(results: tuple[Result, ...]) -> str:
    """What was done and what was not, in numbers."""
    counts = Counter(result.status for result in results)
    told = ", ".join(f"{counts[status]} {status}" for status in Outcome if counts[status])
    return f"interrupted: {told}"


def unreached(errors: Iterable[HostError]) -> tuple[Refusal, ...]:
    """Selected hosts that a plan can say nothing about."""
    return tuple(Refusal(error.host or "?", "", error.message, Outcome.UNREACHABLE) for error in errors)


def tell_idle(out: Output, idle: Sequence[str]) -> None:
    """Targets for which there is nothing to do; the first of them by name."""
    for one in idle[:_NAMED]:
        out.note(f"nothing to do: {one}")
    if len(idle) > _NAMED:
        out.note(f"nothing to do: {len(idle) - _NAMED} more")
