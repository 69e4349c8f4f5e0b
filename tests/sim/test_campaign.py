"""Faults drawn from a seed: all ends as desired, nothing runs twice or stops without a cause."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaign.campaign import Campaign
from tests.campaign.records import Records
from tests.sim.sim_ground import sim_ground
from tests.store.cluster import needs_etcd

pytestmark = [needs_etcd, pytest.mark.full]

HOSTS = 5


async def fought(folder: Path, seed: int, rounds: int) -> Records:
    async with sim_ground(folder, HOSTS) as ground:
        campaign = Campaign(ground, seed)
        await campaign.begin()
        records = await campaign.run(rounds)
    assert records.lives.keys() == ground.exclusive.keys()
    assert all(records.lives.values())
    return records


async def test_five_faults(tmp_path: Path) -> None:
    await fought(tmp_path, seed=1, rounds=5)


async def test_two_hundred_faults(tmp_path: Path) -> None:
    records = await fought(tmp_path, seed=2, rounds=200)
    for unit, lives in records.lives.items():
        assert len({life.host for life in lives}) > 1, f"{unit} was elsewhere"
    assert records.over, "leases have run out"
