"""A fleet of the lab's hosts with an etcd and engines, and what is wanted of it; what is, the hosts say."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from console.engine.reporting import read_standing
from console.engine.services import Desired, Service, ServiceStore
from console.lab.lab import Lab
from console.model.config import EtcdConfig
from console.placement.spec import parse_spec
from console.store.client import Etcd, open_etcd
from console.store.schema import Keys
from console.store.values import Delete, Span
from tests.engine.engine_process import EngineProcess
from tests.lab.truth import Truth
from tests.lab.waiting import patience
from tests.store.cluster import Member, running_cluster

#: fleet's own yardstick: it polled for so many seconds (functional/util/util.go).
WAIT_S = 15.0

#: What fleet's fixtures ran, but for the noise.
HELLO = "[Service]\nExecStart=/bin/sleep infinity\n"

T = TypeVar("T")

_LIFE = re.compile(r"InvocationID=\w")

#: Has a host be of no fleet, with nothing of what it had of one.
UNCLAIM = r"""
cd / ; for root in /run /etc; do
  for mark in $root/quarterdeck/units/*; do
    [ -e "$mark" ] || continue; unit=${mark##*/}
    systemctl stop "$unit" 2>/dev/null; systemctl reset-failed "$unit" 2>/dev/null
    rm -rf $root/systemd/system/"$unit" $root/systemd/system/"$unit".d
    rm -f $root/systemd/system/*.wants/"$unit"
  done
  rm -rf $root/quarterdeck
done
systemctl stop quarterdeck-lease 2>/dev/null; rm -f /run/systemd/system/quarterdeck-lease.service
systemctl daemon-reload
"""


@dataclass(frozen=True)
class OwnEtcd:
    """An etcd of one member that a test may do anything to."""

    member: Member
    runner: asyncio.Runner

    def kill(self) -> None:
        """As a power cut does."""
        self.runner.run(self.member.kill())

    def start(self) -> None:
        self.runner.run(self.member.start())

    def freeze(self) -> None:
        self.member.freeze()

    def thaw(self) -> None:
        self.member.thaw()


@dataclass
class Placing:
    """What a test does to a fleet, and what it sees of it.

    :param prefix: of the fleet's keys; the etcd is shared, and each test has its own.
    :param more: what else stands in the fleet's file.
    """

    lab: Lab
    truth: Truth
    endpoint: str
    prefix: str
    folder: Path
    hosts: tuple[str, ...]
    engines: list[EngineProcess] = field(default_factory=list)
    more: str = ""
    fleet_lines: str = ""  # more of [fleet], for engines that begin from then on

    @contextmanager
    def own_etcd(self) -> Iterator[OwnEtcd]:
        """Have the fleet be in an etcd of its own; its engines are killed before that ends."""
        with asyncio.Runner() as runner:
            running = running_cluster(self.folder)
            cluster = runner.run(running.__aenter__())
            self.endpoint = cluster.members[0].url
            try:
                yield OwnEtcd(cluster.members[0], runner)
            finally:
                for one in self.engines:
                    one.kill()
                runner.run(running.__aexit__(None, None, None))

    # -- engines ----------------------------------------------------------------------------

    @property
    def config(self) -> Path:
        """The fleet's file, with the etcd in it."""
        path = self.folder / "fleet.toml"
        text = self.truth.config.path.read_text().replace("[fleet]\n", f"[fleet]\n{self.fleet_lines}\n")
        etcd = f'[etcd]\nendpoints = ["{self.endpoint}"]\nprefix = "{self.prefix}"\n'
        path.write_text(f"{text}\n{self.more}\n{etcd}")
        return path

    def engine(self, *options: str) -> EngineProcess:
        """One more engine; it has begun, and may stand by."""
        log = self.folder / f"engine-{len(self.engines)}.log"
        argv = [
            sys.executable,
            "-m",
            "console.cli.main",
            "--config",
            str(self.config),
            "engine",
            "run",
            *options,
        ]
        state = self.folder / f"state-{len(self.engines)}"
        made = EngineProcess.begin(argv, log, state)
        self.engines.append(made)
        return made

    def leading(self, *options: str) -> EngineProcess:
        """An engine, which leads."""
        made = self.engine(*options)
        self.until(lambda: "leading the fleet" in made.said, "an engine leads", 25)
        return made

    def run(self, *words: str, code: int = 0, within: float = 60.0) -> str:
        """A command line of ours, which ends within so many seconds of an idle machine; what it prints."""
        argv = [sys.executable, "-m", "console.cli.main", "--config", str(self.config), *words]
        environ = {**os.environ, "XDG_STATE_HOME": str(self.folder / "state-console")}
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=patience(within), check=False, env=environ
        )
        assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def status(self) -> dict[str, Any]:
        """What `engine status` says."""
        found: dict[str, Any] = json.loads(self.run("engine", "status", "-o", "json"))
        return found

    def reason(self, instance: str) -> str:
        """Why an instance is as it is, or nowhere."""
        said = self.status()
        told = [*said["instances"], *said["pending"]]
        return next((one["reason"] or "" for one in told if one["name"] == instance), "")

    # -- what is wanted ---------------------------------------------------------------------

    def etcd(self, doing: Callable[[Etcd], Awaitable[T]]) -> T:
        """Do something with the fleet's etcd."""

        async def do() -> T:
            async with open_etcd(EtcdConfig((self.endpoint,), prefix=self.prefix)) as etcd:
                return await doing(etcd)

        return asyncio.run(do())

    def submit(self, units: Mapping[str, str], desired: Desired = Desired.LAUNCHED) -> float:
        """Have services be wanted, by name and text; the time when etcd knew."""

        async def do(etcd: Etcd) -> float:
            store = ServiceStore(etcd)
            for name, text in units.items():
                spec = parse_spec(text, Path(name))
                await store.submit(spec, desired=desired, at=datetime.now(UTC), by="a test", line="")
            return time.monotonic()

        return self.etcd(do)

    def change(self, *names: str, **changed: Any) -> None:
        """Change what is wanted of services."""

        async def do(etcd: Etcd) -> None:
            store = ServiceStore(etcd)
            for name in names:
                await store.change(await store.service(name), **changed)

        self.etcd(do)

    def destroy(self, *names: str) -> None:
        async def do(etcd: Etcd) -> None:
            store = ServiceStore(etcd)
            for name in names:
                await store.destroy(await store.service(name))

        self.etcd(do)

    def wipe(self) -> None:
        """Have etcd lose all that it has of the fleet."""

        async def do(etcd: Etcd) -> None:
            await etcd.write([Delete(Span.under(self.prefix))])

        self.etcd(do)

    def services(self) -> dict[str, Service]:
        async def do(etcd: Etcd) -> dict[str, Service]:
            return (await ServiceStore(etcd).services())[0]

        return self.etcd(do)

    def placed(self) -> dict[str, str]:
        """The host of each instance, as etcd has it."""

        async def do(etcd: Etcd) -> dict[str, str]:
            return {one.instance: one.host for one in await ServiceStore(etcd).assigned()}

        return self.etcd(do)

    def until_all_live(self) -> None:
        """Wait until the engine that leads sees every host: what is wanted from then on may go to any."""

        async def do(etcd: Etcd) -> set[str]:
            keys = Keys(etcd.prefix)
            told = (await etcd.list(keys.under("observed"))).entries
            return {keys.name(entry.key) for entry in told if read_standing(entry)[0] == "live"}

        self.until(lambda: self.etcd(do) >= set(self.hosts), "all hosts are live", 60)

    # -- what is ----------------------------------------------------------------------------

    def ask(self, host: str, command: str) -> str:
        return self.truth.ask(host, f"sudo sh -c {shlex.quote(command)}")

    def ask_all(self, command: str, hosts: Sequence[str] = ()) -> dict[str, str]:
        """What hosts answer, all asked at the same time."""
        hosts = hosts or self.hosts
        with ThreadPoolExecutor(len(hosts)) as pool:
            return dict(zip(hosts, pool.map(lambda host: self.ask(host, command), hosts), strict=True))

    def address(self, host: str) -> str:
        """Where a host is reached."""
        return next(one.address for one in self.truth.config.hosts if one.name == host) or ""

    def standing(self, host: str) -> str:
        """How a host stands, as the engine says."""
        return next(str(one["standing"]) for one in self.status()["hosts"] if one["name"] == host)

    def active(self, pattern: str, *hosts: str) -> dict[str, tuple[str, ...]]:
        """The hosts on which each unit that `pattern` means, or one of several, is active."""
        found: dict[str, list[str]] = {}
        units = f"systemctl list-units --state=active --no-legend --plain {_quoted(pattern)}"
        command = f"{units} | cut -d' ' -f1"
        for host, said in self.ask_all(command, hosts).items():
            for unit in said.split():
                found.setdefault(unit, []).append(host)
        return {unit: tuple(there) for unit, there in sorted(found.items())}

    def files(self, pattern: str, *hosts: str) -> list[str]:
        """Unit files that `pattern` means, on all hosts."""
        command = f"find /run/systemd/system /etc/systemd/system -name '{pattern}' -path '*'"
        return [
            f"{host}:{line}" for host, said in self.ask_all(command, hosts).items() for line in said.split()
        ]

    def invocations(self, pattern: str, *hosts: str) -> set[str]:
        """What tells each life of each unit from any other life."""
        command = f"systemctl show -p Id -p InvocationID {_quoted(pattern)} | paste - - -"
        said = self.ask_all(command, hosts)
        return {f"{host} {line}" for host in said for line in said[host].splitlines() if _LIFE.search(line)}

    def reboot(self, host: str) -> None:
        """Have a host lose its power for a moment."""
        asyncio.run(self.lab.kill(host))
        asyncio.run(self.lab.start(host))

    def until(self, condition: Callable[[], object], what: str, within: float = WAIT_S) -> float:
        """Wait for a condition; how long that took. It fails after so many seconds of an idle machine."""
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > patience(within):
                said = "\n".join(one.said for one in self.engines)
                pytest.fail(f"not within {within:g} s: {what}\n{said}")
            time.sleep(0.1)
        return time.monotonic() - began

    def holds(self, condition: Callable[[], object], what: str, during: float = 2.0) -> None:
        """See that a condition holds all the time, for some seconds."""
        until = time.monotonic() + during
        while time.monotonic() < until:
            assert condition(), what
            time.sleep(0.1)

    def empty(self) -> None:
        """Have the engine take away all that was wanted, from hosts that are whole."""
        asyncio.run(self._mend())
        self.destroy(*self.services())
        marks = "cat /run/quarterdeck/units/* /etc/quarterdeck/units/* 2>/dev/null || true"
        self.until(
            lambda: not self.placed() and not any(self.ask_all(marks).values()),
            "nothing is left",
            40,
        )

    def close(self) -> None:
        """End the engines, and leave the hosts as they were."""
        for engine in self.engines:
            if engine.process.poll() is None:
                engine.kill()
        asyncio.run(self._mend())
        self.ask_all(UNCLAIM)

    async def _mend(self) -> None:
        for place in (await self.lab.status()).hosts:
            if place.state == "off":
                await self.lab.start(place.name)
            elif place.state != "running":
                await self.lab.heal(place.name)


def _quoted(patterns: str) -> str:
    return shlex.join(patterns.split())
