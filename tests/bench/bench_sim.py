"""The fleet at size, on simulated hosts: cold, idle, and while it changes; and what the simulator costs.

One client process against `lab sim` on the same machine, so that walls include the simulator's own work.
The sizes are those of $QUARTERDECK_BENCH_HOSTS, `1,10,100,500,1000` by default; then a hundred hosts with
fewer and with more units each. What befalls many hosts at once is measured on the screen, by `mass`.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from console.fleet.config import load_config
from console.fleet.fleet import Fleet, open_fleet
from console.fleet.loop import fair_loop
from console.hosts.links import Links
from console.lab.sim.fleet import Running, SimFleet
from console.lab.sim.plan import SimPlan
from console.model.host import Host
from console.model.state import State
from console.model.wants import Wants

_UNITS, _CONTAINERS, _SEED = 200, 20, 7
_SETTLES_WITHIN = 300.0
_IDLE_S = 20.0
#: Changes a second on one host while the fleet changes.
_CHURN_A_HOST = 0.04
_TICK_S = 0.01
#: Growth with units: so many hosts, with so many units each; at the usual number they are measured anyway.
_GROWTH_HOSTS, _GROWTH_UNITS = 100, (50, 800)


def sizes() -> list[int]:
    return [int(word) for word in os.environ.get("QUARTERDECK_BENCH_HOSTS", "1,10,100,500,1000").split(",")]


class Stalls:
    """How late the loop's own timer is, again and again."""

    def __init__(self) -> None:
        self.late: list[float] = []

    async def watch(self) -> None:
        now = asyncio.get_running_loop().time
        while True:
            began = now()
            await asyncio.sleep(_TICK_S)
            self.late.append(now() - began - _TICK_S)

    def share(self, of: float) -> float:
        return 1000 * sorted(self.late)[int(of * (len(self.late) - 1))] if self.late else 0.0


def _cpu_of(pids: Sequence[int]) -> float:
    """CPU seconds of processes."""
    ticks = os.sysconf("SC_CLK_TCK")
    found = 0.0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        found += (int(fields[11]) + int(fields[12])) / ticks
    return found


def _memory_of(pids: Sequence[int]) -> float:
    """Resident memory of processes, in MB."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _whole(host: Host) -> bool:
    """Whether all of a host is known."""
    return all(status.state in (State.LIVE, State.ABSENT) for status in (host.status, *host.sources.values()))


async def _cold(fleet: Fleet, began: float, hosts: int) -> dict[str, float]:
    """From connecting until every source of every host has been heard."""
    now = time.perf_counter

    async def known(count: int) -> float:
        """When so many hosts are known as a whole, in seconds from the beginning."""
        async with asyncio.timeout(_SETTLES_WITHIN):
            while sum(map(_whole, fleet.model.hosts())) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return now() - began

    first = asyncio.create_task(known(min(10, hosts)))
    missed = await fleet.settled(_SETTLES_WITHIN)
    return {
        "cold: first ten hosts whole, s": await first,
        "cold: wall, s": await known(hosts),
        "cold: hosts reached at a second try": float(len(missed)),
    }


async def _span(seconds: float) -> dict[str, float]:
    """The client's CPU and its loop's stalls over a while."""
    stalls = Stalls()
    watch = asyncio.create_task(stalls.watch())
    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    used = (time.process_time() - cpu) / (time.perf_counter() - began)
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch
    return {
        "CPU, % of a core": 100 * used,
        "loop late p99, ms": stalls.share(0.99),
        "loop late at worst, ms": stalls.share(1.0),
    }


def _named(name: str, found: dict[str, float]) -> dict[str, float]:
    return {f"{name}: {key}": value for key, value in found.items()}


async def _one(plan: SimPlan, folder: Path) -> dict[str, float]:
    began = time.perf_counter()
    async with SimFleet(folder, plan, lambda line: None).running() as running:
        up = time.perf_counter() - began
        told = await _against(running, plan.hosts, "churn" if plan.churn else "idle")
        return {"simulator: up, s": up, **told}


async def _against(running: Running, hosts: int, name: str) -> dict[str, float]:
    pids = running.pids
    config = load_config(running.config)
    async with open_fleet(config.hosts[:1], Wants(), Links(ssh_config=False)) as fleet:
        await fleet.settled(_SETTLES_WITHIN)  # imports and first-time costs are not what is measured
    sim_cpu, cpu, began = _cpu_of(pids), time.process_time(), time.perf_counter()
    result = {"simulator: memory, MB": _memory_of(pids)}
    async with open_fleet(config.hosts, Wants(), Links(ssh_config=False)) as fleet:
        result |= await _cold(fleet, began, hosts)
        result["cold: client CPU a host, ms"] = 1000 * (time.process_time() - cpu) / hosts
        result["cold: simulator CPU a host, ms"] = 1000 * (_cpu_of(pids) - sim_cpu) / hosts
        result["units told"] = float(sum(1 for _ in fleet.model.units()))
        result["client: memory, MB"] = _memory_of([os.getpid()])
        result["client: file descriptors"] = float(len(os.listdir("/proc/self/fd")))
        result["simulator: memory with a console, MB"] = _memory_of(pids)
        sim_cpu = _cpu_of(pids)
        result |= _named(name, await _span(_IDLE_S))
        result[f"{name}: simulator CPU, % of a core"] = 100 * (_cpu_of(pids) - sim_cpu) / _IDLE_S
    return result


def run() -> dict[str, object]:
    """Each size once without changes and once with; medians make no sense of one run, so none are given."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (max(soft, hard if hard != resource.RLIM_INFINITY else soft), hard)
    )
    found: dict[str, object] = {}
    for hosts in sizes():
        for churn in (0.0, _CHURN_A_HOST * hosts):
            told = _measured(SimPlan(hosts, _UNITS, _CONTAINERS, _SEED, churn))
            # What the cold start takes is told without churn.
            wanted = "churn: " if churn else ""
            found |= {f"{hosts} hosts: {key}": value for key, value in told.items() if key.startswith(wanted)}
    for units in _GROWTH_UNITS:
        told = _measured(SimPlan(_GROWTH_HOSTS, units, _CONTAINERS, _SEED))
        name = f"{_GROWTH_HOSTS} hosts with {units} units"
        found |= {f"{name}: {key}": value for key, value in told.items()}
    return found


def _measured(plan: SimPlan) -> dict[str, float]:
    """One fleet, come and gone."""
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=fair_loop) as runner:
        told = runner.run(_one(plan, Path(folder) / "sim"))
    gc.collect()
    return told
