"""What an engine tells of itself to Prometheus, in its text format, for whoever asks over HTTP.

prometheus_client writes it, and knows of the process itself (CPU, memory, open files).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, TypeVar

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from console import __version__
from console.actions.plan import Outcome
from console.engine.tally import Role, Spread
from console.engine.web import Reply, Request, serve
from console.placement.candidate import Standing
from console.placement.reconcile import Phase

if TYPE_CHECKING:
    from console.engine.duties import Task
    from console.engine.term import Setting

#: How late a sleep of so many seconds ends is how long the event loop did not go round.
_LOOK_S = 0.5

_W = TypeVar("_W", Phase, Standing)


def metrics_at(address: tuple[str, int], bound: Callable[[tuple[str, int]], None]) -> Task:
    """The task of an engine that answers `GET /metrics` at an address and port.

    :param bound: takes where it listens.
    """

    async def serve_metrics(setting: Setting) -> None:
        registry = CollectorRegistry()
        registry.register(EngineCollector(setting))
        ProcessCollector(registry=registry)
        async with asyncio.TaskGroup() as group:
            group.create_task(_feel(setting.tally.stalls), name="engine: stalls")
            group.create_task(serve(address, partial(_answer, registry), bound), name="engine: metrics")

    return serve_metrics


async def _answer(registry: CollectorRegistry, request: Request) -> Reply:
    if request.path != "/metrics":
        return Reply(404, b"it is /metrics\n")
    if request.method not in ("GET", "HEAD"):
        return Reply(405, b"GET alone\n", headers={"allow": "GET, HEAD"})
    return Reply(200, generate_latest(registry), CONTENT_TYPE_LATEST)


async def _feel(stalls: Spread) -> None:
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        await asyncio.sleep(_LOOK_S)
        stalls.take(max(0.0, loop.time() - began - _LOOK_S))


class EngineCollector(Collector):
    """An engine's tally in Prometheus' words. What is known to the leader alone, only the leader tells."""

    def __init__(self, setting: Setting) -> None:
        self._tally = setting.tally
        self._health = setting.memory.etcd.health

    def collect(self) -> Iterable[Metric]:
        tally = self._tally
        about = {"version": __version__}
        yield InfoMetricFamily("quarterdeck_engine", "The engine's program.", about)
        leads = tally.role is Role.LEADS
        yield GaugeMetricFamily("quarterdeck_engine_leader", "Whether this engine leads.", float(leads))
        yield CounterMetricFamily(
            "quarterdeck_engine_elections", "How often this engine became the leader.", tally.elected
        )
        if tally.report is not None:
            report = tally.report
            phases = Counter(one.phase for one in report.conditions)
            phases[Phase.PENDING] += len(report.pending)
            yield _counted("quarterdeck_instances", "Instances, by their state.", "state", Phase, phases)
            standings = Counter(report.standing.values())
            yield _counted(
                "quarterdeck_hosts", "Hosts, by how they stand to placement.", "standing", Standing, standings
            )
            yield GaugeMetricFamily(
                "quarterdeck_brake", "Whether nothing is moved or stopped now.", float(tally.braked)
            )
        changes = CounterMetricFamily(
            "quarterdeck_host_changes", "Changes of hosts, by how they ended.", labels=("outcome",)
        )
        for outcome in Outcome:
            changes.add_metric((outcome.value,), tally.changes[outcome])
        yield changes
        yield _spread("quarterdeck_reconcile_seconds", "Seconds a look at everything took.", tally.looks)
        yield _spread(
            "quarterdeck_loop_stall_seconds", "Seconds the event loop did not go round.", tally.stalls
        )
        if (latency := self._health.latency) is not None:
            yield GaugeMetricFamily(
                "quarterdeck_etcd_latency_seconds",
                "Seconds etcd took for the last read of a quorum.",
                latency,
            )


def _counted(name: str, text: str, label: str, words: Iterable[_W], counts: Mapping[_W, int]) -> Metric:
    found = GaugeMetricFamily(name, text, labels=(label,))
    for word in words:
        found.add_metric((word.value,), counts.get(word, 0))
    return found


def _spread(name: str, text: str, spread: Spread) -> Metric:
    bounds = [*(f"{bound:g}" for bound in spread.bounds), "+Inf"]
    buckets = list(zip(bounds, map(float, accumulate(spread.counts)), strict=True))
    return HistogramMetricFamily(name, text, buckets=buckets, sum_value=spread.sum)
