"""Where simulated hosts listen, and in how many processes."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from console.cli.lab import LabSim
from console.errors import LabError
from console.lab.sim import plan
from console.lab.sim.catalog import KINDS
from console.lab.sim.plan import SimPlan, places


def test_each_host_has_an_address_of_its_own_in_the_folders_block() -> None:
    found = places(SimPlan(hosts=1000), Path("/a"))
    assert len({place.address for place in found}) == 1000
    assert all(place.address.startswith("127.") for place in found)
    assert found == places(SimPlan(hosts=1000), Path("/a"))
    assert [place.name for place in found[:2]] == ["sim-0001", "sim-0002"]


def test_a_block_that_another_fleet_has_is_left_to_it() -> None:
    first = places(SimPlan(hosts=1), Path("/a"))[0]
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((first.address, first.port))
        taken.listen()
        assert places(SimPlan(hosts=1), Path("/a"))[0].address != first.address


def test_a_machine_with_one_loopback_address_has_hosts_by_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "_can_bind", lambda address, port: False)
    found = places(SimPlan(hosts=300), Path("/a"))
    assert {place.address for place in found} == {"127.0.0.1"}
    assert len({place.port for place in found}) == 300


def test_a_few_hosts_need_one_process_and_none_more_than_it_has_hosts() -> None:
    assert SimPlan(hosts=20).processes == 1
    assert SimPlan(hosts=3, workers=9).processes == 3


@pytest.mark.parametrize(
    "wrong", [SimPlan(hosts=0), SimPlan(hosts=10**6), SimPlan(units=0), SimPlan(churn=-1)]
)
def test_what_cannot_be_is_refused_before_anything_starts(wrong: SimPlan) -> None:
    with pytest.raises(LabError):
        wrong.check()


def test_all_hosts_may_be_of_one_kind_and_the_command_offers_each() -> None:
    (system,) = (one for one in LabSim.parameters() if one.name == "system")
    assert system.value.choices == KINDS
    SimPlan(system="atomic").check()
    with pytest.raises(LabError, match="no simulated host is a toaster"):
        SimPlan(system="toaster").check()
