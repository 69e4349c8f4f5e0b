"""Simulated hosts that are updated as a whole, a real etcd, and rollouts by the command line."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.lab.sim.fleet import Running, SimFleet
from console.lab.sim.plan import SimPlan
from console.lab.sim.script import parse
from console.rollouts.ledger import Ledger
from console.rollouts.rollout import Account
from console.store.client import Etcd, open_etcd
from console.store.schema import Keys
from tests.cli.services_fleet import Console
from tests.store.cluster import running_cluster

#: So long a console waits for hosts that have not answered yet: a busy machine takes its time for a thousand.
_PATIENCE = "10m"


@dataclass(frozen=True)
class RollingFleet:
    """What a test does to it, and what it sees of it."""

    console: Console
    running: Running
    etcd: Etcd

    def befall(self, text: str) -> None:
        """Have something happen to hosts: a fault of a script."""
        (fault,) = parse(f"[[fault]]\n{text}")
        self.running.befall(fault)

    async def line(self, *words: str, code: int = 0) -> str:
        """A line of ours in a process of its own, to its end, however long that takes; what it printed."""
        folder = self.console.folder
        ours = ("--config", str(folder / "fleet.toml"), f"--timeout={_PATIENCE}")
        argv = (sys.executable, "-m", "console", *ours, *words)
        with (folder / "said").open("ab") as said:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=said,
                env={**os.environ, "HOME": str(folder), "XDG_STATE_HOME": str(folder)},
            )
            try:
                out, _ = await process.communicate()
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        assert process.returncode == code, (words, process.returncode, (folder / "said").read_text()[-3000:])
        return out.decode()

    async def roll(self, *words: str, code: int = 0) -> str:
        """The same of one that changes something; its first line: a rollout's id."""
        return (await self.line(*words, "--yes", code=code)).partition("\n")[0]

    async def account(self, identity: str) -> Account:
        """A rollout as it is written."""
        return await Ledger(self.etcd, Keys(self.etcd.prefix)).account(identity)

    async def ends(self, identity: str) -> dict[str, str]:
        """How the targets of a rollout ended; those that have not begun are missing."""
        progress = (await self.account(identity)).progress
        return {name: str(one.end) for name, one in progress.items()}

    async def hosts(self, code: int = 0) -> Mapping[str, Any]:
        """Every host's row, by its name. :param code: 4 where one of them does not answer."""
        rows = json.loads(await self.line("host", "list", "-o", "json", code=code))
        return {row["name"]: row for row in rows}

    async def held(self) -> list[str]:
        """The hosts for which somebody holds a reboot lock."""
        locks = await self.console.json("lock", "status")
        return [holder["host"] for lock in locks for holder in lock["holders"]]

    async def denied(self) -> list[str]:
        return [one["version"] for one in await self.console.json("denied", "list")]


@asynccontextmanager
async def rolling_fleet(folder: Path, plan: SimPlan) -> AsyncIterator[RollingFleet]:
    """Hosts and an etcd; all of it ends with the context."""
    (folder / "etcd").mkdir()
    home = folder / "home"
    home.mkdir()
    async with (
        running_cluster(folder / "etcd") as cluster,
        SimFleet(folder / "sim", plan, lambda line: None).running() as running,
        open_etcd(cluster.config()) as etcd,
    ):
        endpoints = json.dumps(list(cluster.config().endpoints))
        (home / "fleet.toml").write_text(f"{running.config.read_text()}\n[etcd]\nendpoints = {endpoints}\n")
        yield RollingFleet(Console(home), running, etcd)
