"""An engine on a simulated host, and what changes in etcd between its look and what it does then."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import CoroutineType
from typing import Any

import pytest

from console.actions.apply_units import UnitWork
from console.engine.applying import Hand
from console.engine.leading import Leadership
from console.engine.services import Desired, ServiceStore
from console.model.config import FleetConfig
from console.placement.spec import parse_spec
from console.store.client import open_etcd
from tests.engine.one_engine import engine_of, setting_of
from tests.sim.sim_host import sim_host
from tests.store.cluster import needs_etcd, running_cluster

pytestmark = needs_etcd

BRIEF = "brief.service"


async def test_a_service_that_is_destroyed_before_its_host_has_its_turn_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied: asyncio.Queue[list[str]] = asyncio.Queue()
    begin, apply = Leadership._task, Hand.apply

    def destroyed_meanwhile(self: Leadership, host: str, doing: CoroutineType[Any, Any, None]) -> None:
        if doing.__name__ == "_apply":
            self._catalogue.services.pop(BRIEF, None)
        begin(self, host, doing)

    async def noted(self: Hand, host: str, work: tuple[UnitWork, ...]) -> Any:
        applied.put_nowait([one.unit for one in work])
        return await apply(self, host, work)

    monkeypatch.setattr(Leadership, "_task", destroyed_meanwhile)
    monkeypatch.setattr(Hand, "apply", noted)
    (tmp_path / "etcd").mkdir()
    async with (
        running_cluster(tmp_path / "etcd") as cluster,
        open_etcd(cluster.config()) as etcd,
        sim_host(tmp_path) as host,
    ):
        spec = parse_spec("[Service]\nExecStart=/bin/true\n", Path(BRIEF))
        store = ServiceStore(etcd)
        setting = replace(
            setting_of(etcd, tmp_path), file=FleetConfig(tmp_path / "fleet.toml", "f", (host.config,))
        )
        running = asyncio.create_task(engine_of(setting).run())
        try:
            await store.submit(spec, desired=Desired.LAUNCHED, at=datetime.now(UTC), by="a test", line="")
            async with asyncio.timeout(60):
                taken = asyncio.create_task(applied.get())
                await asyncio.wait((running, taken), return_when=asyncio.FIRST_COMPLETED)
            assert not running.done(), running
            assert await taken == [BRIEF]
        finally:
            running.cancel()
            await asyncio.wait((running,))
