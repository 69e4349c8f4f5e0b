"""What befalls a simulated host is what a console sees happen to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from console.errors import AccessRefused, HostFailure
from console.hosts import connect
from console.hosts.connect import Connector
from console.hosts.keepalive import Keepalive
from console.hosts.osfacts import OsSource, read_facts
from console.hosts.session import HostSession
from console.hosts.units import UnitsSource
from console.lab.sim.script import Fault, befall, parse
from console.model.events import Event, HostChanged, SourceChanged
from console.model.state import Source, State
from tests.sim.contract import connected
from tests.sim.sim_host import ATOMIC, SimHost, sim_host


@pytest.fixture
async def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SimHost]:
    monkeypatch.setattr(connect, "CONNECT_TIMEOUT", 2.0)
    monkeypatch.setattr(connect, "LOGIN_TIMEOUT", 5.0)
    async with sim_host(tmp_path) as simulated:
        yield simulated


class Watch:
    """The states a session told of."""

    def __init__(self) -> None:
        self.states: list[tuple[str, State, str | None]] = []
        self.now: dict[str, State] = {}
        self._news = asyncio.Event()

    def emit(self, event: Event) -> None:
        match event:
            case HostChanged(_, status):
                name = "host"
            case SourceChanged(_, source, status):
                name = source.value
            case _:
                return
        self.states.append((name, status.state, status.reason))
        self.now[name] = status.state
        self._news.set()

    async def until(self, condition: Callable[[], bool], within: float = 20.0) -> None:
        async with asyncio.timeout(within):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def live(self) -> None:
        await self.until(lambda: set(self.now.values()) == {State.LIVE} and len(self.now) == 3)

    async def lost(self) -> None:
        await self.until(lambda: self.now["host"] is State.UNREACHABLE)


@asynccontextmanager
async def watched(host: SimHost) -> AsyncIterator[Watch]:
    """A session with the host, all of it live."""
    watch = Watch()
    name = host.config.name
    sources: dict[Source, Any] = {Source.UNITS: UnitsSource(name), Source.OS: OsSource(name, interval=0.3)}
    connector = Connector(ssh_config=(), keepalive=Keepalive(0.5, 2))
    session = HostSession(host.config, connector.connect, sources, watch.emit)
    task = asyncio.create_task(session.run())
    try:
        await watch.live()
        yield watch
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def do(host: SimHost, text: str) -> None:
    """Have a fault of a script befall the host."""
    (fault,) = parse(f"[[fault]]\n{text}")

    def after(delay: float, over: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(delay, over)

    befall(host.machine, fault, after)


async def test_a_power_cut_is_seen_at_once_and_the_host_comes_back_as_another_boot(host: SimHost) -> None:
    before = host.machine.boot_id
    async with watched(host) as watch:
        host.machine.power_cut(0.5)
        await watch.lost()
        await watch.live()
    assert host.machine.boot_id != before
    async with connected(host) as transport:
        assert (await read_facts(transport)).boot_id == host.machine.boot_id


async def test_a_host_that_never_comes_back_refuses_connections(host: SimHost) -> None:
    async with watched(host) as watch:
        do(host, 'do = "die"')
        await watch.until(lambda: any("Connect call failed" in (why or "") for _, _, why in watch.states))
        assert watch.now["units"] is State.STALE


async def test_a_host_that_hangs_is_lost_by_silence_and_goes_on_where_it_was(host: SimHost) -> None:
    async with watched(host) as watch:
        do(host, 'do = "hang"\nfor = 4')
        await watch.lost()
        await watch.live()


async def test_a_half_open_connection_is_replaced(host: SimHost) -> None:
    async with watched(host) as watch:
        do(host, 'do = "half-open"')
        await watch.lost()
        await watch.live()


async def test_a_slow_line_takes_its_time_and_loses_nothing(host: SimHost) -> None:
    do(host, 'do = "slow"\ndelay = 0.05')
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with connected(host) as transport:
        facts = await read_facts(transport)
    assert facts.boot_id == host.machine.boot_id
    assert loop.time() - began > 0.4  # a login and a command are at least four round trips


async def test_garbage_is_the_hosts_fault_and_passes(host: SimHost) -> None:
    async with connected(host) as transport:
        do(host, 'do = "garbage"\nfor = 0.5')
        with pytest.raises(HostFailure):
            await read_facts(transport)
        await asyncio.sleep(0.6)
        assert (await read_facts(transport)).boot_id == host.machine.boot_id


async def test_another_host_key_is_refused(host: SimHost) -> None:
    do(host, 'do = "host-key"')
    with pytest.raises(AccessRefused, match="HOST KEY CHANGED"):
        await Connector(ssh_config=()).connect(host.config)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (
            'do = "clock-skew"\noffset = -120',
            lambda facts: facts.clock_offset_s == pytest.approx(-120, abs=1),
        ),
        ('do = "disk-full"', lambda facts: {disk.path: disk.available for disk in facts.disks}["/var"] == 0),
        (
            'do = "pressure"\nresource = "memory"\nvalue = 55',
            lambda facts: (
                max(p.avg10 for p in facts.pressure if p.resource == "memory") == 55
                and facts.memory_available < facts.memory_total * 0.1
            ),
        ),
    ],
)
async def test_what_is_wrong_with_a_host_is_in_its_facts_and_passes(
    host: SimHost, text: str, seen: Callable[[Any], bool]
) -> None:
    async with connected(host) as transport:
        before = await read_facts(transport)
        assert not seen(before)
        do(host, f"{text}\nfor = 0.3")
        assert seen(await read_facts(transport))
        await asyncio.sleep(0.4)
        assert not seen(await read_facts(transport))


async def test_a_staged_version_is_booted_by_a_reboot_and_lost_by_a_power_cut(tmp_path: Path) -> None:
    async with sim_host(tmp_path, ATOMIC) as host:
        machine = host.machine
        assert machine.deployments
        machine.deployments.stage("2.0", lambda delay, staged: staged())
        machine.power_cut(0.1)
        await asyncio.sleep(0.2)
        async with connected(host) as transport:
            assert (await read_facts(transport)).version == "1.0"
        machine.deployments.stage("2.0", lambda delay, staged: staged())
        machine.reboot(0.1)
        await asyncio.sleep(0.2)
        async with connected(host) as transport:
            assert (await read_facts(transport)).version == "2.0"


async def test_a_rollback_boots_the_version_before(tmp_path: Path) -> None:
    async with sim_host(tmp_path, ATOMIC) as host, connected(host) as transport:
        rollback = ("ostree", "admin", "set-default", "1")
        assert (await transport.run(rollback)).code == 1
        assert (await transport.run(rollback, privileged=True)).code == 0
        host.machine.reboot(0.1)
        await asyncio.sleep(0.2)
        async with connected(host) as again:
            assert (await read_facts(again)).version == "0.9"


async def test_faults_that_are_over_leave_no_trace(host: SimHost) -> None:
    for word in ("hang", "slow", "garbage"):
        befall(host.machine, Fault(0, word, lasts=0.0, values={"delay": 0.5, "rate": None}), _now)
    line = host.machine.line
    assert (line.frozen, line.delay, line.rate, line.garbage, line.down) == (False, 0.0, None, False, False)
    async with connected(host) as transport:
        await read_facts(transport)


def _now(delay: float, over: Callable[[], None]) -> None:
    over()
