"""`macro run`: a macro from its file to the account of what was done.

    expand ─▶ plan of every write ─▶ confirm, once ─▶ step by step, each planned anew ─▶ record

Each step is run as its own line would be, with a record that is part of the macro's.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from console.actions.audit import DONE, FAILED, INTERRUPTED
from console.actions.plan import Outcome, Plan, Result
from console.commands.change import Planned, permit_for
from console.commands.command import Command, Recall, argument, option
from console.commands.confirm import Challenge, challenge
from console.commands.everything import core_registry
from console.commands.grammar import format_command
from console.commands.hearing import Gathering, Hearing
from console.commands.macro.parameters import SETTING
from console.commands.macro.statements import Assertion, Wait
from console.commands.rows.change import PLAN
from console.commands.rows.macro import STEP, StepRan
from console.commands.undo import AuditUndo
from console.commands.values import INTEGER
from console.errors import HostError, Incomplete, QuarterdeckError, Refused, UsageError

if TYPE_CHECKING:
    from console.commands.core import Core
    from console.commands.macro.expand import Script, Step
    from console.commands.macro.parts import Parts
    from console.commands.output import Output


@dataclass(frozen=True)
class MacroRun(Command):
    """Run a macro: a named list of lines, or a file of them.

    All of it is understood before its first step, and what it writes is confirmed once. With
    `--plan` the plans of all its steps are shown, against the fleet as it is now, and nothing is
    done. A macro that only reads runs on a read-only console too; one that writes is refused there.
    With `-o json` there is one array: an object for each step, with what it gave in `output`.
    """

    words = ("macro", "run")
    recall = Recall.MAY_WRITE
    aliases = (("run",),)
    macro: str = argument("MACRO", "a macro's name, or the path of its file", required=True)
    set_: tuple[str, ...] = option(SETTING, "a parameter's value (again for more)", many=True)
    from_: int | None = option(INTEGER, "begin with this step, counted from 1")

    async def run(self, core: Core, out: Output) -> None:
        script = self._script(core)
        first = 1 if self.from_ is None else self.from_
        if not 1 <= first <= len(script.steps):
            raise UsageError(f"--from: it has {len(script.steps)} steps")
        if core.options.plan:
            await _show_plans(script, first, core, out)
            return
        line = format_command(self)
        if not any(step.writes for step in script.steps[first - 1 :]):
            await _Run(self, script, first, core, out, None).run()
            return
        permit_for(core, line)
        plan = Plan(line, ())
        if not core.options.yes:
            plan = _whole(line, [plan async for plan in _plans(script, first, core, out)])
            await _confirmed(core, plan, sum(step.writes for step in script.steps[first - 1 :]))
        from console.commands.macro.parts import Parts

        await _Run(self, script, first, core, out, Parts(core.audit, line, plan)).run()

    def _script(self, core: Core) -> Script:
        from console.commands.macro.expand import expand
        from console.commands.macro.file import load_macro
        from console.commands.macro.library import find_macro, macro_folders

        folders = macro_folders(core)
        macro = load_macro(find_macro(self.macro, folders))
        return expand(macro, self.set_, core_registry(), folders)


# -- plans ----------------------------------------------------------------------------------


async def _show_plans(script: Script, first: int, core: Core, out: Output) -> None:
    with out.listing(PLAN) as add:
        async for plan in _plans(script, first, core, out):
            add(plan)


async def _plans(script: Script, first: int, core: Core, out: Output) -> AsyncIterator[Plan]:
    """A plan for each step. What a step after a write will find, nobody knows: its plan is of now.

    :raises QuarterdeckError: the first thing that it does cannot be planned.
    """
    surely = True
    for step in script.steps[first - 1 :]:
        if not isinstance(step.what, Planned):
            note = "writes; it has no plan" if step.writes else "changes nothing"
            yield Plan(step.line, (), notes=(note,))
            surely = False
            continue
        try:
            plan = await step.what.planned(core, out)
            yield plan if surely else replace(plan, notes=(*plan.notes, _AS_OF_NOW))
        except QuarterdeckError as error:
            if surely or isinstance(error, UsageError):
                raise
            yield Plan(step.line, (), notes=(f"cannot be planned now: {error}",))
        surely = False


_AS_OF_NOW = "planned against the fleet as it is now, before the steps ahead of it"


def _whole(line: str, plans: Iterable[Plan]) -> Plan:
    """The plans of all steps as one, to be confirmed as one."""
    plans = list(plans)
    return Plan(
        line,
        tuple(step for plan in plans for step in plan.steps),
        tuple(refusal for plan in plans for refusal in plan.refused),
        tuple(dict.fromkeys(note for plan in plans if plan.steps or plan.refused for note in plan.notes)),
        any(plan.grave for plan in plans),
    )


async def _confirmed(core: Core, plan: Plan, writes: int) -> None:
    """:raises Refused: the answer was not the one that means yes; that is recorded."""
    assert core.confirm is not None
    if plan.steps:
        asked = challenge(plan, core.config.name, [host.name for host in core.config.hosts])
    else:
        lines = f"{writes} lines that write" if writes > 1 else "one line that writes"
        asked = Challenge(f"{lines}, with nothing to do as things are now: y", "y")
    if not await core.confirm(plan, asked):
        core.audit.refused(plan.line, "not confirmed", plan)
        raise Refused("not confirmed: nothing was done")


# -- the run --------------------------------------------------------------------------------


@dataclass
class _Ran:
    """A line on its way."""

    heard: Hearing
    status: Outcome = Outcome.DONE
    detail: str = ""

    def failed(self, why: str) -> None:
        self.status, self.detail = Outcome.FAILED, why


class _Run:
    """One run of one script.

    :param parts: the macro's record, for those that write.
    """

    def __init__(
        self, command: MacroRun, script: Script, first: int, core: Core, out: Output, parts: Parts | None
    ) -> None:
        self._command = command
        self._script = script
        self._first = first
        self._core = core
        self._out = out
        self._parts = parts
        self._results: list[Result] = []
        #: Takes what each step gave, as data; None where people read it as it comes.
        self._tell: Callable[[StepRan], None] | None = None
        self._failure: QuarterdeckError | None = None

    async def run(self) -> None:
        """:raises QuarterdeckError: the first failure, in the words of the command that failed."""
        if self._core.options.output == "table":
            await self._run()
            return
        fault: BaseException | None = None
        # Scripts get one array of the steps, whole whatever became of them.
        with self._out.listing(STEP) as self._tell:
            try:
                await self._run()
            except (QuarterdeckError, asyncio.CancelledError) as error:
                fault = error
        if fault is not None:
            raise fault

    async def _run(self) -> None:
        inside = self._inside()
        try:
            for number, step in enumerate(self._script.steps[self._first - 1 :], self._first):
                failure = await self._one(number, step, inside)
                if failure is None or step.on_error == "continue":
                    continue
                if step.on_error == "undo":
                    await self._undo(inside)
                break
        except asyncio.CancelledError:
            self._end(INTERRUPTED)
            self._out.note(f"interrupted: {self._account()}")
            raise
        except BaseException:
            self._end(FAILED)
            raise
        self._end(FAILED if self._failure else DONE)
        if self._failure:
            self._out.note(f"{self._script.macro.title}: {self._account()}")
            raise self._failure

    def _inside(self) -> Core:
        """The core that the steps work with: confirmed already, their records parts of ours."""
        core = self._core
        if core.options.plan or self._parts is None:
            return core
        inside = copy.copy(core)
        inside.options = replace(core.options, yes=True)
        inside.audit = self._parts
        inside.links = core.links  # shared, so that what is typed to log in is typed once
        return inside

    async def _one(self, number: int, step: Step, core: Core) -> QuarterdeckError | None:
        """Run one step; what went wrong with it, if anything did."""
        self._out.note(f"[{number}/{len(self._script.steps)}] {step.line}")
        with self._told(f"step {number}: ", step.line) as ran:
            try:
                await self._do(step, core, ran.heard)
            except QuarterdeckError as error:
                ran.failed(f"{error} ({step.place})")
                self._failure = self._failure or error
                if step.on_error == "continue" and not isinstance(error, Incomplete):
                    self._out.note(f"it goes on: {error}")
                return error
        return None

    async def _do(self, step: Step, core: Core, heard: Hearing) -> None:
        match step.what:
            case Wait(seconds=seconds):
                await asyncio.sleep(seconds)
            case Assertion() as assertion:
                from console.commands.macro.asserting import hold

                await hold(assertion, core)
            case command:
                await command.run(core, heard)
                if heard.failures:
                    raise Incomplete(f"{step.line}: {_counted(heard.failures)}")

    async def _undo(self, core: Core) -> None:
        """Take back what was done, the last first; what cannot be is told."""
        parts = self._parts
        if parts is None or not parts.way_back:
            self._out.note("there is nothing to take back")
            return
        parts.going_back()
        for part in parts.way_back:
            line = f"audit undo {part}"
            self._out.note(f"[undo] {line}")
            with self._told("", line) as ran:
                try:
                    await AuditUndo(id=part).run(core, ran.heard)
                except QuarterdeckError as error:
                    ran.failed(str(error))
                    self._out.note(f"not taken back: {error}")
                else:
                    parts.taken_back(part)

    @contextmanager
    def _told(self, prefix: str, line: str) -> Iterator[_Ran]:
        """Note what becomes of a line, however it ends: for the record, and for scripts."""
        heard = Hearing(self._out) if self._tell is None else Gathering(self._out)
        ran = _Ran(heard)
        began = time.perf_counter()
        try:
            yield ran
        except asyncio.CancelledError:
            ran.status = Outcome.INTERRUPTED
            raise
        except BaseException as error:
            ran.failed(f"a fault of Quarterdeck's own: {type(error).__name__}")
            raise
        finally:
            seconds = round(time.perf_counter() - began, 3)
            self._results.append(Result(f"{prefix}{line}", ran.status, ran.detail, seconds))
            if self._tell is not None and isinstance(heard, Gathering):
                self._tell(StepRan(line, ran.status, ran.detail, seconds, heard.data))

    def _end(self, outcome: str) -> None:
        reached = self._first + sum(result.target.startswith("step ") for result in self._results)
        for number, step in enumerate(self._script.steps[reached - 1 :], reached):
            self._results.append(Result(f"step {number}: {step.line}", Outcome.SKIPPED, "not begun"))
        if self._parts is not None:
            self._parts.close(outcome, self._results)

    def _account(self) -> str:
        """What was done and what was not, and how to go on."""
        steps = [result for result in self._results if result.target.startswith("step ")]
        done = sum(result.status.good for result in steps)
        told = f"{done} of {len(steps)} steps done"
        bad = next((at for at, result in enumerate(steps) if not result.status.good), None)
        if bad is None:
            return told
        number = self._first + bad
        told += f"; step {number} {steps[bad].status}"
        stopped = all(result.status is Outcome.SKIPPED for result in steps[bad + 1 :])
        if stopped and len(steps) == len(self._results):  # and nothing was taken back
            again = format_command(replace(self._command, from_=number))
            told += f"; to go on with it: quarterdeck {again}"
        return told


def _counted(failures: list[HostError]) -> str:
    if len(failures) == 1:
        return str(failures[0])
    return f"{len(failures)} targets could not be asked"
