"""Faults drawn from a seed, on real hosts: all ends as desired, nothing is doubled or stops uncaused."""

from __future__ import annotations

import asyncio

import pytest

from tests.campaign.campaign import FRONT, Campaign
from tests.campaign.records import Records
from tests.lab.fleet.lab_ground import LabGround
from tests.lab.fleet.placing import Placing

pytestmark = pytest.mark.full


@pytest.mark.parametrize(
    ("seed", "rounds"), [pytest.param(1, 3, id="3 rounds"), pytest.param(2, 20, id="20")]
)
def test_a_campaign_of_faults(placing: Placing, seed: int, rounds: int) -> None:
    with placing.own_etcd() as etcd:
        ground = LabGround(placing, etcd)

        async def fought() -> Records:
            campaign = Campaign(ground, seed)
            await campaign.begin()
            return await campaign.run(rounds)

        records = asyncio.run(fought())
        assert records.lives.keys() == ground.exclusive.keys()
        assert all(records.lives.values()), "what is exclusive has written down that it runs"
        # The records do tell of a stop that nobody has recorded.
        unit = FRONT.replace("@", "@1")
        host = placing.placed()[unit]
        placing.ask(host, f"systemctl stop {unit}")
        found = asyncio.run(ground.records())
        assert [(stop.host, stop.unit) for stop in found.uncaused] == [(host, unit)]
