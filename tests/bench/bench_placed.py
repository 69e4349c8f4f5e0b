"""One engine on simulated hosts and a real etcd: 500 hosts and 5,000 instances, through churn.

Services of 200 instances each are submitted at once. Then hosts change by themselves, a twentieth of them die
and as many hang, one service is scaled and another gets a new revision, every connection drops, and the hosts
come back. At its end every host is asked: each instance runs where it is placed, and nothing runs elsewhere;
where that is not so, this bench fails. The engine is a process of its own, and how late its loop was is told
by its own timer. The simulated hosts, etcd and the engine share the machine.

There is no alternative to measure beside it: fleet needs an agent on each host.

$QUARTERDECK_BENCH_PLACED is how many hosts, 500 by default.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from console.fleet.loop import fair_loop
from console.lab.sim.plan import SimPlan
from tests.sim.placed_fleet import PlacedFleet, placed_fleet
from tests.store.cluster import ETCD, ETCDCTL

_EACH, _A_HOST = 200, 10
_CHURN_A_HOST = 0.04
#: Longer than an engine waits for a host before it gives it up. Seconds.
_AWAY_S = 30
_WITHIN_S = 240.0


async def _through_churn(fleet: PlacedFleet, hosts: int, names: list[str]) -> dict[str, object]:
    now = time.perf_counter
    count = len(names) * _EACH
    began = now()
    for name in names:
        await fleet.submit(name, _EACH)
    submitted = now() - began
    await fleet.until_running(count, _WITHIN_S)
    running = now() - began

    away = [f"sim-{number:04}" for number in range(1, hosts // 10 + 1)]
    dead, hung = away[::2], away[1::2]
    moved = sum(host in away for _, host in await fleet.placed())
    began = now()
    fleet.befall(f'do = "die"\nhosts = {dead}\nfor = {_AWAY_S}')
    fleet.befall(f'do = "hang"\nhosts = {hung}\nfor = {_AWAY_S}')
    await fleet.scale(names[0], _EACH + 10)
    await fleet.submit(names[-1], _EACH, "second")
    await fleet.until_placed_off(away, _WITHIN_S)
    placed_off = now() - began
    await fleet.until_running(count + 10, _WITHIN_S)
    elsewhere = now() - began

    began = now()
    fleet.befall('do = "drop"')
    await fleet.scale(names[0], _EACH - 10)
    await fleet.until_as_placed(_WITHIN_S)
    assert len(await fleet.placed()) == count - 10
    return {
        "hosts": hosts,
        "instances": count,
        "submitted within, s": submitted,
        "all run after, s": running,
        "hosts that die or hang": len(away),
        "instances on them": moved,
        "lost until placed elsewhere, s": placed_off,
        "lost until all run, s": elsewhere,
        "all connections drop, until every host has what it should, s": now() - began,
    }


async def _measured(folder: Path, hosts: int) -> dict[str, object]:
    names = [f"load{number}@.service" for number in range(hosts * _A_HOST // _EACH)]
    plan = SimPlan(hosts, units=100, containers=0, churn=_CHURN_A_HOST * hosts)
    engine: dict[str, object] = {}
    async with placed_fleet(folder, plan, engine.update) as fleet:
        found = await _through_churn(fleet, hosts, names)
    return found | {f"engine: {key}": value for key, value in engine.items()}


def run() -> dict[str, object]:
    """All of it once."""
    if ETCD is None or ETCDCTL is None:
        print("   left out: no etcd", file=sys.stderr)
        return {}
    hosts = int(os.environ.get("QUARTERDECK_BENCH_PLACED", "500"))
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=fair_loop) as runner:
        return runner.run(_measured(Path(folder), hosts))
