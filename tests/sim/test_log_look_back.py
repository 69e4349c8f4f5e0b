"""A look back into the logs of simulated hosts whose clocks are far apart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from console.commands.core import Core
from tests.commands.collected import Collected, core_of, run
from tests.sim.sim_host import SimHost, sim_host

#: Seconds that the hosts' clocks are off.
_SKEWS = (0.0, 300.0, -86400.0, 40.0)


class Hosts:
    """Simulated hosts that talk in turns, and a console for them."""

    def __init__(self, hosts: list[SimHost], core: Core) -> None:
        self.hosts = hosts
        self.core = core

    async def talk(self, turns: int) -> None:
        """Say numbers, each on the next host, far enough apart for any measure of a clock."""
        for number in range(turns):
            await self.hosts[number % len(self.hosts)].say(str(number))
            await asyncio.sleep(0.25)

    async def run(self, line: str) -> Collected:
        return await run(self.core, line)


@pytest.fixture(name="sim")
async def fixture_sim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hosts]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    async with AsyncExitStack() as stack:
        hosts = []
        for number, skew in enumerate(_SKEWS):
            (folder := tmp_path / str(number)).mkdir()
            host = await stack.enter_async_context(sim_host(folder, number))
            host.machine.health.clock_offset = skew
            hosts.append(host)
        yield Hosts(hosts, core_of([host.config for host in hosts], tmp_path))


async def test_lines_are_shown_in_the_order_in_which_they_were_said_whatever_the_clocks_say(
    sim: Hosts,
) -> None:
    await sim.talk(16)
    out = await sim.run("log show -t contract")
    assert [record.message for record in out.records] == [str(n) for n in range(16)]
    assert not out.failures
    times = [record.time for record in out.records]
    assert times != sorted(times), "the clocks were off"


async def test_the_context_of_a_line_is_what_every_host_said_around_it(sim: Hosts) -> None:
    await sim.talk(16)
    (line,) = (await sim.run("log search '^8$' -t contract")).records
    alone = await sim.run(f"log context '{line.cursor}' -n 1 -t contract")
    assert [record.message for record in alone.records] == ["4", "8", "12"]
    fleet = await sim.run(f"log context '{line.cursor}' -n 1 -t contract --fleet")
    assert [record.message for record in fleet.records] == [str(n) for n in range(4, 13)]


async def test_what_is_found_comes_from_every_host_and_the_newest_of_each_first(sim: Hosts) -> None:
    await sim.talk(12)
    out = await sim.run("log search '^[0-9]+$' -t contract")
    for host in sim.hosts:
        numbers = [int(record.message) for record in out.records if record.host == host.config.name]
        assert len(numbers) == 3
        assert numbers == sorted(numbers, reverse=True)
    few = await sim.run("log search '^[0-9]+$' -t contract -n 2")
    assert len(few.records) == 2


async def test_a_host_that_cannot_be_asked_is_told_and_the_others_are_shown(sim: Hosts) -> None:
    await sim.talk(4)
    (sim.core.config_path.parent / "1" / "known_hosts").write_text("")
    out = await sim.run("log show -t contract")
    assert [record.message for record in out.records] == ["0", "2", "3"]
    assert [error.host for error in out.failures] == [sim.hosts[1].config.name]
