"""The contract of a host, on a simulated one; `tests/lab/test_sim_contract.py` has the same on a real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sim.contract import CHECKS, Check
from tests.sim.contract_leases import LEASE_CHECKS
from tests.sim.contract_units import WORK_CHECKS
from tests.sim.contract_updates import UPDATE_CHECKS, UpdateCheck
from tests.sim.sim_host import ATOMIC, sim_host


@pytest.mark.parametrize("check", [*CHECKS, *WORK_CHECKS, *LEASE_CHECKS], ids=lambda check: check.__name__)
async def test_a_simulated_host_keeps_the_contract(check: Check, tmp_path: Path) -> None:
    async with sim_host(tmp_path) as host:
        await check(host)


@pytest.mark.parametrize("check", UPDATE_CHECKS, ids=lambda check: check.__name__)
async def test_a_simulated_host_is_updated_as_the_contract_has_it(check: UpdateCheck, tmp_path: Path) -> None:
    async with sim_host(tmp_path, ATOMIC, speed=20) as host:
        await check(host)
