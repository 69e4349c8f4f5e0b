"""Keys on the page of a rollout over 1,000 hosts, of which 200 a second go on to their next stage.

A process of its own writes the stages to a real etcd as who carries a rollout out does; the page follows them
by its watch, as any console. A key's latency is from the event to the first write to the terminal after its
action was carried out; the alternative is the same page of a rollout in which nothing happens. Beside each
time stands the CPU time that was ours in it: the rest was spent waiting for a processor, or for the next
frame.

python -m tests.bench rollout_screen
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from textual import events

from console.fleet.collector import only_the_young
from console.model.config import EtcdConfig
from console.rollouts import host_course
from console.rollouts.course import End, Progress
from console.rollouts.records import progress_bytes, rollout_bytes
from console.store.client import Etcd, open_etcd
from console.store.schema import Keys
from console.store.values import Put
from console.tui.app import QuarterdeckApp
from console.tui.views import Kind, View
from console.tui.widgets.wave_field import WaveField
from tests.bench.bench_terminal import KEYS, KeySink
from tests.bench.screens import Sink, beating, quiet
from tests.store.cluster import ETCD, running_cluster
from tests.tui.remembering import LIVE, FakeRemembering
from tests.tui.rollouts import ID, WebFleet, rollout
from tests.tui.small_fleet import app_on

_HOSTS, _A_SECOND, _BATCHES = 1_000, 200, 10
_KEY_EVERY_S = 0.11
_LOADED_S, _IDLE_S = 0.050, 0.016


_move = WaveField.move


def _moved(field: WaveField, to: int) -> None:
    _move(field, to)
    KEYS.acted = True


def _progress(stage: int) -> Progress:
    """How far a target is in its so many-th stage; it is done after the last, and begins anew."""
    names = [each.name for each in host_course.COURSE.stages[:11]]
    at = stage % (len(names) + 1)
    end = End.DONE if at == len(names) else None
    trail = tuple((name, datetime.now(UTC)) for name in names[: at + 1])
    return Progress(
        names[min(at, len(names) - 1)], datetime.now(UTC), end, waiting="it does not answer", trail=trail
    )


async def _write(endpoint: str) -> None:
    """Have targets go on, until killed."""
    async with open_etcd(EtcdConfig((endpoint,))) as etcd:
        keys, stages = Keys(etcd.prefix), [0] * _HOSTS
        chance = random.Random(5)
        due = time.monotonic()
        while True:
            names = chance.sample(range(_HOSTS), _A_SECOND // _BATCHES)
            for number in names:
                stages[number] += 1
                key = keys.rollout_target(ID, f"web{number + 1}")
                await etcd.write([Put(key, progress_bytes(_progress(stages[number])))])
            due = max(due + 1 / _BATCHES, time.monotonic())
            await asyncio.sleep(due - time.monotonic())


async def _press(app: QuarterdeckApp, seconds: float) -> None:
    chance = random.Random(3)
    end = time.perf_counter() + seconds
    pressed = 0
    while time.perf_counter() < end:
        KEYS.press()
        key = "right" if pressed // 100 % 2 == 0 else "left"
        app.post_message(events.Key(key, None))
        pressed += 1
        await asyncio.sleep(_KEY_EVERY_S * chance.uniform(0.7, 1.3))
        async with asyncio.timeout(10):
            await KEYS.seen.wait()


async def _phase(app: QuarterdeckApp, name: str, seconds: float) -> dict[str, float]:
    KEYS.clear()
    found = {}
    async with beating() as beat:
        cpu, start = time.process_time(), time.perf_counter()
        await _press(app, seconds)
        taken = time.perf_counter() - start
        found[f"{name}: CPU, %"] = 100 * (time.process_time() - cpu) / taken
        found[f"{name}: longest stall, ms of CPU"] = 1000 * beat.longest_cpu
    for what, taken_by in (("ms", KEYS.latencies), ("ms of CPU", KEYS.cpu)):
        found[f"{name}: key -> paint p50, {what}"] = 1000 * statistics.median(taken_by)
        found[f"{name}: key -> paint p95, {what}"] = 1000 * statistics.quantiles(taken_by, n=20)[18]
    return found


def _app(etcd: Etcd) -> QuarterdeckApp:
    memory = FakeRemembering()
    memory.memory = SimpleNamespace(etcd=etcd, keys=Keys(etcd.prefix), status=LIVE)
    app = app_on(WebFleet(_HOSTS), remembering=cast("Any", memory))
    app.driver_class = KeySink
    return app


def run(seconds: float = 20, idle_s: float = 8) -> dict[str, object]:
    """The page while nothing happens, and under load, against the terminal's limits."""
    if ETCD is None:
        return {}
    found: dict[str, object] = {}
    WaveField.move = _moved  # type: ignore[assignment,method-assign]  # the page makes its own
    folder = Path(tempfile.mkdtemp(prefix="qd-bench-"))
    with asyncio.Runner() as runner:
        running = running_cluster(folder)
        cluster = runner.run(running.__aenter__())
        try:
            with only_the_young():
                found |= _measured(cluster.members[0].url, seconds, idle_s)
        finally:
            WaveField.move = _move  # type: ignore[method-assign]
            runner.run(running.__aexit__(None, None, None))
    found["load average of the machine, as it ended"] = os.getloadavg()[0]
    return found


def _measured(endpoint: str, seconds: float, idle_s: float) -> dict[str, object]:
    found: dict[str, object] = {}

    async def measure() -> None:
        async with open_etcd(EtcdConfig((endpoint,))) as etcd:
            await etcd.write([Put(Keys(etcd.prefix).rollout(ID), rollout_bytes(rollout(count=_HOSTS)))])
            app = _app(etcd)

            async def work(pilot: Any) -> None:
                try:
                    found.update(await _both(app, endpoint, seconds, idle_s))
                finally:
                    app.exit()

            await app.run_async(size=(160, 50), auto_pilot=work)

    asyncio.run(measure())
    for name, limit in (("loaded", _LOADED_S), ("idle", _IDLE_S)):
        key = f"{name}: key -> paint p95, ms"
        value = found[key]
        assert isinstance(value, float)
        found[f"{key}: at most {1000 * limit:.0f}"] = "yes" if value <= 1000 * limit else "NO"
    return found


async def _both(app: QuarterdeckApp, endpoint: str, seconds: float, idle_s: float) -> dict[str, float]:
    while app.main.shown is None:  # noqa: ASYNC110 - no event tells that it is there
        await asyncio.sleep(0.01)
    app.main.show(View(Kind.ROLLOUT, rollout=ID))
    await asyncio.sleep(0.5)
    await quiet()
    found = await _phase(app, "idle", idle_s)
    argv = (sys.executable, "-m", "tests.bench.bench_rollout_screen", "--write", endpoint)
    writer = await asyncio.create_subprocess_exec(*argv)
    try:
        await asyncio.sleep(3)
        before = Sink.writes
        found |= await _phase(app, "loaded", seconds)
        found["loaded: writes/s"] = (Sink.writes - before) / seconds
    finally:
        writer.kill()
        await writer.wait()
    return found


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        asyncio.run(_write(sys.argv[2]))
    else:
        for key, value in run().items():
            print(f"{key:<60} {value:.4g}" if isinstance(value, float) else f"{key:<60} {value}")
