"""Journals of hosts whose clocks are far apart, real ones, as one log.

Each host is an sshd whose journalctl reads journal files that systemd-journal-remote made with the host's own
times, and whose `date` is as far off as these are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from console.fleet.fleet import open_fleet
from console.fleet.follow import Slow
from console.hosts.links import Links
from console.model.config import HostConfig
from console.model.log import LogQuery, LogRecord
from console.model.state import State
from console.model.wants import Wants
from tests.commands.collected import core_of, run
from tests.hosts.journal_files import JournalFiles, journal_files, needs_journal_tools
from tests.hosts.sshd import running_sshd

pytestmark = needs_journal_tools

#: Seconds that the hosts' clocks are ahead.
_SKEWS = (0.0, 300.0, -86400.0, 40.0)
#: Lines said so far apart, in seconds, are in order: what an offset may be off by on a busy machine.
_RIGHT_S = 0.5


@dataclass(frozen=True)
class Host:
    """One of them, which writes its journal by its own clock."""

    config: HostConfig
    files: JournalFiles
    ahead_s: float

    def say(self, text: str, when: float) -> None:
        """Write a line at `when` by the true time."""
        self.files.now_is(when + self.ahead_s)
        self.files.write(text, SYSLOG_IDENTIFIER="said")


@pytest.fixture(name="hosts")
async def fixture_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[Host]]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    async with AsyncExitStack() as stack:
        hosts = []
        for number, ahead_s in enumerate(_SKEWS):
            (folder := tmp_path / str(number)).mkdir()
            files = stack.enter_context(journal_files(folder))
            files.set_clock_of_host(ahead_s)
            sshd = await stack.enter_async_context(running_sshd(folder))
            sshd.path = files.path
            hosts.append(Host(sshd.config(f"web{number}"), files, ahead_s))
        yield hosts


def talk(hosts: list[Host], turns: int, began: float) -> None:
    """Numbers, a second apart, each on the next host."""
    for number in range(turns):
        hosts[number % len(hosts)].say(str(number), began + number)


async def test_what_was_written_is_shown_in_its_order_whatever_the_clocks_say(
    hosts: list[Host], tmp_path: Path
) -> None:
    talk(hosts, 32, time.time() - 3600)
    out = await run(core_of([host.config for host in hosts], tmp_path), "log show -t said")
    assert out.said() == [str(number) for number in range(32)]
    times = [record.time for record in out.records]
    assert times != sorted(times), "the clocks were off"
    assert not out.failures


async def test_what_happened_around_a_line_is_what_every_host_wrote_then(
    hosts: list[Host], tmp_path: Path
) -> None:
    talk(hosts, 32, time.time() - 3600)
    core = core_of([host.config for host in hosts], tmp_path)
    (line,) = (await run(core, "log search '^16$' -t said")).records
    around = await run(core, f"log context '{line.cursor}' -n 1 -t said --fleet")
    assert around.said() == [str(number) for number in range(12, 21)]


async def test_a_host_whose_clock_was_set_back_keeps_its_own_order_and_the_others_theirs(
    hosts: list[Host], tmp_path: Path
) -> None:
    began = time.time() - 3600
    talk(hosts, 16, began)
    back = hosts[1]
    back.say("after it was set back", began - 600)
    back.say("and again", began + 17)
    out = await run(core_of([host.config for host in hosts], tmp_path), "log show -t said")
    numbers = ["1", "5", "9", "13"]
    assert out.said("web1") == [*numbers, "after it was set back", "and again"]
    others = [int(text) for text in out.said() if text.isdigit() and text not in numbers]
    assert others == sorted(others)
    assert out.said()[-1] == "and again"


async def test_what_is_written_now_comes_in_the_order_in_which_it_happened(hosts: list[Host]) -> None:
    turns = 20 * len(hosts)
    said: dict[str, float] = {}
    for host in hosts:
        host.say("before", time.time())
    wants = Wants(units=False, containers=False, os=False)
    names = [host.config.name for host in hosts]
    async with open_fleet([host.config for host in hosts], wants, Links(ssh_config=False)) as fleet:
        assert not await fleet.settled(60)
        query = LogQuery(identifiers=("said",), lines=0)
        async with fleet.follow_journal(names, query, slow=Slow.WAIT) as tail:
            async with asyncio.timeout(60):
                while any(status.state is not State.LIVE for status in tail.statuses.values()):
                    await tail.batch(0)

            async def talk_now() -> None:
                for number in range(turns):
                    said[str(number)] = time.time()
                    await asyncio.to_thread(hosts[number * 3 % len(hosts)].say, str(number), time.time())
                    await asyncio.sleep(0.02)

            talking = asyncio.create_task(talk_now())
            got: list[LogRecord] = []
            async with asyncio.timeout(60):
                while len(got) < turns:
                    got += [item for item in (await tail.batch(0)).records if isinstance(item, LogRecord)]
            await talking
    for name in names:
        numbers = [int(record.message) for record in got if record.host == name]
        assert numbers == sorted(numbers)
        assert len(numbers) == turns // len(hosts)
    latest = 0.0
    for record in got:
        assert said[record.message] > latest - _RIGHT_S or record.late
        latest = max(latest, said[record.message])
    times = [record.time for record in got]
    assert any(before > after for before, after in pairwise(times)), "the clocks were off"
