"""From a unit's change on a host to the model: the host's own timestamp against our clock.

Lab hosts and the console share one kernel, so that their clocks are the same. The alternative is
what polling would give: the same changes seen by `systemctl is-active` every second are late by
half a second on average, whatever else it costs.
"""

from __future__ import annotations

import asyncio
import statistics
from datetime import UTC, datetime

from console.fleet.fleet import open_fleet
from console.hosts.links import Links
from console.model.config import FleetConfig
from console.model.wants import Wants
from tests.bench.labs import lab_config

#: Polling each second sees a change after this long on average, in ms.
_POLLING = 500.0


async def _delays(config: FleetConfig, changes: int) -> list[float]:
    """Milliseconds from each start of a unit to its row in the model."""
    host = config.hosts[0]
    delays = []
    async with open_fleet([host], Wants(containers=False, os=False), Links()) as fleet:
        await fleet.settled(30)
        transport = fleet.transport(host.name)
        feed = fleet.model.feed()
        for number in range(changes):
            name = f"web@bench{number}.service"
            start = asyncio.create_task(
                transport.run(("systemctl", "start", name), privileged=True), name=f"start {name}"
            )
            unit = None
            while unit is None or unit.active != "active" or unit.since is None:
                await feed.batch(pause=0)
                unit = fleet.model.unit((host.name, name))
            delays.append(1000 * (datetime.now(UTC) - unit.since).total_seconds())
            await start
        await transport.run(("systemctl", "stop", "web@bench*"), privileged=True)
    return delays


def run(changes: int = 60) -> dict[str, object]:
    """p50 and p95 in milliseconds, and the ratio of polling's mean to the median."""
    config = lab_config()
    if config is None:
        return {}
    delays = sorted(asyncio.run(_delays(config, changes)))
    median = statistics.median(delays)
    return {
        "changes": len(delays),
        "host to model, p50 ms": median,
        "host to model, p95 ms": delays[int(0.95 * len(delays))],
        "polling each second (mean) / p50": _POLLING / median,
    }
