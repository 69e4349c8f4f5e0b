"""`lab sim` as a program: its first line, its hosts, and that nothing is left of it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from console.fleet.config import load_config
from console.fleet.fleet import open_fleet
from console.hosts.links import Links
from console.lab.sim.fleet import SimFleet
from console.lab.sim.plan import SimPlan
from console.lab.sim.script import parse
from console.lab.sim.standing import down
from console.model.state import State
from console.model.wants import Wants


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user's simulated fleet would be."""
    monkeypatch.setenv("QUARTERDECK_LAB_ROOT", str(tmp_path / "lab"))
    return tmp_path / "lab-sim"


@asynccontextmanager
async def quarterdeck(*words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "console", *words, stdout=pipe, stderr=pipe,
        # A shell's `&` would have it ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


def workers_of(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def ended(pid: int) -> None:
    """Wait for a process of somebody else's to end."""
    async with asyncio.timeout(10):
        while alive(pid):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def is_there(root: Path) -> bool:
    return root.exists()


async def test_the_first_line_is_the_fleet_file_and_ctrl_c_leaves_nothing(root: Path) -> None:
    async with quarterdeck("lab", "sim", "--hosts", "3", "--workers", "2") as process:
        assert process.stdout
        config = Path((await process.stdout.readline()).decode().rstrip("\n"))
        assert config == root / "fleet.toml"
        workers = workers_of(process.pid)
        assert len(workers) == 2
        async with open_fleet(load_config(config).hosts, Wants(), Links(ssh_config=False)) as fleet:
            assert await fleet.settled(30) == []
            assert len({unit.host for unit in fleet.model.units()}) == 3
            assert len({container.host for container in fleet.model.containers()}) == 3
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
        assert not any(alive(pid) for pid in workers)
        assert not is_there(root)


async def test_its_hosts_end_with_it_even_if_it_is_killed(root: Path) -> None:
    async with quarterdeck("lab", "sim", "--hosts", "2", "--workers", "1") as process:
        assert process.stdout
        await process.stdout.readline()
        (worker,) = workers_of(process.pid)
        process.kill()
        await process.wait()
        await ended(worker)
    assert await down(root) is False
    assert not is_there(root)


async def test_a_detached_fleet_runs_until_lab_down_and_there_is_one(root: Path) -> None:
    async with quarterdeck("lab", "sim", "--hosts", "2", "--detach", "--output", "json") as process:
        out, err = await process.communicate()
        assert process.returncode == 0, err
    assert Path(json.loads(out)["config"]) == root / "fleet.toml"
    pid = int((root / "lock").read_text())
    try:
        async with quarterdeck("lab", "sim", "--hosts", "2") as second:
            _, err = await second.communicate()
            assert second.returncode == 1
            assert b"already runs" in err
        async with quarterdeck("lab", "sim", "--hosts", "3", "--detach", "--output", "json") as third:
            out, err = await third.communicate()
            assert third.returncode == 0
            assert Path(json.loads(out)["config"]) == root / "fleet.toml"
            assert b"already runs" in err
            assert int((root / "lock").read_text()) == pid
    finally:
        assert await down(root) is True
    await ended(pid)
    assert not is_there(root)


async def test_a_script_that_is_none_is_a_usage_error(root: Path, tmp_path: Path) -> None:
    script = tmp_path / "faults.toml"
    script.write_text('[[fault]]\ndo = "melt"\n')
    async with quarterdeck("lab", "sim", "--script", str(script)) as process:
        _, err = await process.communicate()
    assert process.returncode == 2
    assert b"melt" in err


async def test_faults_befall_hosts_of_every_process_while_the_fleet_runs(tmp_path: Path) -> None:
    fleet = SimFleet(tmp_path / "sim", SimPlan(hosts=4, units=20, containers=2, workers=2), lambda line: None)
    wants = Wants(containers=False, os=False)
    async with fleet.running() as running:
        hosts = load_config(running.config).hosts
        async with open_fleet(hosts, wants, Links(ssh_config=False)) as view:
            assert await view.settled(30) == []
            (fault,) = parse('[[fault]]\ndo = "die"')
            running.befall(fault)
            async with asyncio.timeout(20):
                while any(host.status.state is State.LIVE for host in view.model.hosts()):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)


async def test_a_worker_that_dies_ends_the_fleet_and_says_so(tmp_path: Path) -> None:
    fleet = SimFleet(tmp_path / "sim", SimPlan(hosts=2, units=20, containers=2, workers=2), lambda line: None)
    before = workers_of(os.getpid())
    async with fleet.running() as running:
        worker = next(pid for pid in workers_of(os.getpid()) if pid not in before)
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(Exception, match="ended by itself"):
            async with asyncio.timeout(10):
                await running.wait()
