"""A lab's life: it converges, it mends what was interrupted, and it goes without a trace."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from console.errors import LabError
from console.lab import cgroup
from console.lab.lab import Lab, LabStatus, default_cache
from console.lab.layout import Layout
from tests.lab.waiting import commands_naming


def root_of(status: LabStatus) -> Path:
    return status.config.parent


def traces(root: Path) -> list[str]:
    """What there is of the lab in `root`: files, processes, mounts, links, control groups."""
    layout = Layout.here(root)
    found = [f"file {root}"] if root.exists() else []
    found += [f"process {command}" for pid, command in commands_naming(root).items() if pid != os.getpid()]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"{root}/" in process.joinpath("mountinfo").read_text(errors="replace"):
                found.append(f"mount seen by {process.name}")
        except OSError:
            continue  # it has ended
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    found += [f"link {line}" for line in links.splitlines() if layout.bridge in line]
    groups = cgroup.mounted()
    assert groups is not None
    return found + [f"group {path}" for path in groups.rglob(f"*{layout.id}*") if path.is_dir()]


def boots(root: Path) -> dict[str, int]:
    """How often each host was powered on, by its supervisor's own log."""
    logs = root.glob("hosts/*/console.log")
    return {log.parent.name: log.read_text(errors="replace").count("power on") for log in logs}


def supervisors(root: Path) -> list[int]:
    """The processes that boot the hosts."""
    commands = commands_naming(root / "hosts")
    return [pid for pid, command in commands.items() if "console.lab.boot" in command]


async def test_up_converges_and_down_leaves_nothing(spare: Lab) -> None:
    status = await spare.up({"plain": 2})
    root = root_of(status)
    assert [(host.name, host.state) for host in status.hosts] == [
        ("plain1", "running"),
        ("plain2", "running"),
    ]
    kinds = {trace.split()[0] for trace in traces(root)}
    assert kinds == {"file", "process", "mount", "link", "group"}, "else this test could not fail"

    assert await spare.up({"plain": 1}) == status
    assert boots(root) == {"plain1": 1, "plain2": 1}, "what runs is left running"

    fewer = await spare.up({"plain": 1}, exact=True)
    assert fewer.hosts == status.hosts[:1]
    assert boots(root) == {"plain1": 1}
    assert "plain2" not in fewer.config.read_text()

    await spare.down()
    assert traces(root) == []
    assert await spare.status() == LabStatus(fewer.config, ())
    await spare.down()


async def test_hosts_are_mended_after_their_supervisors_were_killed_and_down_ends_them(spare: Lab) -> None:
    root = root_of(await spare.up({"plain": 1}))
    for pid in supervisors(root):
        os.kill(pid, signal.SIGKILL)
    assert [host.state for host in (await spare.status()).hosts] == ["running"], "the host itself lives on"
    assert [host.state for host in (await spare.up({"plain": 1})).hosts] == ["running"]
    assert len(supervisors(root)) == 1
    for pid in supervisors(root):
        os.kill(pid, signal.SIGKILL)
    await spare.down()
    assert traces(root) == []


UP = """\
import asyncio, sys
from pathlib import Path
from console.lab.lab import Lab
asyncio.run(Lab(Path(sys.argv[1]), Path(sys.argv[2]), print).up({"plain": 2}))
"""


def killed_up(root: Path) -> None:
    """An `up` that is killed when its hosts are booting."""
    argv = [sys.executable, "-c", UP, str(root), str(default_cache())]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not supervisors(root):
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()


async def test_after_a_killed_up_the_next_up_completes_it_and_down_takes_it_away(spare: Lab) -> None:
    root = root_of(await spare.status())
    await asyncio.to_thread(killed_up, root)
    status = await spare.up({"plain": 2})
    assert [host.state for host in status.hosts] == ["running", "running"]
    await spare.down()
    await asyncio.to_thread(killed_up, root)
    await spare.down()
    assert traces(root) == []


async def test_two_ups_at_once_make_one_lab(spare: Lab) -> None:
    root = root_of(await spare.status())
    said: list[str] = []
    other = Lab(root, default_cache(), said.append)
    await asyncio.gather(spare.up({"plain": 1}), other.up({"plain": 2}))
    assert [(host.name, host.state) for host in (await spare.status()).hosts] == [
        ("plain1", "running"),
        ("plain2", "running"),
    ]
    assert len(supervisors(root)) == 2


async def test_a_wish_that_cannot_be_is_refused_before_anything_is_made(spare: Lab) -> None:
    root = root_of(await spare.status())
    with pytest.raises(LabError, match="no kind of host called vm"):
        await spare.up({"vm": 1})
    assert traces(root) == []


async def test_what_the_system_refuses_is_said_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LabError, match="file/lab"):
        await Lab(tmp_path / "file/lab", default_cache(), print).up({"plain": 1})
