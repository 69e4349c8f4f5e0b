"""The full picture of the lab, against a parallel loop of plain `ssh HOST systemctl list-units`."""

from __future__ import annotations

import asyncio
import resource
import statistics
import time
from collections.abc import Awaitable, Callable

from console.fleet.fleet import open_fleet
from console.hosts.links import Links
from console.model.config import FleetConfig, HostConfig
from console.model.wants import Wants
from tests.bench.labs import lab_config


def _cpu() -> float:
    """CPU seconds of this process and of the children it has waited for."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


async def ours(config: FleetConfig, wants: Wants) -> int:
    """How many units a console has heard of, connected for it and gone again."""
    async with open_fleet(config.hosts, wants, Links()) as fleet:
        missing = await fleet.settled(30)
        assert not missing, missing
        return sum(1 for _ in fleet.model.units())


async def ssh_loop(config: FleetConfig) -> int:
    """How many units `systemctl` lists by one `ssh` a host, all at once."""

    async def one(host: HostConfig) -> int:
        argv = [
            "ssh", "-q", "-F", "none", "-o", "BatchMode=yes",
            "-o", f"UserKnownHostsFile={host.known_hosts}", "-i", str(host.identity[0]),
            f"{host.user}@{host.address}", "systemctl list-units --all -o json",
        ]  # fmt: skip
        process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
        out, _ = await process.communicate()
        assert process.returncode == 0
        return out.count(b'"unit"')

    return sum(await asyncio.gather(*(one(host) for host in config.hosts)))


async def measured(work: Callable[[], Awaitable[int]]) -> tuple[float, float, int]:
    """Wall and client CPU in seconds, and how many units were told."""
    cpu, wall = _cpu(), time.perf_counter()
    count = await work()
    return time.perf_counter() - wall, _cpu() - cpu, count


async def _compare(config: FleetConfig, runs: int) -> dict[str, object]:
    ways: dict[str, Callable[[], Awaitable[int]]] = {
        "ssh loop": lambda: ssh_loop(config),
        "units only": lambda: ours(config, Wants(containers=False, os=False)),
        "full picture": lambda: ours(config, Wants()),
    }
    taken: dict[str, list[tuple[float, float, int]]] = {name: [] for name in ways}
    for way in ways.values():
        await way()  # imports and first-time costs are not what is compared
    for _ in range(runs):
        for name, way in ways.items():
            taken[name].append(await measured(way))
    wall = {name: statistics.median(row[0] for row in rows) for name, rows in taken.items()}
    cpu = {name: statistics.median(row[1] for row in rows) for name, rows in taken.items()}
    hosts = len(config.hosts)
    result: dict[str, object] = {
        "hosts": hosts,
        "units told by each way": [rows[-1][2] for rows in taken.values()],
    }
    for name in ways:
        result[f"{name}: wall, ms"] = 1000 * wall[name]
        result[f"{name}: client CPU a host, ms"] = 1000 * cpu[name] / hosts
    for name in ("units only", "full picture"):
        result[f"{name} / ssh loop: wall"] = wall[name] / wall["ssh loop"]
        result[f"{name} / ssh loop: client CPU"] = cpu[name] / cpu["ssh loop"]
    return result


def run(runs: int = 7) -> dict[str, object]:
    """Medians over `runs` runs of each way, in turn, all imports done."""
    config = lab_config()
    return asyncio.run(_compare(config, runs)) if config else {}
