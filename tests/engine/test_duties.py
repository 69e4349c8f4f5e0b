"""What an engine does beside placing services: begun with the term, ended with it, and begun anew on a no."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from console.engine import duties
from console.engine.duties import Task
from console.engine.term import Setting, Term
from console.errors import ConfigError, HostFailure, Problem
from tests.engine.one_engine import engine_of, run_until


async def test_a_duty_of_the_leader_has_its_claim_and_its_hosts_and_ends_with_the_engine(
    setting: Setting,
) -> None:
    begun, terms = asyncio.Event(), list[Term]()
    ended: list[bool] = []

    async def look_after_hosts(term: Term) -> None:
        terms.append(term)
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    await run_until(engine_of(setting, duties=(look_after_hosts,)), begun)
    (term,) = terms
    assert term.claim.revision > 0
    assert term.fleet.sessions == {}
    assert term.fleet_id.startswith("f-")
    assert ended == [True]


async def test_what_a_host_refuses_a_duty_is_told_and_it_begins_anew(
    setting: Setting, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duties, "FIRST_S", 0.0)
    twice, tries = asyncio.Event(), list[int]()

    async def look_after_hosts(term: Term) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise HostFailure("it is broken", host="web1")
        twice.set()

    await run_until(engine_of(setting, duties=(look_after_hosts,)), twice)
    assert [line for line in told if "it is broken" in line] == [
        "look after hosts: web1: it is broken; it begins anew in 0 s"
    ]


async def test_a_fault_of_a_duty_ends_theengine_of(setting: Setting) -> None:
    async def fail(term: Term) -> None:
        raise AssertionError("a fault of ours")

    with pytest.raises(BaseExceptionGroup) as ended:
        async with asyncio.timeout(10):
            await engine_of(setting, duties=(fail,)).run()
    assert "a fault of ours" in _words(ended.value)


async def test_a_task_runs_in_an_engine_that_does_not_lead_too(setting: Setting) -> None:
    first, second = asyncio.Event(), asyncio.Event()

    def doing(event: asyncio.Event) -> Task:
        async def serve(setting: Setting) -> None:
            event.set()
            await asyncio.Event().wait()

        return serve

    leads = asyncio.create_task(engine_of(setting, tasks=(doing(first),)).run())
    await first.wait()
    await run_until(engine_of(setting, tasks=(doing(second),)), second)
    leads.cancel()
    await asyncio.wait((leads,))


async def test_a_task_that_cannot_be_done_ends_the_engine_with_its_words(setting: Setting) -> None:
    async def serve(setting: Setting) -> None:
        raise ConfigError((Problem(Path("fleet.toml"), 1, "the port is taken"),))

    with pytest.raises(ConfigError, match="the port is taken"):
        async with asyncio.timeout(10):
            await engine_of(setting, tasks=(serve,)).run()


def _words(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return " ".join(_words(one) for one in error.exceptions)
    return str(error)
