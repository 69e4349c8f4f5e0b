"""The logs of many simulated hosts with clocks of their own, as one log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise
from pathlib import Path

from console.fleet.fleet import open_fleet
from console.fleet.follow import JournalTail, Slow
from console.hosts.links import Links
from console.model.log import LogQuery, LogRecord
from console.model.state import State
from console.model.wants import Wants
from tests.sim.sim_host import SimHost, sim_host

_HOSTS = 8
#: Seconds that the hosts' clocks are off; no two alike.
_SKEWS = (0.0, 300.0, -300.0, 7200.0, -86400.0, 1.5, -2.5, 40.0)
#: Lines said so far apart, in seconds, are in order: what an offset may be off by on a busy machine.
_RIGHT_S = 0.5


@asynccontextmanager
async def followed(folder: Path, query: LogQuery) -> AsyncIterator[tuple[list[SimHost], JournalTail]]:
    """Simulated hosts with skewed clocks, and their logs as they come."""
    async with AsyncExitStack() as stack:
        hosts = []
        for number, skew in zip(range(_HOSTS), _SKEWS, strict=True):
            (folder / str(number)).mkdir()
            host = await stack.enter_async_context(sim_host(folder / str(number), number))
            host.machine.health.clock_offset = skew
            hosts.append(host)
        configs = [host.config for host in hosts]
        wants = Wants(units=False, containers=False, os=False)
        fleet = await stack.enter_async_context(open_fleet(configs, wants, Links(ssh_config=False)))
        assert not await fleet.settled(30)
        names = [config.name for config in configs]
        tail = await stack.enter_async_context(fleet.follow_journal(names, query, slow=Slow.WAIT))
        async with asyncio.timeout(30):
            while any(status.state is not State.LIVE for status in tail.statuses.values()):
                await tail.batch(0)
        yield hosts, tail


async def test_hosts_whose_clocks_are_far_apart_are_merged_in_the_order_in_which_things_happened(
    tmp_path: Path,
) -> None:
    said: dict[str, float] = {}
    query = LogQuery(identifiers=("contract",))

    async with followed(tmp_path, query) as (hosts, tail):

        async def talk() -> None:
            for number in range(20 * _HOSTS):
                said[str(number)] = time.monotonic()
                await hosts[number * 3 % _HOSTS].say(str(number))
                await asyncio.sleep(0.02)

        talking = asyncio.create_task(talk())
        got: list[LogRecord] = []
        async with asyncio.timeout(60):
            while len(got) < 20 * _HOSTS:
                got += [item for item in (await tail.batch(0)).records if isinstance(item, LogRecord)]
        await talking

    for host in hosts:
        numbers = [int(record.message) for record in got if record.host == host.config.name]
        assert numbers == sorted(numbers)
        assert len(numbers) == 20
    moments = [said[record.message] for record in got]
    latest = 0.0
    for moment in moments:
        assert moment > latest - _RIGHT_S
        latest = max(latest, moment)
    assert not any(record.late for record in got)
    times = [record.time for record in got]
    assert any(before > after for before, after in pairwise(times)), "the clocks were off"
