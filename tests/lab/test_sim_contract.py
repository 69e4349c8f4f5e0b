"""The simulated host is like a real one: the same checks on both, and what both say side by side."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console.hosts.bus import Call, system_bus
from console.hosts.unit_wire import SERVICE, UNIT, unit_path
from console.lab.lab import Lab
from tests.lab.fleet.placing import UNCLAIM
from tests.lab.units_host import OnHost, on_first, unit_file
from tests.sim.contract import CHECKS, Check, Subject, connected, signals_of_a_restart
from tests.sim.contract_leases import LEASE_CHECKS
from tests.sim.contract_units import WORK_CHECKS
from tests.sim.sim_host import sim_host

_UNIT = "contract.service"
_FILE = """\
[Unit]
Description=what the contract tries
[Service]
ExecStart=/bin/sh -c 'while sleep 0.1; do [ -e /run/crash-loop ] && exit 1; rm /run/crash && exit 1; done'
StandardError=null
Restart=on-failure
RestartSec=100ms
StartLimitIntervalSec=10
StartLimitBurst=5
"""


class LabSubject:
    """A docker host of the lab as the contract's subject."""

    unit = _UNIT
    container = "web"

    def __init__(self, host: OnHost) -> None:
        self._host = host
        self.config = host.config

    async def crash(self) -> None:
        await self._host.root("touch /run/crash")

    async def crash_loop(self) -> None:
        await self._host.root("touch /run/crash-loop")

    async def restart_container(self) -> None:
        await self._host.root("docker restart web >/dev/null")

    async def say(self, text: str) -> None:
        await self._host.root(f"printf '%s\\n' {shlex.quote(text)} | systemd-cat -t contract")

    async def daemon_reload(self) -> None:
        await self._host.root("systemctl daemon-reload")


@pytest.fixture
async def subject(lab: Lab) -> AsyncIterator[LabSubject]:
    host = await on_first(lab)
    async with unit_file(host, _UNIT, _FILE):
        await host.root(f"rm -f /run/crash /run/crash-loop; systemctl start {_UNIT}")
        yield LabSubject(host)


@pytest.fixture
async def unclaimed(lab: Lab) -> AsyncIterator[LabSubject]:
    """A host that is of no fleet, before and after."""
    host = await on_first(lab)
    await host.root(UNCLAIM)
    yield LabSubject(host)
    await host.root(UNCLAIM)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_a_lab_host_keeps_the_contract(check: Check, subject: LabSubject) -> None:
    await check(subject)


@pytest.mark.parametrize("check", [*WORK_CHECKS, *LEASE_CHECKS], ids=lambda check: check.__name__)
async def test_a_lab_host_is_changed_by_an_engine_as_a_simulated_one_is(
    check: Check, unclaimed: LabSubject
) -> None:
    await check(unclaimed)


async def test_a_restart_sounds_the_same(subject: LabSubject, tmp_path: Path) -> None:
    """A simulated host says nothing that a real one does not, and the same of what the console reads."""
    real = await signals_of_a_restart(subject)
    async with sim_host(tmp_path) as simulated:
        ours = await signals_of_a_restart(simulated)

    for interface in (UNIT, f"{SERVICE}.Service"):
        shapes = [
            {
                (name, value.signature)
                for signal in signals
                if signal.member == "PropertiesChanged" and signal.body[0] == interface
                for name, value in signal.body[1].items()
            }
            for signals in (ours, real)
        ]
        assert shapes[0] <= shapes[1]
        assert len(shapes[0]) >= 0.7 * len(shapes[1])


async def test_the_properties_are_of_the_same_types(subject: LabSubject, tmp_path: Path) -> None:
    async def shapes(host: Subject, interface: str) -> dict[str, str]:
        async with connected(host) as transport, system_bus(transport) as bus:
            get = Call(
                SERVICE,
                unit_path(host.unit),
                "org.freedesktop.DBus.Properties",
                "GetAll",
                "s",
                (interface,),
                "a{sv}",
            )
            (values,) = await bus.call(get)
            return {name: value.signature for name, value in values.items()}

    async with sim_host(tmp_path) as simulated:
        for interface in (UNIT, f"{SERVICE}.Service"):
            ours, real = await shapes(simulated, interface), await shapes(subject, interface)
            assert {name: real.get(name) for name in ours} == ours
