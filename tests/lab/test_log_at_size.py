"""Three hosts write numbered lines while everything happens to them: what comes is what was written.

Less only what the host itself no longer had when it was reached again, and that is one gap, exact to the
neighbouring lines. 60,000 lines in the usual run, a million in the full one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from console.fleet.config import load_config
from console.fleet.fleet import Fleet, open_fleet
from console.fleet.follow import JournalTail, Slow
from console.hosts.journal_cursor import Place, same_entry
from console.hosts.links import Links
from console.lab.lab import Lab
from console.model.log import Gap, LogItem, LogQuery, LogRecord
from console.model.state import State
from console.model.wants import Wants
from tests.lab.truth import Truth

#: So many lines no host of the lab vacuums by itself while it is cut off.
_KEPT = 60_000
UNIT, DOCKER, PODMAN = HOSTS = ("plain1", "docker1", "podman1")
NAME = "sized"
_NO_LIMIT = "/run/systemd/journald.conf.d/no-limit.conf"
#: Says the numbers from one to another, about 5,000 a second at most.
_COUNT = "i={0}; while [ $i -le {1} ]; do echo $i; i=$((i+1)); [ $((i % 100)) -ne 0 ] || sleep 0.02; done"
#: The oldest entry that a host has, and where it is written down while the network does not reach it.
_OLDEST = "journalctl -q --no-pager -o export --output-fields=_BOOT_ID | sed -n 's/^__CURSOR=//p;/^$/q'"
_LEFT = "/run/oldest-entry"
_UNLIMITED = f"-p SyslogIdentifier={NAME} -p LogRateLimitIntervalSec=0"


@dataclass
class Heard:
    """What one host's log was: the numbers in their order, and gaps with what stood around them."""

    numbers: list[int] = field(default_factory=list)
    #: Each with the cursors of the lines before and after it, and how many numbers came before it.
    gaps: list[tuple[Gap, str | None, int]] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    last: str | None = None

    def take(self, item: LogItem) -> None:
        if isinstance(item, Gap):
            if len(self.after) < len(self.gaps):
                self.after.append(item.after or "")  # vacuumed on before it was read: the two are one
                self.last = item.after
            self.gaps.append((item, self.last, len(self.numbers)))
        elif isinstance(item, LogRecord):
            if len(self.after) < len(self.gaps):
                self.after.append(item.cursor)
            self.last = item.cursor
            if NAME in (item.container or item.identifier or "") and item.message.isdigit():
                self.numbers.append(int(item.message))


class Listening:
    """The merged log of the hosts, taken as it comes."""

    def __init__(self, tail: JournalTail) -> None:
        self.tail = tail
        self.hosts = {host: Heard() for host in HOSTS}

    async def until(self, true: Callable[[], bool], what: str, within: float) -> None:
        try:
            async with asyncio.timeout(within):
                while not true():
                    for item in (await self.tail.batch(0.02, idle=0.5)).records:
                        self.hosts[item.host].take(item)
        except TimeoutError:
            counts = {host: len(heard.numbers) for host, heard in self.hosts.items()}
            pytest.fail(f"not within {within} s: {what}; {counts}, {self.tail.statuses}")

    def count(self, host: str) -> int:
        return len(self.hosts[host].numbers)


@pytest.fixture
async def fleet(breakable: Lab) -> AsyncIterator[Fleet]:
    config = load_config((await breakable.status()).config)
    wants = Wants(units=False, containers=False, os=False)
    async with open_fleet([host for host in config.hosts if host.name in HOSTS], wants, Links()) as fleet:
        assert not await fleet.settled(60)
        yield fleet


@pytest.mark.parametrize("lines", [60_000, pytest.param(1_000_000, marks=pytest.mark.full)])
async def test_what_three_hosts_write_comes_once_and_in_order_whatever_happens_to_them(
    breakable: Lab, fleet: Fleet, truth: Truth, lines: int
) -> None:
    each, within = lines // 3, 120 + lines / 500
    thirds = [range(each * n // 3 + 1, each * (n + 1) // 3 + 1) for n in range(3)]

    async def inside(host: str, command: str) -> None:
        assert await breakable.exec(host, ("sh", "-c", command)) == 0, (host, command)

    async def unlimited(host: str) -> None:
        limits = f"printf '[Journal]\\nRateLimitIntervalSec=0\\n' > {_NO_LIMIT}"
        await inside(host, f"mkdir -p $(dirname {_NO_LIMIT}); {limits}; systemctl restart systemd-journald")

    async def say(host: str, engine: str, numbers: range, options: str = "-d") -> None:
        """In a container that logs to journald; returns once it runs, or without `-d` once it has ended."""
        image = f"$({engine} image ls -q | head -n1)"
        run = f"{engine} run {options} --rm --name {NAME}-{numbers[0]} --log-driver journald {image}"
        await inside(host, f"{run} sh -c '{_COUNT.format(numbers[0], numbers[-1])}' >/dev/null")

    async with fleet.follow_journal(HOSTS, LogQuery(lines=0), slow=Slow.WAIT) as tail:
        heard = Listening(tail)
        statuses = tail.statuses
        await heard.until(
            lambda: all(status.state is State.LIVE for status in statuses.values()), "all are live", 60
        )
        try:
            await unlimited(DOCKER)
            await unlimited(PODMAN)
            await say(DOCKER, "docker", range(1, each + 1))
            await say(PODMAN, "podman", thirds[0])
            half = _COUNT.format(1, each // 2)
            await inside(UNIT, f"systemd-run --quiet --unit={NAME} {_UNLIMITED} sh -c '{half}'")

            await heard.until(lambda: min(map(heard.count, HOSTS)) > each // 20, "all are heard", within)
            await inside(
                DOCKER, "ss -K dst 0/0 sport = 22 >/dev/null 2>&1; systemctl restart systemd-journald"
            )
            await inside(UNIT, "journalctl --rotate")

            await breakable.cut(PODMAN)
            await heard.until(lambda: statuses[PODMAN].state is State.STALE, "one is cut off", 60)
            await say(PODMAN, "podman", thirds[1], options="")
            await inside(PODMAN, "journalctl --rotate; logger between; journalctl --rotate")
            await inside(PODMAN, "journalctl -q --vacuum-files=1")
            await inside(PODMAN, f"{_OLDEST} > {_LEFT}")
            await breakable.heal(PODMAN)
            await heard.until(lambda: statuses[PODMAN].state is State.LIVE, "it is back", 60)
            await say(PODMAN, "podman", thirds[2])

            await breakable.cut(DOCKER)
            await heard.until(lambda: statuses[DOCKER].state is State.STALE, "another is cut off", 60)
            await breakable.heal(DOCKER)

            await heard.until(lambda: heard.count(UNIT) == each // 2, "half of a unit's lines", within)
            await inside(UNIT, "systemctl reboot")
            await heard.until(lambda: statuses[UNIT].state is not State.LIVE, "it goes down", 60)
            await heard.until(lambda: statuses[UNIT].state is State.LIVE, "it is up again", 120)
            rest = _COUNT.format(each // 2 + 1, each)
            await inside(UNIT, f"systemd-run --quiet --unit={NAME}-2 {_UNLIMITED} sh -c '{rest}'")
            await heard.until(
                lambda: all(heard.hosts[host].numbers[-1:] == [each] for host in HOSTS), "every end", within
            )
        finally:
            for host in (DOCKER, PODMAN):
                await breakable.heal(host)
                await inside(host, f"rm -f {_NO_LIMIT}; systemctl restart systemd-journald")

    left = (await asyncio.to_thread(truth.ask, PODMAN, f"cat {_LEFT}")).strip()
    for host, log in heard.hosts.items():
        lost = exact(log)
        assert len(log.numbers) + lost == each, host
    assert heard.hosts[UNIT].gaps == []
    assert lines > _KEPT or heard.hosts[DOCKER].gaps == []
    vacuumed = heard.hosts[PODMAN]
    assert len(thirds[1]) <= exact(vacuumed)
    assert any(same_entry(after, left) for after in vacuumed.after)


def exact(log: Heard) -> int:
    """How many numbers are missing; each of them within a gap that is exact to the neighbouring lines."""
    for (gap, before, _), after in zip(log.gaps, log.after, strict=True):
        assert gap.after == before
        assert gap.before == after
        first, last = Place.of(before or ""), Place.of(after)
        assert first is not None
        assert last is not None
        assert "docker numbered" not in gap.reason, "journald has lost what docker gave it"
        # Of what was there when it was looked at, and gone when it was read, the first one counts, too.
        read_too_late = "before they were read" in gap.reason
        assert gap.count == last.seqnum - first.seqnum - (not read_too_late)
    at_gaps = {at: gap for gap, _, at in log.gaps}
    lost = 0
    for at, (number, following) in enumerate(pairwise((0, *log.numbers))):
        if following != number + 1:
            assert at in at_gaps, (number, following, log.gaps)
            assert 0 < following - number - 1 <= (at_gaps[at].count or 0)
            lost += following - number - 1
    return lost
