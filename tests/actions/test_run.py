"""A plan carried out: checked, bounded, accounted for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytest

from console.actions.hands import Hands
from console.actions.plan import Outcome, Plan, Refusal, Result, Step
from console.actions.run import AT_ONCE, AT_ONCE_A_HOST, Conduct, Execution
from console.errors import AccessRefused, HostFailure, Unreachable


@dataclass(frozen=True)
class Acting:
    """An act of a test: what it says when checked, and what it does."""

    doing: Callable[[], Awaitable[str]]
    moved: str | None = None

    async def check(self, hands: Hands) -> str | None:
        return self.moved

    async def do(self, hands: Hands) -> str:
        return await self.doing()


async def fine() -> str:
    return "fine"


async def broken() -> str:
    raise HostFailure("it broke", host="h")


def step(
    name: str, doing: Callable[[], Awaitable[str]] = fine, host: str = "h", moved: str | None = None
) -> Step:
    return Step(host, name, "do", "before", "after", Acting(doing, moved), undo=f"undo {name}")


class Hosts:
    """Opens hands that nobody looks at, and counts them."""

    def __init__(self, closed: tuple[str, ...] = ()) -> None:
        self.opened: list[str] = []
        self.held = 0
        self._closed = closed

    @asynccontextmanager
    async def open(self, host: str) -> AsyncIterator[Hands]:
        if host in self._closed:
            raise AccessRefused("sudo: no", host=host)
        self.opened.append(host)
        self.held += 1
        try:
            yield cast("Hands", None)
        finally:
            self.held -= 1


async def run(
    *steps: Step, hosts: Hosts | None = None, **more: Any
) -> tuple[list[Result], tuple[Result, ...]]:
    hosts = hosts or Hosts()
    told: list[Result] = []
    execution = Execution(Plan("line", steps), hosts.open, told.append, **more)
    await execution.run()
    assert hosts.held == 0
    return told, execution.results


async def test_each_step_has_a_result_and_one_that_fails_holds_up_no_other() -> None:
    told, results = await run(step("a"), step("b", broken), step("c"))
    assert [(one.target, one.status) for one in results] == [
        ("h/a", Outcome.DONE), ("h/b", Outcome.FAILED), ("h/c", Outcome.DONE),
    ]  # fmt: skip
    assert {one.target for one in told} == {"h/a", "h/b", "h/c"}
    assert results[1].detail == "it broke"
    assert (results[0].undo, results[1].undo) == ("undo a", None)


async def test_a_target_that_moved_on_is_refused_and_nothing_is_done_to_it() -> None:
    done: list[str] = []

    async def doing() -> str:
        done.append("x")
        return ""

    _, results = await run(step("a", doing, moved="it is gone"), step("b", doing))
    assert [(one.status, one.detail) for one in results] == [
        (Outcome.REFUSED, "it is gone"),
        (Outcome.DONE, ""),
    ]
    assert done == ["x"]


async def test_a_target_that_moved_on_is_planned_once_more_where_that_was_asked_for() -> None:
    async def again(one: Step) -> Step | None:
        return {"a": step("a"), "b": None, "c": step("c", moved="again")}[one.object]

    steps = [step(name, broken, moved="moved") for name in "abc"]
    _, results = await run(*steps, replan=again)
    assert [(one.status, one.detail) for one in results] == [
        (Outcome.DONE, "fine"), (Outcome.DONE, "nothing left to do: moved"), (Outcome.REFUSED, "again"),
    ]  # fmt: skip


async def test_a_host_that_cannot_be_opened_refuses_its_own_steps_only() -> None:
    hosts = Hosts(closed=("x",))
    _, results = await run(step("a", host="x"), step("b", host="x"), step("c", host="y"), hosts=hosts)
    assert [one.status for one in results] == [Outcome.REFUSED, Outcome.REFUSED, Outcome.DONE]
    assert hosts.opened == ["y"]


async def test_a_connection_lost_in_the_middle_leaves_the_outcome_open_and_is_not_tried_again() -> None:
    tries: list[int] = []

    async def lost() -> str:
        tries.append(1)
        raise Unreachable("the connection was lost", host="h")

    _, results = await run(step("a", lost))
    assert results[0].status is Outcome.UNREACHABLE
    assert "not known" in results[0].detail
    assert tries == [1]


async def test_no_more_steps_run_at_once_than_allowed() -> None:
    now = most = 0

    async def counted() -> str:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        now -= 1
        return ""

    await run(*(step(str(n), counted, host=f"h{n}") for n in range(20)), conduct=Conduct(at_once=3))
    assert most == 3
    most = 0
    await run(*(step(str(n), counted) for n in range(20)))
    assert most == AT_ONCE_A_HOST


async def test_a_wave_with_a_failure_is_the_last() -> None:
    steps = [step("a"), step("b", broken), step("c"), step("d")]
    _, results = await run(*steps, conduct=Conduct(waves=(2, 4)))
    assert [one.status for one in results] == [Outcome.DONE, Outcome.FAILED, Outcome.SKIPPED, Outcome.SKIPPED]


async def test_the_first_failure_stops_what_has_not_begun_where_that_was_asked_for() -> None:
    steps = [step("a", broken), *(step(str(n)) for n in range(5))]
    _, results = await run(*steps, conduct=Conduct(at_once=1, stop=True))
    assert [one.status for one in results] == [Outcome.FAILED] + [Outcome.SKIPPED] * 5


async def test_refused_targets_of_the_plan_are_results_too() -> None:
    told: list[Result] = []
    execution = Execution(Plan("line", (), (Refusal("h", "x", "masked"),)), Hosts().open, told.append)
    await execution.run()
    assert [(one.target, one.status, one.detail) for one in told] == [("h/x", Outcome.REFUSED, "masked")]


async def test_an_interruption_leaves_an_exact_account_and_no_hand_on_any_host() -> None:
    begun = asyncio.Event()

    async def forever() -> str:
        begun.set()
        await asyncio.Event().wait()
        return ""

    hosts = Hosts()
    steps = (step("done"), step("stuck", forever, host="other"), step("later", host="other"))
    told: list[Result] = []
    execution = Execution(Plan("line", steps), hosts.open, told.append, Conduct(at_once=1))
    running = asyncio.create_task(execution.run())
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [one.status for one in execution.results] == [Outcome.DONE, Outcome.INTERRUPTED, Outcome.SKIPPED]
    assert hosts.held == 0
    assert len(told) == 3


async def test_a_fault_of_ours_is_raised_and_still_accounted_for() -> None:
    async def bug() -> str:
        raise ZeroDivisionError

    execution = Execution(Plan("line", (step("a", bug),)), Hosts().open, lambda result: None)
    with pytest.raises(ExceptionGroup):
        await execution.run()
    assert execution.results[0].status is Outcome.FAILED


async def test_hands_that_cannot_be_opened_by_a_fault_of_ours_hold_nobody_up() -> None:
    def broken_open(host: str) -> Any:
        raise ZeroDivisionError

    execution = Execution(Plan("line", (step("a"),)), broken_open, lambda result: None)
    with pytest.raises(ExceptionGroup):
        async with asyncio.timeout(5):
            await execution.run()
    assert execution.results[0].status is Outcome.FAILED


async def test_ten_thousand_targets_are_all_done_a_few_at_a_time() -> None:
    under_way, most = 0, 0

    async def counted() -> str:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return ""

    hosts = Hosts()
    steps = [step(f"u{unit}", counted, host=f"h{host}") for host in range(100) for unit in range(100)]
    told, results = await run(*steps, hosts=hosts)
    assert [result.target for result in results] == [one.target for one in steps]
    assert {result.status for result in results} == {Outcome.DONE}
    assert len(told) == 10_000
    assert (sorted(set(hosts.opened)), len(hosts.opened)) == (sorted(f"h{n}" for n in range(100)), 100)
    assert 1 < most <= AT_ONCE
    assert hosts.held == 0
