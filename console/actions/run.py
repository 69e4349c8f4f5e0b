"""Carries out a plan: many hosts side by side, each step checked first, an account whatever happens.

wave 1 ─▶ [step … step]  at most so many at once ─▶ results as they come ─▶ wave 2 …
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.actions.plan import Outcome, Plan, Result, Step, refusals_as_results
from console.errors import Absent, AccessRefused, HostError, Unreachable

if TYPE_CHECKING:
    from console.actions.hands import Hands

#: Steps under way at once, on all hosts and on one.
AT_ONCE = 32
AT_ONCE_A_HOST = 8

OpenHands = Callable[[str], "AbstractAsyncContextManager[Hands]"]

#: Plans a step once more whose target moved on; None where there is nothing left to do.
Replan = Callable[[Step], Awaitable[Step | None]]


@dataclass(frozen=True, slots=True)
class Conduct:
    """How a plan is carried out.

    :param at_once: steps under way at the same time, at most.
    :param waves: how many targets are done by the end of each wave, the last one being all of them.
    :param stop: whether the first step that does not come out as intended ends it.
    """

    at_once: int = AT_ONCE
    waves: tuple[int, ...] = ()
    stop: bool = False


class Execution:
    """One run of one plan. `results` are complete whenever `run` has ended, however it did.

    :param open_hands: opens a host for changes; once a host, with its first step.
    :param told: takes each result as it comes.
    :param replan: where given, a step whose target moved on is planned once more, and then done.
    """

    def __init__(
        self,
        plan: Plan,
        open_hands: OpenHands,
        told: Callable[[Result], None],
        conduct: Conduct | None = None,
        replan: Replan | None = None,
    ) -> None:
        self.plan = plan
        self._open_hands = open_hands
        self._told = told
        self._conduct = conduct or Conduct()
        self._replan = replan
        self._results: dict[int, Result] = {}
        self._refused = refusals_as_results(plan.refused)
        self._began: dict[int, float] = {}
        self._stopped = False

    @property
    def results(self) -> tuple[Result, ...]:
        """One for each step in the plan's order, then the refused targets."""
        done = (self._results[index] for index in range(len(self.plan.steps)) if index in self._results)
        return (*done, *self._refused)

    async def run(self) -> None:
        """Carry it out. Cancelled, it begins nothing more, and `results` tell what was done."""
        for result in self._refused:
            self._told(result)
        try:
            async with _HandsOfHosts(self._open_hands) as hands:
                for wave in self._waves():
                    if self._stopped:
                        break
                    await self._wave(wave, hands)
        finally:
            for index in range(len(self.plan.steps)):
                if index not in self._results:
                    self._note(index, Outcome.SKIPPED, self._why_skipped())

    def _waves(self) -> list[Sequence[int]]:
        ends = [*(end for end in self._conduct.waves if end < len(self.plan.steps)), len(self.plan.steps)]
        return [range(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]

    async def _wave(self, indexes: Sequence[int], hands: _HandsOfHosts) -> None:
        everywhere = asyncio.Semaphore(self._conduct.at_once)
        on_host = {self.plan.steps[index].host: asyncio.Semaphore(AT_ONCE_A_HOST) for index in indexes}

        async def one(index: int) -> None:
            step = self.plan.steps[index]
            async with on_host[step.host], everywhere:
                if not self._stopped:
                    await self._step(index, step, hands)

        async with asyncio.TaskGroup() as group:
            for index in indexes:
                group.create_task(one(index), name=f"step {self.plan.steps[index].target}")
        results = [self._results[index] for index in indexes if index in self._results]
        if self._conduct.waves and any(not result.status.good for result in results):
            self._stopped = True

    async def _step(self, index: int, step: Step, hands: _HandsOfHosts) -> None:
        self._began[index] = time.perf_counter()
        begun = False
        try:
            held = await hands.on(step.host)
            moved = await step.act.check(held)
            if moved and self._replan is not None:
                again = await self._replan(step)
                if again is None:
                    self._note(index, Outcome.DONE, f"nothing left to do: {moved}")
                    return
                step = again
                moved = await step.act.check(held)
            if moved:
                self._note(index, Outcome.REFUSED, moved)
                return
            begun = True
            detail = await step.act.do(held)
        except asyncio.CancelledError:
            if begun:
                self._note(
                    index, Outcome.INTERRUPTED, "begun; what the host was told to do, it goes on doing"
                )
            raise
        except HostError as error:
            self._note(index, _outcome(error, begun=begun), _words(error, begun=begun))
        except Exception as error:
            self._note(index, Outcome.FAILED, f"a fault of Quarterdeck's own: {type(error).__name__}")
            raise
        else:
            self._note(index, Outcome.DONE, detail, step.undo)

    def _note(self, index: int, status: Outcome, detail: str, undo: str | None = None) -> None:
        began = self._began.get(index)
        seconds = round(time.perf_counter() - began, 3) if began is not None else None
        result = Result(self.plan.steps[index].target, status, detail, seconds, undo)
        self._results[index] = result
        if not status.good and self._conduct.stop:
            self._stopped = True
        self._told(result)

    def _why_skipped(self) -> str:
        return "not begun: an earlier one did not come out as intended" if self._stopped else "not begun"


class _HandsOfHosts:
    """Hands on each host, opened with its first step, and all closed together."""

    def __init__(self, open_hands: OpenHands) -> None:
        self._open = open_hands
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ready: dict[str, asyncio.Future[Hands]] = {}
        self._over = asyncio.Event()

    async def __aenter__(self) -> _HandsOfHosts:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        ends = await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        # What a host says when its channels are closed changes no result; a fault of ours is raised.
        for end in ends:
            if isinstance(end, Exception) and not isinstance(end, HostError):
                raise end

    async def on(self, host: str) -> Hands:
        """:raises HostError: the host cannot be opened."""
        if host not in self._tasks:
            self._ready[host] = asyncio.get_running_loop().create_future()
            # A task of its own: hands are closed by who opened them, and steps come and go.
            self._tasks[host] = asyncio.create_task(self._hold(host), name=f"hands on {host}")
        return await asyncio.shield(self._ready[host])

    async def _hold(self, host: str) -> None:
        ready = self._ready[host]
        try:
            async with self._open(host) as hands:
                ready.set_result(hands)
                await self._over.wait()
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)
            ready.exception()  # who waits gets it; where nobody does, nobody misses it


def _outcome(error: HostError, *, begun: bool) -> Outcome:
    match error:
        case Unreachable():
            return Outcome.UNREACHABLE
        case AccessRefused():
            return Outcome.REFUSED
        case Absent() if not begun:
            return Outcome.REFUSED
        case _:
            return Outcome.FAILED


def _words(error: HostError, *, begun: bool) -> str:
    hint = f" ({error.hint})" if error.hint else ""
    unsure = "; whether it was done is not known" if begun and isinstance(error, Unreachable) else ""
    return f"{error.message}{hint}{unsure}"
