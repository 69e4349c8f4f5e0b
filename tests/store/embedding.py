"""Consoles that share an embedded etcd, and what can be seen of it from outside."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from console.store.embedded_folder import CLIENT
from console.store.embedded_process import parse_stat

_SCRIPT = Path(__file__).with_name("embedded_console.py")
_ROOT = Path(__file__).parents[2]


class Console:
    """A console in a process of its own."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.endpoint = ""

    async def hear(self) -> str:
        """The next line that it says."""
        assert self.process.stdout is not None
        async with asyncio.timeout(30):
            return (await self.process.stdout.readline()).decode().rstrip("\n")

    async def restart(self) -> str:
        """Let it look whether etcd is dead; what it says."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"restart\n")
        return await self.hear()

    async def leave(self) -> int:
        """Let it end by itself; its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        async with asyncio.timeout(30):
            return await self.process.wait()


@asynccontextmanager
async def console(folder: Path) -> AsyncIterator[Console]:
    """One that is ready; killed in the end if it is still there."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, _SCRIPT, folder, stdin=PIPE, stdout=PIPE, env={**os.environ, "PYTHONPATH": str(_ROOT)}
    )
    try:
        one = Console(process)
        said, _, one.endpoint = (await one.hear()).partition(" ")
        assert said == "ready"
        yield one
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def etcds(folder: Path) -> list[int]:
    """The processes that work in `folder` and have not ended: that is where an embedded etcd does."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            _, ended = parse_stat(place.joinpath("stat").read_text())
            if not ended and place.joinpath("cwd").readlink() == folder:
                found.append(int(place.name))
        except (OSError, ValueError):
            continue  # it ended, or has no such folder
    return found


async def etcdctl(folder: Path, *words: str) -> str:
    """What etcdctl says when run against the etcd in `folder`."""
    process = await asyncio.create_subprocess_exec(
        "etcdctl",
        f"--endpoints=unix://{folder / CLIENT}",
        *words,
        stdout=PIPE,
        env={"ETCDCTL_API": "3", "PATH": os.environ["PATH"]},
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode()
