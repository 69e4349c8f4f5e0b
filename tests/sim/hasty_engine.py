"""The command line with time that goes faster, for an engine of a simulated fleet of the same pace.

python -m tests.sim.hasty_engine PACE WORD…

All that it waits for and all that it measures goes by that time: its loop, the clock of its leases, and those
that etcd grants it, which are as much shorter there. What it tells people by the wall clock stays.
"""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace
from typing import Any

import console.fleet.loop
import console.hosts.session
import console.store.lease
from console.cli.main import main
from console.lab.sim.pace import hasten
from console.store.client import Etcd


def _hasten_all(pace: float) -> None:
    def hasty_loop() -> console.fleet.loop.FairLoop:
        loop = console.fleet.loop.FairLoop()
        hasten(loop, pace)
        return loop

    console.fleet.loop.fair_loop = hasty_loop
    hasty: Any = SimpleNamespace(
        clock_gettime=lambda which: time.clock_gettime(which) * pace,
        monotonic=lambda: time.monotonic() * pace,
        CLOCK_BOOTTIME=time.CLOCK_BOOTTIME,
    )
    for module in (console.store.lease, console.hosts.session):
        vars(module)["time"] = hasty
    granting = console.store.lease._grant

    async def grant(etcd: Etcd, ttl: int) -> Any:
        said = await granting(etcd, max(1, round(ttl / pace)))
        return SimpleNamespace(ID=said.ID, TTL=said.TTL * pace)

    console.store.lease._grant = grant


if __name__ == "__main__":
    _hasten_all(float(sys.argv[1]))
    del sys.argv[1]
    sys.exit(main())
