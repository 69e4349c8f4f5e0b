"""An engine in a process of its own, on simulated hosts and a real etcd; and whether all is as desired."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from console.engine.inspecting import inspect
from console.engine.reporting import read_report
from console.engine.services import Desired, ServiceStore
from console.errors import HostError
from console.fleet.config import load_config
from console.fleet.fleet import Fleet, open_fleet
from console.hosts.links import Links
from console.lab.sim.fleet import Running, SimFleet
from console.lab.sim.plan import SimPlan
from console.lab.sim.script import parse
from console.model.wants import Wants
from console.placement.reconcile import Phase
from console.placement.spec import parse_spec
from console.store.client import Etcd, open_etcd
from console.store.schema import Keys
from tests.store.cluster import running_cluster

#: What the engine runs as, with its figures in a file at its end.
_ENGINE = (sys.executable, "-m", "tests.sim.timed_engine")
#: Hosts asked at once, when it is seen what all of them have.
_ASKED_AT_ONCE = 20
_LOOKS_EVERY_S = 0.5


@dataclass(frozen=True)
class Had:
    """What hosts have, by their own word: instances and the hosts on which they run, and bear a mark."""

    running: frozenset[tuple[str, str]]
    marked: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class PlacedFleet:
    """What a test does to it, and what it sees of it."""

    running: Running
    etcd: Etcd
    folder: Path

    @property
    def store(self) -> ServiceStore:
        return ServiceStore(self.etcd)

    # -- what is wanted ---------------------------------------------------------------------

    async def submit(self, name: str, replicas: int, text: str = "first") -> None:
        """Have `replicas` instances of a service run."""
        unit = f"[Unit]\nDescription={text}\n[Service]\nExecStart=/bin/sleep infinity\n"
        spec = parse_spec(f"{unit}[X-Quarterdeck]\nReplicas={replicas}\n", Path(name))
        await self.store.submit(spec, desired=Desired.LAUNCHED, at=datetime.now(UTC), by="a test", line="")

    async def scale(self, name: str, replicas: int) -> None:
        await self.store.change(await self.store.service(name), replicas=replicas)

    def befall(self, text: str) -> None:
        """Have something happen to hosts: a fault of a script."""
        (fault,) = parse(f"[[fault]]\n{text}")
        self.running.befall(fault)

    # -- what is ----------------------------------------------------------------------------

    async def reported(self) -> Counter[Phase]:
        """How many instances there are of each phase, by the engine's word."""
        keys = Keys(self.etcd.prefix)
        conditions, pending = read_report(keys, (await self.etcd.list(keys.under("observed"))).entries)
        return Counter(one.phase for one in conditions) + Counter({Phase.PENDING: len(pending)})

    async def until_running(self, count: int, within: float) -> None:
        """Wait until so many instances run and there are no others, by the engine's word."""
        found: Counter[Phase] = Counter()
        try:
            async with asyncio.timeout(within):
                while found != Counter({Phase.RUNNING: count}):
                    await asyncio.sleep(_LOOKS_EVERY_S)
                    found = await self.reported()
        except TimeoutError:
            said = (self.folder / "engine.log").read_text()[-3000:]
            raise AssertionError(f"{count} do not run within {within:g} s, but {found}\n{said}") from None

    async def placed(self) -> frozenset[tuple[str, str]]:
        """Instances and their hosts, as etcd has them."""
        return frozenset((one.instance, one.host) for one in await self.store.assigned())

    async def until_placed_off(self, hosts: Collection[str], within: float) -> None:
        """Wait until none of these hosts is to have an instance."""
        async with asyncio.timeout(within):
            while any(host in hosts for _, host in await self.placed()):  # noqa: ASYNC110 - etcd's to say
                await asyncio.sleep(_LOOKS_EVERY_S)

    async def until_as_placed(self, within: float) -> None:
        """Wait until each instance runs on the host that it is placed on, and nothing elsewhere.

        Every host is asked; one that does not answer has not come back yet.
        """
        placed, had = await self.placed(), Had(frozenset(), frozenset())
        try:
            async with asyncio.timeout(within), self._all_hosts(within) as fleet:
                while not (placed == had.running == had.marked):
                    await asyncio.sleep(_LOOKS_EVERY_S)
                    with suppress(HostError):
                        placed, had = await self.placed(), await _had(fleet)
        except TimeoutError:
            wrong = sorted((placed ^ had.running) | (placed ^ had.marked))
            raise AssertionError(f"not as placed within {within:g} s: {len(wrong)}, {wrong[:5]}") from None

    @asynccontextmanager
    async def _all_hosts(self, within: float) -> AsyncIterator[Fleet]:
        """A console of our own, which knows all units of all hosts."""
        hosts = load_config(self.running.config).hosts
        async with open_fleet(hosts, Wants(containers=False, os=False), Links(ssh_config=False)) as fleet:
            await fleet.settled(within)
            yield fleet


async def _had(fleet: Fleet) -> Had:
    """:raises HostError: a host does not say."""
    marked = await _marks(fleet)
    up = {(unit.name, unit.host) for unit in fleet.model.units() if unit.active == "active"}
    names = {name for name, _ in marked}
    return Had(frozenset(one for one in up if one[0] in names), marked)


async def _marks(fleet: Fleet) -> frozenset[tuple[str, str]]:
    turns = asyncio.Semaphore(_ASKED_AT_ONCE)

    async def of(host: str) -> set[tuple[str, str]]:
        async with turns:
            return {(unit, host) for unit in (await inspect(fleet.transport(host))).marks}

    found = await asyncio.gather(*map(of, fleet.sessions))
    return frozenset().union(*found)


@asynccontextmanager
async def placed_fleet(
    folder: Path, plan: SimPlan, told: Callable[[dict[str, Any]], None] = lambda figures: None
) -> AsyncIterator[PlacedFleet]:
    """Hosts, an etcd, and an engine that leads; all of it ends with the context.

    :param told: takes the engine's figures at its end; see `timed_engine`.
    """
    (folder / "etcd").mkdir()
    config, figures = folder / "fleet.toml", folder / "figures.json"
    async with (
        running_cluster(folder / "etcd") as cluster,
        SimFleet(folder / "sim", plan, lambda line: None).running() as running,
        open_etcd(cluster.config()) as etcd,
    ):
        endpoints = json.dumps(list(cluster.config().endpoints))
        config.write_text(f"{running.config.read_text()}\n[etcd]\nendpoints = {endpoints}\n")
        with (folder / "engine.log").open("wb") as log:
            engine = await asyncio.create_subprocess_exec(
                *_ENGINE, str(figures), "--config", str(config), "engine", "run",
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "XDG_STATE_HOME": str(folder / "state")},
            )  # fmt: skip
        try:
            yield PlacedFleet(running, etcd, folder)
        finally:
            engine.send_signal(signal.SIGTERM)
            await engine.wait()
    told(json.loads(figures.read_text()))
