"""Simulated hosts, a real etcd, and consoles on both; the test itself is the engine, where one is needed."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.cli.printer import Printer
from console.cli.registry import all_commands
from console.commands.core import Core
from console.commands.grammar import parse
from console.engine.services import Assigned, ServiceStore, assigned_bytes
from console.errors import QuarterdeckError
from console.lab.sim.catalog import units
from console.lab.sim.fleet import SimFleet
from console.lab.sim.plan import SimPlan
from console.store.client import Etcd, open_etcd
from console.store.mirror import mirror
from console.store.values import Delete, Put, Span
from tests.lab.waiting import patience
from tests.store.cluster import running_cluster

_UNITS = 30

#: A unit that every simulated host has, running.
RUNNING = next(
    kind.name
    for kind in units(_UNITS, "docker")
    if kind.name.startswith("app-") and kind.active == "active" and "@" not in kind.name
)

UNIT = "[Unit]\nDescription=A test\n[Service]\nExecStart=/bin/true\n[X-Quarterdeck]\n"


@dataclass(frozen=True)
class Done:
    """What a console has said."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@dataclass(frozen=True)
class Console:
    """A console with a folder of its own, in which its lines are typed."""

    folder: Path

    def file(self, name: str, *lines: str, text: str = UNIT) -> str:
        """A unit file in the folder, with these lines in its section of policy."""
        (self.folder / name).write_text(text + "".join(f"{line}\n" for line in lines))
        return name

    @asynccontextmanager
    async def begun(self, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """A line that is on its way, and does not outlive this."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "console", "--config", str(self.folder / "fleet.toml"), *words),
            cwd=self.folder,
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": str(self.folder),
                "XDG_STATE_HOME": str(self.folder),
                "PYTHONPATH": str(Path(__file__).parents[2]),
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(90):
                yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def run(self, *words: str, code: int = 0) -> Done:
        """A line in this process, as `console/cli/run.py` runs it: a tenth of a process of its own."""
        line = parse(["--config", str(self.folder / "fleet.toml"), *words], all_commands())
        assert line.command is not None
        home = str(self.folder)
        core = Core(line.globals, environ={"HOME": home, "XDG_STATE_HOME": home})
        out, err = io.StringIO(), io.StringIO()
        printer = Printer(line.globals.output, out=out, err=err, environ={})
        try:
            core.check(line.command)
            async with asyncio.timeout(patience(60)), core.recalled(line.command.recall, printer.note):
                await line.command.run(core, printer)
            ended = 4 if printer.failures else 0
        except QuarterdeckError as error:
            printer.error(str(error))
            ended = error.exit_code
        done = Done(ended, out.getvalue(), err.getvalue())
        assert done.code == code, (words, done)
        return done

    async def run_apart(self, *words: str) -> str:
        """A line in a process of its own, which must do; its stdout."""
        async with self.begun(*words) as process:
            out, err = await process.communicate()
        assert process.returncode == 0, (words, err)
        return out.decode()

    async def json(self, *words: str, code: int = 0) -> Any:
        return (await self.run(*words, "-o", "json", code=code)).json


@dataclass(frozen=True)
class Fleet:
    """Three simulated hosts and their etcd. `hosts` are their names."""

    console: Console
    etcd: Etcd
    hosts: tuple[str, ...]

    @property
    def store(self) -> ServiceStore:
        return ServiceStore(self.etcd)

    async def elect(self) -> None:
        """Have an engine be elected, as far as anybody can see."""
        await self.etcd.write([Put(self.store.keys.leader, b"{}")])

    async def place(
        self, instance: str, host: str, *, epoch: int = 1, revision: int = 1, everywhere: bool = False
    ) -> None:
        """Write a placement as an engine does."""
        name, at, _ = instance.partition("@")
        service = f"{name}@.service" if at else instance
        one = Assigned(service, instance, host, epoch, revision)
        key = self.store.assigned_key(one, everywhere=everywhere)
        await self.etcd.write([Put(key, assigned_bytes(one))])

    async def observe(self, host: str, instances: Mapping[str, tuple[str, str, str]]) -> None:
        """Tell how instances are as an engine does: service, state and reason by name."""
        told = json.dumps({"standing": "live", "instances": instances}).encode()
        await self.etcd.write([Put(self.store.keys.observed(host), told)])

    async def unplace(self, instance: str) -> None:
        """Forget a placement as an engine does."""
        found = next(one for one in await self.store.assigned() if one.instance == instance)
        await self.etcd.write([Delete(Span(self.store.assigned_key(found, everywhere=False)))])

    async def desired(self, service: str, state: str | None) -> None:
        """Wait until a service is to be so; None: until it is not there any more."""
        async with asyncio.timeout(20):
            async with aclosing(mirror(self.etcd, self.store.keys.under("services"), {})) as changing:
                async for _ in changing:
                    found = (await self.store.services())[0].get(service)
                    if (None if found is None else found.desired) == state:
                        return


async def said(process: asyncio.subprocess.Process, text: str) -> None:
    """Read what it says to people until it has said this."""
    assert process.stderr is not None
    while text not in (line := (await process.stderr.readline()).decode()):
        assert line, f"it ended without saying {text!r}"


@asynccontextmanager
async def services_fleet(folder: Path) -> AsyncIterator[Fleet]:
    (folder / "etcd").mkdir()
    home = folder / "home"
    home.mkdir()
    plan = SimPlan(hosts=3, units=_UNITS, containers=1, workers=1)
    async with (
        running_cluster(folder / "etcd") as cluster,
        SimFleet(folder / "sim", plan, lambda line: None).running() as sim,
        open_etcd(cluster.config()) as etcd,
    ):
        endpoints = json.dumps(list(cluster.config().endpoints))
        (home / "fleet.toml").write_text(f"{sim.config.read_text()}\n[etcd]\nendpoints = {endpoints}\n")
        yield Fleet(Console(home), etcd, ("sim-0001", "sim-0002", "sim-0003"))
