"""Simulated hosts whose time goes faster, engines of that pace and a real etcd, as a campaign's ground."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from console.engine.inspecting import inspect
from console.engine.services import Desired, ServiceStore
from console.errors import HostError
from console.fleet.config import load_config
from console.fleet.fleet import Fleet, open_fleet
from console.hosts.journal import read_journal
from console.hosts.links import Links
from console.lab.sim.fleet import Running, SimFleet
from console.lab.sim.plan import SimPlan
from console.lab.sim.script import Fault
from console.model.log import LogQuery, LogRecord
from console.model.state import Source, State
from console.model.wants import Wants
from console.placement.spec import parse_spec
from console.store.client import Etcd, open_etcd
from console.store.schema import Keys
from console.store.values import Delete, Span
from tests.campaign.campaign import TTL_S, WIND_S
from tests.campaign.records import (
    ENDED,
    LEASE_UNIT,
    STARTED,
    STOPPED,
    Life,
    Records,
    Stop,
    audits,
    causes,
    paired,
)
from tests.engine.engine_process import EngineProcess
from tests.store.cluster import Member, running_cluster

#: How many times as fast as ours the time of hosts and engines goes.
PACE = 10.0

#: A copy has begun so long before systemd tells that it has: what a simulated start takes, and some. Seconds.
_STARTS_S = 0.1

#: A host that was away answers again within so many seconds of ours.
_BACK_S = 60.0

_CALM = "[Service]\nExecStart=/bin/sleep infinity\n[X-Quarterdeck]\nExclusive=yes\n"
_STUBBORN = "[Service]\nExecStart=/bin/sh -c 'trap \"\" TERM; sleep 1e9'\n[X-Quarterdeck]\nExclusive=yes\n"


class SimGround:
    """See `Ground`; made by `sim_ground`."""

    pace = PACE
    pauses = False
    exclusive: Mapping[str, str] = {"calm.service": _CALM, "stubborn.service": _STUBBORN}

    def __init__(self, folder: Path, running: Running, member: Member, etcd: Etcd, fleet: Fleet) -> None:
        self._folder = folder
        self._running = running
        self._member = member
        self._etcd = etcd
        self._fleet = fleet
        self._store = ServiceStore(etcd)
        self._log = _Log()
        self.hosts = sorted(fleet.sessions)
        self.engines: list[EngineProcess] = []

    # -- what befalls it --------------------------------------------------------------------

    @asynccontextmanager
    async def dark(self, host: str, seconds: float) -> AsyncIterator[None]:
        before = await self._boot(host)
        self._befall("die", host, seconds)
        self._log.dark(host, self._now())
        yield
        await self._until(host, lambda boot: boot not in (None, before))

    @asynccontextmanager
    async def cut(self, host: str, seconds: float) -> AsyncIterator[None]:
        self._befall("hang", host, seconds)
        yield
        await self._until(host, lambda boot: boot is not None)

    @asynccontextmanager
    async def slow(self, host: str, seconds: float, delay: float) -> AsyncIterator[None]:
        self._befall("slow", host, seconds, delay=delay, rate=None)
        yield
        await self._until(host, lambda boot: boot is not None)

    @asynccontextmanager
    async def paused(self, host: str, seconds: float) -> AsyncIterator[None]:
        assert self.pauses, "a simulated host does not stand still"
        yield

    @asynccontextmanager
    async def etcd_away(self) -> AsyncIterator[None]:
        self._member.freeze()
        try:
            yield
        finally:
            self._member.thaw()

    def _befall(self, what: str, host: str, seconds: float, **values: float | None) -> None:
        self._running.befall(Fault(0.0, what, (host,), lasts=seconds, values=values))

    async def _boot(self, host: str) -> str | None:
        """Which boot a host is in; None: it does not say."""
        session = self._fleet.sessions[host]
        session.hurry()
        if session.transport is None:
            return None
        try:
            return (await inspect(session.transport)).boot
        except HostError:
            return None

    async def _until(self, host: str, wanted: Callable[[str | None], bool]) -> None:
        """Wait until a host answers as it is wanted to."""
        async with asyncio.timeout(_BACK_S):
            while not wanted(await self._boot(host)):  # noqa: ASYNC110 - the host's to say
                await asyncio.sleep(0.05)

    async def engine(self) -> None:
        number = len(self.engines)
        argv = (sys.executable, "-m", "tests.sim.hasty_engine", f"{PACE:g}")
        words = ("--config", str(self._folder / "fleet.toml"), "engine", "run")
        log, state = self._folder / f"engine-{number}.log", self._folder / f"state-{number}"
        self.engines.append(EngineProcess.begin((*argv, *words), log, state))

    # -- what is wanted, and what is --------------------------------------------------------

    async def submit(self, units: Mapping[str, str]) -> None:
        for name, text in units.items():
            spec = parse_spec(text, Path(name))
            now = datetime.now(UTC)
            await self._store.submit(spec, desired=Desired.LAUNCHED, at=now, by="a test", line="")

    async def scale(self, service: str, replicas: int) -> None:
        await self._store.change(await self._store.service(service), replicas=replicas)

    async def placed(self) -> Mapping[str, str]:
        return {one.instance: one.host for one in await self._store.assigned()}

    async def running(self) -> Mapping[str, tuple[str, ...]]:
        for session in self._fleet.sessions.values():
            session.hurry()  # hosts come and go all the time here
        found: dict[str, list[str]] = {}
        for unit in self._fleet.model.units():
            if self._is_ours(unit.name) and unit.active == "active" and self._is_live(unit.host):
                found.setdefault(unit.name, []).append(unit.host)
        return {name: tuple(there) for name, there in found.items()}

    async def texts(self) -> set[str]:
        units = self._fleet.model.units()
        return {
            unit.description for unit in units if unit.name.startswith("camp@") and unit.active == "active"
        }

    async def let_go_of_the_brake(self) -> bool:
        brake = Keys(self._etcd.prefix).brake
        if await self._etcd.get(brake) is None:
            return False
        await self._etcd.write([Delete(Span(brake))])
        return True

    def _is_live(self, host: str) -> bool:
        found = self._fleet.model.host(host)
        return found.state is State.LIVE and found.sources[Source.UNITS].state is State.LIVE

    def _is_ours(self, unit: str) -> bool:
        return unit in self.exclusive or unit.startswith("camp@")

    # -- the records ------------------------------------------------------------------------

    async def records(self) -> Records:
        for host in self.hosts:
            # What is older has been read: a host keeps no more than some hundred lines.
            query = LogQuery(since=self._log.since(host))
            reading = read_journal(self._fleet.transport(host), query, fields=("MESSAGE_ID",))
            async with aclosing(reading) as records:
                async for record in records:
                    self._log.take(host, record)
        told = self._log.told
        return Records(
            {unit: self._log.lives(unit, self._now()) for unit in self.exclusive},
            [one for message, one in told if message == STOPPED and self._is_ours(one.unit)],
            [one for message, one in told if message == ENDED and one.unit == LEASE_UNIT],
            [replace(cause, at=self._running.hosts_time(cause.at)) for cause in causes(audits(self._folder))],
        )

    def _now(self) -> float:
        return self._running.hosts_time(time.time())


class _Log:
    """What the hosts' systemds have told of starts and ends, and when hosts have lost their power."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Stop]] = []
        self._newest: dict[str, LogRecord] = {}
        self._dark: list[Stop] = []

    def since(self, host: str) -> datetime | None:
        return self._newest[host].time if host in self._newest else None

    def take(self, host: str, record: LogRecord) -> None:
        newest = self._newest.get(host)
        assert record.seqnum is not None
        if newest is not None and newest.seqnum is not None:
            if record.seqnum <= newest.seqnum:
                return
            assert record.seqnum == newest.seqnum + 1, f"{host} has forgotten lines that were not read yet"
        self._newest[host] = record
        message = str(record.fields.get("MESSAGE_ID", ""))
        if message in (STARTED, STOPPED, ENDED):
            self.told.append((message, Stop(host, record.unit or "", record.time.timestamp())))

    def dark(self, host: str, at: float) -> None:
        self._dark.append(Stop(host, "", at))

    def lives(self, unit: str, now: float) -> list[Life]:
        """Every copy's time: from its start until it has stopped, or its host has lost its power."""
        found: list[Life] = []
        for host in self._newest:
            told = [(one.at - _STARTS_S, True) for one in self._of(STARTED, host, unit)]
            told += [(one.at, False) for one in self._of(STOPPED, host, unit)]
            told += [(one.at, False) for one in self._dark if one.host == host]
            found += paired(host, told, now)
        return sorted(found, key=lambda life: life.began)

    def _of(self, message: str, host: str, unit: str) -> Iterator[Stop]:
        return (one for what, one in self.told if (what, one.host, one.unit) == (message, host, unit))


@asynccontextmanager
async def sim_ground(folder: Path, hosts: int) -> AsyncIterator[SimGround]:
    """Hosts, an etcd and a console that sees them; engines come as they are asked for. All ends with it."""
    (folder / "etcd").mkdir()
    plan = SimPlan(hosts, units=15, containers=0, workers=1, pace=PACE)
    async with (
        running_cluster(folder / "etcd") as cluster,
        SimFleet(folder / "sim", plan, lambda line: None).running() as running,
        open_etcd(cluster.config()) as etcd,
    ):
        _write_config(folder / "fleet.toml", running.config, cluster.config().endpoints)
        wants = Wants(containers=False, os=False)
        async with open_fleet(load_config(running.config).hosts, wants, Links(ssh_config=False)) as fleet:
            await fleet.settled(60)
            ground = SimGround(folder, running, cluster.members[0], etcd, fleet)
            try:
                yield ground
            finally:
                for engine in ground.engines:
                    engine.kill()


def _write_config(path: Path, hosts: Path, endpoints: tuple[str, ...]) -> None:
    leases = f"[fleet]\nlease_ttl = {TTL_S:g}\nlease_wind = {WIND_S:g}\n"
    text = hosts.read_text().replace("[fleet]\n", leases)
    path.write_text(f"{text}\n[etcd]\nendpoints = {json.dumps(list(endpoints))}\n")
