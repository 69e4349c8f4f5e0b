"""The whole simulated fleet: its processes, its files, and its end.

Whoever runs `SimFleet.running` owns everything: the workers end when their stdin does, so that nothing is
left even if this process is killed. Files are in one folder, held by a lock with our process id in it.
"""

from __future__ import annotations

import asyncio
import json
import resource
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from console.errors import LabError
from console.lab.run import run
from console.lab.sim.commands import USER
from console.lab.sim.plan import SimPlace, SimPlan, places
from console.lab.sim.script import Fault
from console.lab.sim.standing import held
from console.lab.state import replace

_STARTS_WITHIN = 120.0
_ENDS_WITHIN = 10.0
#: Descriptors a host takes: its listener, and connections of a console or two.
_DESCRIPTORS_A_HOST = 4


class Running:
    """A fleet that is up.

    :param config: its fleet file.
    :param began: Unix time at which the clocks of its hosts were right; they go `pace` times as fast as ours.
    """

    def __init__(
        self, config: Path, workers: Sequence[asyncio.subprocess.Process], began: float, pace: float
    ) -> None:
        self.config = config
        self._workers = workers
        self._began, self._pace = began, pace

    @property
    def pids(self) -> list[int]:
        """The processes that carry the hosts."""
        return [worker.pid for worker in self._workers]

    def hosts_time(self, ours: float) -> float:
        """What the clocks of the hosts say at a Unix time of ours; but for one that a fault has set wrong."""
        return self._began + self._pace * (ours - self._began)

    def befall(self, fault: Fault) -> None:
        """Have a fault happen, at its time from now."""
        for worker in self._workers:
            assert worker.stdin is not None
            worker.stdin.write(json.dumps(asdict(fault)).encode() + b"\n")

    async def wait(self) -> NoReturn:
        """Wait for what should not happen. :raises LabError: a process of hosts has ended."""
        ends = [asyncio.ensure_future(worker.wait()) for worker in self._workers]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
        raise LabError("a process of simulated hosts has ended by itself")


class SimFleet:
    """A simulated fleet in the folder `root`; `report` gets lines for a person."""

    def __init__(self, root: Path, plan: SimPlan, report: Callable[[str], None]) -> None:
        self._root = root
        self._plan = plan
        self._report = report

    @property
    def config(self) -> Path:
        return self._root / "fleet.toml"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Running]:
        """Have every host listen, until the context ends.

        :raises LabError: one already runs here, or this machine cannot carry it.
        """
        self._plan.check()
        self._root.mkdir(parents=True, exist_ok=True)
        with held(self._root):
            try:
                began = time.time()
                _raise_descriptors(self._plan)
                trusted = await self._make_key()
                async with self._workers(trusted, began) as (workers, found):
                    took = time.time() - began
                    processes = len(workers)
                    self._report(f"{len(found)} hosts in {processes} processes, up in {took:.1f} s")
                    self._write_files(found)
                    for worker in workers:
                        assert worker.stdin is not None
                        worker.stdin.write(b"live\n")
                    yield Running(self.config, workers, began, self._plan.pace)
            finally:
                shutil.rmtree(self._root, ignore_errors=True)

    async def _make_key(self) -> str:
        key = self._root / "id_ed25519"
        key.unlink(missing_ok=True)
        await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "quarterdeck sim", "-f", str(key)])
        return key.with_suffix(".pub").read_text()

    @asynccontextmanager
    async def _workers(
        self, trusted: str, began: float
    ) -> AsyncIterator[tuple[list[asyncio.subprocess.Process], list[tuple[SimPlace, str]]]]:
        where = places(self._plan, self._root)
        count = self._plan.processes
        shares = [where[number::count] for number in range(count)]
        workers: list[asyncio.subprocess.Process] = []
        try:
            for share in shares:
                workers.append(await self._start(share, where, trusted, began))
            async with asyncio.timeout(_STARTS_WITHIN):
                keys = await asyncio.gather(*(_ready(worker) for worker in workers))
            known = {(address, port): key for part in keys for address, port, key in part}
            yield workers, [(place, known[place.address, place.port]) for place in where]
        except TimeoutError:
            raise LabError(f"the simulated hosts did not come up within {_STARTS_WITHIN:g} s") from None
        finally:
            await asyncio.gather(*(_end(worker) for worker in workers))

    async def _start(
        self, share: Sequence[SimPlace], everybody: Sequence[SimPlace], trusted: str, began: float
    ) -> asyncio.subprocess.Process:
        plan = self._plan
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "console.lab.sim.worker",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=64 * 1024 * 1024,
            # A Ctrl-C is for us; they end when their stdin does.
            start_new_session=True,
        )  # fmt: skip
        order: dict[str, Any] = {
            "seed": plan.seed,
            "began": began,
            "pace": plan.pace,
            "units": plan.units,
            "containers": plan.containers,
            "churn": plan.churn,
            "system": plan.system,
            "speed": plan.speed,
            "script": [asdict(fault) for fault in plan.script],
            "names": [place.name for place in everybody],
            "own": [[place.number, place.name, place.address, place.port] for place in share],
            "trusted": trusted,
        }
        assert worker.stdin is not None
        worker.stdin.write(json.dumps(order).encode() + b"\n")
        return worker

    def _write_files(self, found: Sequence[tuple[SimPlace, str]]) -> None:
        known = self._root / "known_hosts"
        replace(known, "".join(f"[{place.address}]:{place.port} {key}\n" for place, key in found))
        lines = ["# Written by `quarterdeck lab sim`.", "", "[fleet]", 'name = "sim"', "", "[ssh]"]
        lines += [f'user = "{USER}"', f"identity = {json.dumps(str(self._root / 'id_ed25519'))}"]
        lines += [f"known_hosts = {json.dumps(str(known))}"]
        for place, _ in found:
            labels = ", ".join(f'{name} = "{value}"' for name, value in place.labels.items())
            lines += ["", "[[host]]", f'name = "{place.name}"', f'address = "{place.address}"']
            lines += [f"port = {place.port}", f"labels = {{ {labels} }}"]
        replace(self.config, "\n".join(lines) + "\n")


def _raise_descriptors(plan: SimPlan) -> None:
    """Room for the sockets of a worker, which inherits our limit. :raises LabError: there is none."""
    wanted = 256 + _DESCRIPTORS_A_HOST * -(-plan.hosts // plan.processes)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise LabError(
            f"{plan.hosts} hosts need {wanted} file descriptors a process, and {hard} are allowed",
            hint="raise `ulimit -n`, or simulate fewer hosts",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _ready(worker: asyncio.subprocess.Process) -> list[tuple[str, int, str]]:
    """The addresses and keys of a worker's hosts. :raises LabError: they do not listen."""
    assert worker.stdout is not None
    line = await worker.stdout.readline()
    said: dict[str, Any] = json.loads(line) if line else {"problem": "a worker ended while it started"}
    if "problem" in said:
        raise LabError(f"the simulated hosts cannot listen: {said['problem']}")
    return [(address, port, key) for address, port, key in said["ready"]]


async def _end(worker: asyncio.subprocess.Process) -> None:
    """Close a worker's stdin, which ends it, and wait for that."""
    assert worker.stdin is not None
    worker.stdin.close()
    try:
        async with asyncio.timeout(_ENDS_WITHIN):
            await worker.wait()
    except TimeoutError:
        worker.kill()
        await worker.wait()
    finally:
        # A pipe that was not read to its end stays open until the transport is closed.
        worker._transport.close()  # type: ignore[attr-defined]
