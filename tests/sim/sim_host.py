"""One simulated host in this process, on the loop's own clock, with its sshd on a loopback port."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from console.lab.sim.commands import USER
from console.lab.sim.machine import Machine
from console.lab.sim.sshd import Sshd
from console.lab.sim.worker import Clockwork
from console.model.config import HostConfig

#: A host's number decides its system: these have docker, podman, and OSTree with docker.
DOCKER, PODMAN, ATOMIC = 0, 4, 8


@dataclass
class SimHost:
    """A simulated host as the contract's subject."""

    machine: Machine
    config: HostConfig
    unit: str
    container: str

    async def crash(self) -> None:
        self.machine.units.crash(self.unit)

    async def crash_loop(self) -> None:
        self.machine.units.crash_loop(self.unit, 0.05)

    async def restart_container(self) -> None:
        assert self.machine.engine
        self.machine.engine.restart(self.machine.engine.find(self.container))

    async def say(self, text: str) -> None:
        self.machine.say("contract.service", text)

    async def daemon_reload(self) -> None:
        self.machine.units.daemon_reload()


def free_port() -> int:
    """A port of the loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def sim_host(
    folder: Path, number: int = DOCKER, units: int = 120, speed: float = 1.0
) -> AsyncIterator[SimHost]:
    """A host with a key pair and a known_hosts file in `folder`."""
    began = time.time()
    clock = Clockwork(began)
    machine = Machine(
        f"sim-{number}", number, clock.agenda, seed=7, began=began, sizes=(units, 6), speed=speed
    )
    user = asyncssh.generate_private_key("ssh-ed25519")
    user.write_private_key(folder / "id")
    (folder / "id").chmod(0o600)
    keys: dict[int, asyncssh.SSHKey] = {}

    def key(of: Machine) -> asyncssh.SSHKey:
        return keys.setdefault(of.line.key, asyncssh.generate_private_key("ssh-ed25519"))

    port = free_port()
    sshd = Sshd(machine, ("127.0.0.1", port), key, user.public_data)
    await sshd.start()
    public = key(machine).export_public_key().decode()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}")
    config = HostConfig(
        machine.name,
        "127.0.0.1",
        port,
        user=USER,
        identity=(folder / "id",),
        known_hosts=folder / "known_hosts",
    )
    unit = next(
        kind.name for kind in machine.units.kinds
        if kind.name.startswith("app-") and (kind.restart, kind.restart_after) == ("on-failure", 0.1)
    )  # fmt: skip
    container = (
        next((each.name for each in machine.engine.containers.values() if each.up), "")
        if machine.engine
        else ""
    )
    try:
        yield SimHost(machine, config, unit, container)
    finally:
        clock.stop()
        await sshd.close()
        await asyncio.sleep(0)
