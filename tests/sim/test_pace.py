"""Time that goes faster: a loop's, and that of a whole simulated fleet."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from console.fleet.config import load_config
from console.hosts.connect import Connector
from console.lab.sim.fleet import SimFleet
from console.lab.sim.pace import hasten
from console.lab.sim.plan import SimPlan

PACE = 50.0


def test_what_a_hastened_loop_waits_for_comes_as_much_sooner() -> None:
    loop = asyncio.SelectorEventLoop()
    hasten(loop, PACE)
    began, its = time.monotonic(), loop.time()
    loop.run_until_complete(asyncio.sleep(10))
    assert 10 / PACE <= time.monotonic() - began < 10
    assert loop.time() - its >= 10
    loop.close()


async def test_all_hosts_of_a_fleet_that_lives_faster_have_the_clock_that_it_says(tmp_path: Path) -> None:
    plan = SimPlan(2, units=15, containers=0, workers=2, pace=PACE)
    asked = ("sh", "-c", "command -v journalctl")  # what they answer has their clock in it
    async with SimFleet(tmp_path / "sim", plan, lambda line: None).running() as running:
        for host in load_config(running.config).hosts:
            transport = await Connector(ssh_config=()).connect(host)
            try:
                before = running.hosts_time(time.time())
                said = (await transport.run(asked)).stdout.decode()
                after = running.hosts_time(time.time())
            finally:
                await transport.close()
            told = float(said.rpartition("now ")[2])
            assert before - 1 <= told <= after + 1, host.name
