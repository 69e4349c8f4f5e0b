"""Faults drawn from a seed: in the end all is as desired, and nothing was stopped without a cause."""

from __future__ import annotations

import pytest

from tests.lab.fleet.campaign import Campaign
from tests.lab.fleet.placing import Placing


@pytest.mark.full
@pytest.mark.parametrize(("seed", "rounds"), [pytest.param(1, 3, id="3 rounds"), (2, 20)])
def test_a_campaign_of_faults(placing: Placing, seed: int, rounds: int) -> None:
    with placing.own_etcd() as etcd:
        campaign = Campaign(placing, etcd, seed)
        campaign.begin()
        for _ in range(rounds):
            campaign.round()
        assert campaign.uncaused() == [], campaign.told
        # The records do tell of a stop that nobody has recorded.
        host = placing.placed()["camp@1.service"]
        placing.ask(host, "systemctl stop camp@1.service")
        assert [(stop.host, stop.unit) for stop in campaign.uncaused()] == [(host, "camp@1.service")]
