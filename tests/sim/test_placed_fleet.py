"""An engine on a simulated fleet, through changes, hosts that die and hosts that hang: all is as desired."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.lab.sim.plan import SimPlan
from tests.sim.placed_fleet import placed_fleet
from tests.store.cluster import needs_etcd

pytestmark = needs_etcd

#: Longer than an engine waits for a host before it gives it up, whatever the machine is busy with.
_AWAY_S = 35


@pytest.mark.parametrize(
    ("hosts", "services", "each", "away"),
    [(20, 4, 25, 1), pytest.param(500, 25, 200, 25, marks=pytest.mark.full)],
)
async def test_the_fleet_ends_as_desired_through_churn_and_lost_hosts(
    tmp_path: Path, hosts: int, services: int, each: int, away: int
) -> None:
    names = [f"load{number}@.service" for number in range(services)]
    dead = [f"sim-{number:04}" for number in range(1, away + 1)]
    hung = [f"sim-{number:04}" for number in range(away + 1, 2 * away + 1)]
    within = 60 + hosts
    plan = SimPlan(hosts, units=30, containers=0, churn=0.04 * hosts)
    async with placed_fleet(tmp_path, plan, lambda figures: print("the engine:", figures)) as fleet:
        for name in names:
            await fleet.submit(name, each)
        await fleet.until_running(services * each, within)
        await fleet.until_as_placed(within)

        fleet.befall(f'do = "die"\nhosts = {dead}\nfor = {_AWAY_S}')
        fleet.befall(f'do = "hang"\nhosts = {hung}\nfor = {_AWAY_S}')
        await fleet.scale(names[0], each + 5)
        await fleet.submit(names[1], each, "second")
        await fleet.until_placed_off({*dead, *hung}, within)
        await fleet.until_running(services * each + 5, within)

        fleet.befall('do = "drop"')
        await fleet.scale(names[0], each - 5)
        await fleet.until_as_placed(within)
        assert len(await fleet.placed()) == services * each - 5
