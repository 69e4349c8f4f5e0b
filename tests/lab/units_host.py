"""A lab host whose units a test follows, changes and compares with what systemctl says."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from console.errors import HostError
from console.fleet.config import load_config
from console.hosts.connect import Connector
from console.hosts.manager import SystemdManager
from console.hosts.ssh import SshTransport
from console.hosts.units import UnitsSource
from console.lab.lab import Lab
from console.model.config import HostConfig
from tests.hosts.unit_listener import Listener
from tests.lab.truth import Truth

#: Units that come and go, or change, between two looks.
RESTLESS = ("session-", "user@", "user-", "run-", "flapping.", "healthcheck", "sshd@", "docker-", "crashy")


@dataclass
class OnHost:
    """One lab host, and how to ask and to change it past the product."""

    lab: Lab
    truth: Truth
    config: HostConfig

    async def root(self, command: str) -> None:
        """Run a shell line as root on the host, past its network."""
        assert await self.lab.exec(self.config.name, ("sh", "-c", command)) == 0, command

    async def say(self, command: str) -> str:
        """What a command prints on the host, by OpenSSH."""
        return await asyncio.to_thread(self.truth.ask, self.config.name, command)


@dataclass
class Followed:
    """A source that runs on a host, what it told, and how it ends."""

    source: UnitsSource
    told: Listener
    transport: SshTransport
    task: asyncio.Task[None]

    @property
    def manager(self) -> SystemdManager:
        assert self.source.manager is not None
        return self.source.manager

    async def fault(self, within: float = 15.0) -> HostError:
        """What the source ended with."""
        done, _ = await asyncio.wait([self.task], timeout=within)
        assert done, f"still running after {within} s"
        error = self.task.exception()
        assert isinstance(error, HostError)
        return error


async def on_first(lab: Lab) -> OnHost:
    """The first host of a lab."""
    config = load_config(Path((await lab.status()).config))
    return OnHost(lab, Truth(config), config.hosts[0])


@asynccontextmanager
async def followed(config: HostConfig, *, details: bool = False) -> AsyncIterator[Followed]:
    transport = await Connector().connect(config)
    source, told = UnitsSource(config.name, details=details), Listener()
    task: asyncio.Task[None] = asyncio.create_task(source.run(transport, told.emit, told.live))
    task.add_done_callback(lambda _: told.wake())
    try:
        await told.until(lambda: told.lives > 0 or task.done())
        yield Followed(source, told, transport, task)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, HostError):
            await task
        await transport.close()


async def equal(host: OnHost, told: Listener) -> None:
    """Wait until what is shown is what systemctl says; both move, so a few looks are taken."""
    wrong: dict[str, Any] = {}
    for _ in range(20):
        says = await asyncio.to_thread(host.truth.units, host.config.name)
        shown = {u.name: (u.load, u.active, u.sub, u.description) for u in told.units.values()}
        names = {name for name in says | shown if not any(part in name for part in RESTLESS)}
        wrong = {
            name: (says.get(name), shown.get(name)) for name in names if says.get(name) != shown.get(name)
        }
        if not wrong:
            return
        await asyncio.sleep(0.5)
    pytest.fail(f"(systemctl, shown) differ: {wrong}")


@asynccontextmanager
async def unit_file(host: OnHost, name: str, text: str) -> AsyncIterator[str]:
    """A unit of ours on the host for a while."""
    path = shlex.quote(f"/run/systemd/system/{name}")
    await host.root(f"printf %s {shlex.quote(text)} > {path}; systemctl daemon-reload")
    try:
        yield name
    finally:
        unit = shlex.quote(name)
        await host.root(
            f"systemctl stop -- {unit}; rm {path}; systemctl reset-failed -- {unit}; systemctl daemon-reload"
        )


def service(command: str, *, unit: str = "", more: str = "") -> str:
    return f"[Unit]\nDescription=ours\n{unit}\n[Service]\nExecStart={command}\n{more}\n"
