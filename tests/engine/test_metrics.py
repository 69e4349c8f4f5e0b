"""What an engine tells Prometheus, as Prometheus' own reader takes it."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client.parser import text_string_to_metric_families

from console.actions.plan import Outcome
from console.engine.metrics import metrics_at
from console.engine.reporting import Report
from console.engine.tally import Role, Spread
from console.engine.term import Setting
from console.placement.candidate import Standing
from console.placement.outcome import Pending
from console.placement.reconcile import Condition, Phase
from tests.engine.one_engine import engine_of
from tests.lab.waiting import until

Samples = dict[tuple[str, str], float]


async def scraped(address: tuple[str, int]) -> str:
    """What is told there now."""

    def ask() -> str:
        with urllib.request.urlopen(f"http://{address[0]}:{address[1]}/metrics", timeout=5) as answer:
            told: str = answer.read().decode()
            return told

    return await asyncio.to_thread(ask)


def samples(text: str) -> Samples:
    """By name, and its labels but for `le`."""
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@asynccontextmanager
async def telling(setting: Setting) -> AsyncIterator[tuple[str, int]]:
    """Where it is told what `setting` counts, by no engine."""
    bound: asyncio.Future[tuple[str, int]] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(metrics_at(("127.0.0.1", 0), bound.set_result)(setting))
    yield await bound
    task.cancel()
    await asyncio.wait((task,))


@asynccontextmanager
async def leading(setting: Setting) -> AsyncIterator[tuple[str, int]]:
    """Where an engine tells that leads, and has looked at everything once."""
    bound: asyncio.Future[tuple[str, int]] = asyncio.get_running_loop().create_future()
    engine = engine_of(setting, tasks=(metrics_at(("127.0.0.1", 0), bound.set_result),))
    task = asyncio.create_task(engine.run())
    await until(lambda: setting.tally.report is not None, "it has looked at everything")
    yield await bound
    task.cancel()
    await asyncio.wait((task,))


async def test_a_leader_tells_of_itself(setting: Setting) -> None:
    async with leading(setting) as address:
        found = samples(await scraped(address))
    assert found["quarterdeck_engine_leader", ""] == 1
    assert found["quarterdeck_engine_elections_total", ""] == 1
    assert found["quarterdeck_brake", ""] == 0
    assert found["quarterdeck_instances", "running"] == 0
    looks = found["quarterdeck_reconcile_seconds_count", ""]
    assert looks >= 1
    assert found["quarterdeck_reconcile_seconds_bucket", "+Inf"] == looks
    assert found["process_cpu_seconds_total", ""] > 0
    assert found["process_resident_memory_bytes", ""] > 1e6


async def test_a_fleet_is_told_by_states_each_of_them_also_where_there_is_none(setting: Setting) -> None:
    setting.tally.report = Report(
        {"h1": Standing.LIVE, "h2": Standing.LOST},
        (Condition("a.service", "a.service", "h1", Phase.RUNNING, ""),),
        (Pending("b.service", "b.service", None, (("apart", 2),)),),
    )
    setting.tally.braked = True
    setting.tally.changes[Outcome.DONE] += 2
    async with telling(setting) as address:
        found = samples(await scraped(address))
    assert found["quarterdeck_instances", "running"] == found["quarterdeck_instances", "pending"] == 1
    assert found["quarterdeck_instances", "failed"] == 0
    assert found["quarterdeck_hosts", "live"] == found["quarterdeck_hosts", "lost"] == 1
    assert found["quarterdeck_brake", ""] == 1
    assert found["quarterdeck_host_changes_total", "done"] == 2
    assert found["quarterdeck_host_changes_total", "failed"] == 0


async def test_an_engine_that_does_not_lead_tells_nothing_of_the_fleet(setting: Setting) -> None:
    setting.tally.role = Role.STANDS_BY
    async with telling(setting) as address:
        found = samples(await scraped(address))
    assert found["quarterdeck_engine_leader", ""] == 0
    assert not [name for name, _ in found if name in ("quarterdeck_instances", "quarterdeck_hosts")]


def test_a_spread_counts_what_took_no_longer_than_its_bound() -> None:
    spread = Spread(0.1, 1)
    for seconds in (0.05, 0.1, 0.5, 3):
        spread.take(seconds)
    assert spread.counts == [2, 1, 1]
    assert spread.sum == pytest.approx(3.65)
