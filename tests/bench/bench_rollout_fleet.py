"""A rollout of 1,000 hosts of which one in a hundred does not work on the new version: its end, its pace.

Simulated hosts on the same machine stage, reboot and go back as real ones do, ten times as fast; a console in
a process of its own brings them to the version by `host update`, in waves, 50 at a time. It is halted where
hosts fail, which go back; once they are mended it is resumed until all hosts run the version. The alternative
is one host alone, as many times over as there are turns of 50.

$QUARTERDECK_BENCH_ROLLOUT sets how many hosts, 1,000 if nothing else is said.

python -m tests.bench rollout_fleet
"""

from __future__ import annotations

import asyncio
import itertools
import os
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from console.lab.sim.plan import SimPlan
from console.rollouts.course import Progress
from tests.sim.rolling_fleet import RollingFleet, rolling_fleet
from tests.store.cluster import ETCD

_HOSTS = int(os.environ.get("QUARTERDECK_BENCH_ROLLOUT", "1000"))
_AT_ONCE = 50
_OPTIONS = ("--gate=1s", "--gate-timeout=40s", "--within=5m")
#: Of each hundred hosts this one.
_BAD = 37
#: The first wave, which is updated alone before.
_ONE, _CANARY = "sim-0001", 1


def run() -> dict[str, object]:
    """Seconds, CPU of the consoles that drove it, and whether every host ended as it should have."""
    if ETCD is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measured(Path(folder)))


async def _measured(folder: Path) -> dict[str, object]:
    plan = SimPlan(_HOSTS, units=60, containers=0, system="atomic", speed=10)
    bad = [f"sim-{number:04}" for number in range(_BAD, _HOSTS + 1, 100)]
    async with rolling_fleet(folder, plan) as fleet:
        await fleet.console.run("lock", "set-max", "default", str(_AT_ONCE), "--yes")
        alone = await _alone(fleet)
        fleet.befall(f'do = "version-fails"\nhosts = {bad}\nversion = "1.1"')
        before, began = _cpu(), time.monotonic()
        words = ("--to=1.1", "--on=*", "--wave=1,1%,25%,100%", f"--max-unavailable={_AT_ONCE}", *_OPTIONS)
        identity = await fleet.roll("host", "update", *words, code=4)
        halted = await _as_it_should_be(fleet, identity, bad)
        fleet.befall(f'do = "version-mended"\nhosts = {bad}\nversion = "1.1"')
        await fleet.console.run("denied", "remove", "host", "1.1", "--yes")
        await fleet.roll("rollout", "resume", identity)
        took, used = time.monotonic() - began, _cpu() - before
        account = await fleet.account(identity)
        turns = -(-(_HOSTS - _CANARY) // _AT_ONCE) + _CANARY
        return {
            "hosts": _HOSTS,
            "halted, and each host as it should be then": halted,
            "done in the end, all on the new version": _yes(
                account.rollout.state == "done" and set((await fleet.ends(identity)).values()) == {"done"}
            ),
            "under way at once, at most": _most_at_once(account.progress.values()),
            "all of it, s": took,
            "CPU of the consoles that drove it, ms a host": 1000 * used / _HOSTS,
            "one host alone, s": alone,
            f"all of it / one host alone in {turns} turns": took / (alone * turns),
            "load average of the machine, as it ended": os.getloadavg()[0],
        }


async def _alone(fleet: RollingFleet) -> float:
    """How long one host takes there, from its first stage to its last; it goes back afterwards."""
    words = ("--to=1.1", f"--on={_ONE}", *_OPTIONS)
    identity = await fleet.roll("host", "update", *words)
    (progress,) = (await fleet.account(identity)).progress.values()
    await fleet.roll("rollout", "undo", identity, *_OPTIONS)
    return (progress.since - progress.trail[0][1]).total_seconds()


async def _as_it_should_be(fleet: RollingFleet, identity: str, bad: list[str]) -> str:
    """Whether those that fail are back, those that do not are updated, and the others were left alone."""
    account, ends = await fleet.account(identity), await fleet.ends(identity)
    wanted = {name: "rolled-back" if name in bad else "done" for name in ends}
    hosts = await fleet.hosts()
    versions = {name: "1.1" if wanted.get(name) == "done" else "1.0" for name in hosts}
    right = (
        account.rollout.state == "halted"
        and ends == wanted
        and {name: host["version"] for name, host in hosts.items()} == versions
        and not await fleet.held()
        and await fleet.denied() == ["1.1"]
    )
    return f"{_yes(right)}: {dict(Counter(ends.values()))}, {len(hosts) - len(ends)} not begun"


def _most_at_once(progress: Iterable[Progress]) -> int:
    turns: list[tuple[datetime, int]] = []
    for one in progress:
        turns += [(one.trail[0][1], 1), (one.since, -1)]
    return max(itertools.accumulate(change for _, change in sorted(turns)), default=0)


def _cpu() -> float:
    """Of processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _yes(right: bool) -> str:
    return "yes" if right else "NO"
