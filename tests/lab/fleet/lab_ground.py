"""Real hosts of the lab, and an etcd of their own, as the ground of a campaign."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from console.store.client import Etcd
from console.store.schema import Keys
from console.store.values import Entry
from tests.campaign.campaign import TTL_S, WIND_S
from tests.campaign.records import ENDED, LEASE_UNIT, STOPPED, Records, Stop, audits, causes
from tests.engine.engine_process import EngineProcess
from tests.lab.fleet.placing import OwnEtcd, Placing
from tests.lab.fleet.witness import beating, forget, lives

_EXCLUSIVE = "[X-Quarterdeck]\nExclusive=yes\n"
_UNITS = "camp@* calm.service stubborn.service"


class LabGround:
    """See `Ground`. Its fleet's leases are short from the beginning."""

    pace = 1.0
    pauses = True

    def __init__(self, placing: Placing, etcd: OwnEtcd) -> None:
        self._placing = placing
        self._etcd = etcd
        self._began = time.time()
        forget(placing, ("calm", "stubborn"))
        placing.fleet_lines = f"lease_ttl = {TTL_S:g}\nlease_wind = {WIND_S:g}"
        self.hosts = placing.hosts
        self.exclusive: Mapping[str, str] = {
            "calm.service": f"[Service]\n{beating('calm')}\n{_EXCLUSIVE}",
            "stubborn.service": f"[Service]\n{beating('stubborn', stubborn=True)}\n{_EXCLUSIVE}",
        }

    @property
    def engines(self) -> list[EngineProcess]:
        return self._placing.engines

    # -- what befalls it --------------------------------------------------------------------

    @asynccontextmanager
    async def dark(self, host: str, seconds: float) -> AsyncIterator[None]:
        await self._placing.lab.kill(host)
        yield
        await self._placing.lab.start(host)

    @asynccontextmanager
    async def cut(self, host: str, seconds: float) -> AsyncIterator[None]:
        await self._placing.lab.cut(host)
        yield
        await self._placing.lab.heal(host)

    @asynccontextmanager
    async def slow(self, host: str, seconds: float, delay: float) -> AsyncIterator[None]:
        await self._placing.lab.slow(host, delay=delay)
        yield
        await self._placing.lab.heal(host)

    @asynccontextmanager
    async def paused(self, host: str, seconds: float) -> AsyncIterator[None]:
        await self._placing.lab.freeze(host)
        yield
        await self._placing.lab.thaw(host)

    @asynccontextmanager
    async def etcd_away(self) -> AsyncIterator[None]:
        self._etcd.freeze()
        try:
            yield
        finally:
            self._etcd.thaw()

    async def engine(self) -> None:
        await asyncio.to_thread(self._placing.engine)

    # -- what is wanted, and what is --------------------------------------------------------

    async def submit(self, units: Mapping[str, str]) -> None:
        await asyncio.to_thread(self._placing.submit, units)

    async def scale(self, service: str, replicas: int) -> None:
        await asyncio.to_thread(self._placing.change, service, replicas=replicas)

    async def placed(self) -> Mapping[str, str]:
        return await asyncio.to_thread(self._placing.placed)

    async def running(self) -> Mapping[str, tuple[str, ...]]:
        return await asyncio.to_thread(self._placing.active, _UNITS)

    async def texts(self) -> set[str]:
        said = await asyncio.to_thread(self._placing.ask_all, "systemctl show -P Description 'camp@*'")
        return {line for lines in said.values() for line in lines.splitlines() if line}

    async def let_go_of_the_brake(self) -> bool:
        async def pulled(etcd: Etcd) -> Entry | None:
            return await etcd.get(Keys(etcd.prefix).brake)

        if await asyncio.to_thread(self._placing.etcd, pulled) is None:
            return False
        await asyncio.to_thread(self._placing.run, "engine", "resume", "--yes")
        return True

    # -- the records ------------------------------------------------------------------------

    async def records(self) -> Records:
        return await asyncio.to_thread(self._records)

    def _records(self) -> Records:
        found = self._journals()
        ours = (*self.exclusive, "camp@")
        return Records(
            {unit: lives(self._placing, unit.removesuffix(".service")) for unit in self.exclusive},
            [one for message, one in found if message == STOPPED and one.unit.startswith(ours)],
            [one for message, one in found if message == ENDED and one.unit == LEASE_UNIT],
            list(causes(audits(self._placing.folder))),
        )

    def _journals(self) -> list[tuple[str, Stop]]:
        asked = f"journalctl -o json --since=@{int(self._began)} MESSAGE_ID={STOPPED} MESSAGE_ID={ENDED}"
        return [
            (entry["MESSAGE_ID"], Stop(host, entry.get("UNIT", ""), int(entry["__REALTIME_TIMESTAMP"]) / 1e6))
            for host, said in self._placing.ask_all(asked).items()
            for entry in map(json.loads, said.splitlines())
        ]
