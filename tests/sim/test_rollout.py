"""`host update` over simulated hosts that stage, reboot and go back: it ends right, whatever some do."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from console.lab.sim.machine import boot_of
from console.lab.sim.plan import SimPlan
from tests.sim.rolling_fleet import rolling_fleet
from tests.store.cluster import needs_etcd

pytestmark = needs_etcd

SEED = 7
#: Generous ends, short ways: nothing but the simulated hosts' own times is waited for.
QUICK = ("--gate=1s", "--gate-timeout=40s", "--within=2m")


def plan(hosts: int, system: str = "atomic") -> SimPlan:
    return SimPlan(hosts, units=30, containers=0, seed=SEED, system=system, speed=20)


@pytest.mark.parametrize(
    ("hosts", "bad", "begun"),
    [
        pytest.param(16, ["sim-0007", "sim-0010"], 5, id="16 hosts"),
        pytest.param(40, ["sim-0013", "sim-0020"], 11, id="40 hosts", marks=pytest.mark.full),
    ],
)
async def test_those_that_fail_go_back_and_the_rest_follow_once_they_are_mended(
    tmp_path: Path, hosts: int, bad: list[str], begun: int
) -> None:
    async with rolling_fleet(tmp_path, plan(hosts)) as fleet:
        await fleet.console.run("lock", "set-max", "default", "20", "--yes")
        fleet.befall(f'do = "version-fails"\nhosts = {bad}\nversion = "1.1"')
        words = ("--to=1.1", "--on=*", "--wave=1,25%,100%", "--max-unavailable=12", *QUICK)
        identity = await fleet.roll("host", "update", *words, code=4)
        account = await fleet.account(identity)
        assert account.rollout.state == "halted"
        assert "failed; 1.1 is denied" in account.rollout.why
        ends, after = await fleet.ends(identity), await fleet.hosts()
        back = {name for name, end in ends.items() if end == "rolled-back"}
        assert back == set(bad) & ends.keys() != set()
        assert {name for name, end in ends.items() if end == "done"} == ends.keys() - back
        assert len(ends) >= begun, "it came as far as the third wave"
        for name, host in after.items():
            assert host["version"] == ("1.1" if ends.get(name) == "done" else "1.0"), name
            untouched = host["boot_id"].replace("-", "") == boot_of(SEED, name, 1)
            assert untouched == (name not in ends), "who was not begun is in the boot that it was in"
        assert not any(host["drained"] for host in after.values())
        assert (await fleet.held(), await fleet.denied()) == ([], ["1.1"])

        fleet.befall(f'do = "version-mended"\nhosts = {bad}\nversion = "1.1"')
        await fleet.console.run("rollout", "resume", identity, "--yes", code=3)
        await fleet.console.run("denied", "remove", "host", "1.1", "--yes")
        await fleet.roll("rollout", "resume", identity)
        assert (await fleet.account(identity)).rollout.state == "done"
        assert {host["version"] for host in (await fleet.hosts()).values()} == {"1.1"}
        assert (await fleet.held(), await fleet.denied()) == ([], [])


async def test_one_that_nobody_reaches_comes_back_by_its_guard_and_one_that_hangs_is_lost(
    tmp_path: Path,
) -> None:
    mute, hung = "sim-0001", "sim-0002"
    async with rolling_fleet(tmp_path, plan(2)) as fleet:
        await fleet.console.run("lock", "set-max", "default", "2", "--yes")
        fleet.befall(f'do = "version-mute"\nhosts = ["{mute}"]\nversion = "1.1"')
        fleet.befall(f'do = "version-hangs"\nhosts = ["{hung}"]\nversion = "1.1"')
        words = ("host", "update", "--to=1.1", "--gate=1s", "--allow-denied")
        guarded, unguarded = await asyncio.gather(
            fleet.roll(*words, f"--on={mute}", "--guard=6s", "--within=2m", code=4),
            fleet.roll(*words, f"--on={hung}", "--guard=0", "--within=8s", code=4),
        )
        (back,) = (await fleet.account(guarded)).progress.values()
        assert (back.end, back.failed) == ("rolled-back", "it is back on 1.0: its guard took it back")
        (lost,) = (await fleet.account(unguarded)).progress.values()
        assert lost.end == "lost"
        hosts = await fleet.hosts(code=4)
        assert (hosts[mute]["version"], hosts[mute]["drained"]) == ("1.0", [])
        assert hosts[hung]["state"] == "unreachable"
        assert hosts[hung]["drained"]
        assert (await fleet.held(), await fleet.denied()) == ([hung], ["1.1"])


async def test_hosts_of_rpm_ostree_are_brought_to_the_newest_and_an_undo_takes_them_back(
    tmp_path: Path,
) -> None:
    before, version = "43.20260817.3.0", "43.20260831.3.0"
    async with rolling_fleet(tmp_path, plan(1, "coreos")) as fleet:
        newest = await fleet.console.json("host", "update", "--on=*", "--plan")
        assert [step["then"] for step in newest["steps"]] == [f"{version}, in wave 1 of 1"]
        identity = await fleet.roll("host", "update", "--on=*", *QUICK)
        assert [host["version"] for host in (await fleet.hosts()).values()] == [version]
        await fleet.roll("rollout", "undo", identity, *QUICK)
        assert [host["version"] for host in (await fleet.hosts()).values()] == [before]
