"""A log view on real hosts: every line of each host once and in order, and nothing left there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from console.commands.core import View
from console.fleet.config import load_config
from console.fleet.fleet import Fleet, open_fleet
from console.fleet.follow import JournalTail
from console.hosts.links import Links
from console.lab.lab import Lab
from console.model.log import LogItem, LogQuery, LogRecord, Skipped
from console.model.selector import Selector
from console.model.state import State
from console.model.wants import Wants
from tests.lab.truth import Truth
from tests.lab.waiting import until

HOSTS = ("docker1", "docker2")

#: Says one number after the other under a name of its own, with lines between that nobody asked for.
COUNTING = """systemd-run --quiet --unit={0} -p SyslogIdentifier={0} sh -c '
i=0; while [ $i -lt {1} ]; do i=$((i+1)); echo $i; logger -t other noise; sleep {2}; done'"""

FOLLOWERS = "grep -sl journalctl /proc/[0-9]*/comm | wc -l"


class Seen:
    """What the view has shown."""

    def __init__(self, tail: JournalTail) -> None:
        self.tail = tail
        self.items: list[LogItem] = []
        self.skipped = 0

    async def until(self, condition: Callable[[], bool], what: str, within: float = 60.0) -> None:
        try:
            async with asyncio.timeout(within):
                while not condition():
                    batch = await self.tail.batch()
                    self.items += batch.records
                    self.skipped += sum(i.count for i in batch.records if isinstance(i, Skipped))
        except TimeoutError:
            pytest.fail(f"not within {within} s: {what}; {self.tail.statuses}, {len(self.items)} lines")

    async def all_are(self, state: State) -> None:
        await self.until(
            lambda: all(status.state is state for status in self.tail.statuses.values()), f"all are {state}"
        )

    def of(self, host: str) -> list[str]:
        return [i.message if isinstance(i, LogRecord) else "gap" for i in self.items if i.host == host]


@pytest.fixture
async def fleet(breakable: Lab) -> AsyncIterator[Fleet]:
    config = load_config((await breakable.status()).config)
    wants = Wants(units=False, containers=False, os=False)
    async with open_fleet([h for h in config.hosts if h.name in HOSTS], wants, Links()) as fleet:
        assert not await fleet.settled(30)
        yield fleet


async def inside(lab: Lab, host: str, command: str) -> None:
    """Run a shell line as root on the host, past its network."""
    assert await lab.exec(host, ("sh", "-c", command)) == 0, command


async def test_a_host_that_was_cut_off_goes_on_where_it_was_and_the_other_never_stops(
    breakable: Lab, fleet: Fleet
) -> None:
    query = LogQuery(identifiers=("counting",), grep="^[0-9]+$", lines=0)
    async with fleet.follow_journal(HOSTS, query) as tail:
        seen = Seen(tail)
        await seen.all_are(State.LIVE)
        for host in HOSTS:
            await inside(breakable, host, COUNTING.format("counting", 300, 0.1))
        await seen.until(lambda: all(len(seen.of(host)) > 20 for host in HOSTS), "both are heard")
        await breakable.cut("docker1")
        await seen.until(lambda: tail.statuses["docker1"].state is State.STALE, "docker1 is stale", 15)
        assert tail.statuses["docker1"].reason
        assert tail.statuses["docker2"].state is State.LIVE
        before = len(seen.of("docker2"))
        await seen.until(lambda: len(seen.of("docker2")) > before, "docker2 goes on meanwhile")
        await breakable.heal("docker1")
        await seen.until(lambda: all("300" in seen.of(host) for host in HOSTS), "both are heard to the end")
        await seen.all_are(State.LIVE)
        for host in HOSTS:
            assert seen.of(host) == [str(i) for i in range(1, 301)]
        assert seen.skipped == 0


async def test_what_two_hosts_said_before_comes_first_and_by_time(
    breakable: Lab, fleet: Fleet, truth: Truth
) -> None:
    for i in range(6):
        await asyncio.to_thread(truth.ask, HOSTS[i % 2], f"logger -t earlier {i}")
    query = LogQuery(identifiers=("earlier",), lines=3)
    view = View(fleet, Selector.parse("kind=docker"))
    async with view.follow_journal(query) as tail:
        seen = Seen(tail)
        await seen.until(lambda: len(seen.items) == 6, "all that was said before")
        assert [i.message for i in seen.items if isinstance(i, LogRecord)] == list("012345")
        await inside(breakable, "docker2", "logger -t earlier later")
        await seen.until(lambda: seen.of("docker2")[-1] == "later", "what is said now")


async def test_no_journalctl_is_left_on_the_host_when_the_view_is_left(fleet: Fleet, truth: Truth) -> None:
    async def followers() -> int:
        return int(await asyncio.to_thread(truth.ask, "docker1", FOLLOWERS))

    before = await followers()
    async with fleet.follow_journal(["docker1"], LogQuery(lines=0)) as tail:
        await Seen(tail).all_are(State.LIVE)
        assert await followers() == before + 1
    await until(
        lambda: int(truth.ask("docker1", FOLLOWERS)) == before, "the host has as many journalctl as before", 5
    )


async def test_a_flood_on_one_host_is_bounded_and_counted_and_hides_nothing_of_the_other(
    breakable: Lab, fleet: Fleet
) -> None:
    query = LogQuery(identifiers=("flood",), lines=0)
    async with (
        fleet.follow_journal(HOSTS, query, pending=1000) as tail,
        fleet.follow_journal(["docker1"], LogQuery(identifiers=("flood",), grep="^20000$", lines=0)) as end,
    ):
        seen, other = Seen(tail), Seen(end)
        await seen.all_are(State.LIVE)
        await other.all_are(State.LIVE)
        unlimited = "-p LogRateLimitIntervalSec=0 -p SyslogIdentifier=flood"
        await inside(breakable, "docker2", "logger -t flood here")
        await inside(breakable, "docker1", f"systemd-run --quiet --wait {unlimited} seq 20000")
        # The first reader is away until the second knows that all of it has come.
        await other.until(lambda: other.of("docker1") == ["20000"], "the end of the flood")
        await seen.until(lambda: "20000" in seen.of("docker1"), "the end of the flood")
        assert seen.of("docker2") == ["here"]
        numbers = [int(line) for line in seen.of("docker1") if line.isdigit()]
        assert seen.skipped > 0
        assert len(numbers) + seen.skipped == 20000
        assert numbers == sorted(set(numbers))
        assert numbers[-1] == 20000
