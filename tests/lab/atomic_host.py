"""An atomic host of its own lab, driven as its owner would: over SSH, and by its power switch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from console.fleet.config import load_config
from console.fleet.fleet import open_fleet
from console.hosts.links import Links
from console.lab.lab import Lab
from console.model.config import HostConfig
from console.model.wants import Wants
from tests.lab.test_commands import rows
from tests.lab.truth import Truth
from tests.lab.waiting import until

#: The boot, and whether systemd has done what it does at boot.
_BOOTED = "cat /proc/sys/kernel/random/boot_id; systemctl is-system-running --wait || true"


@dataclass(frozen=True)
class AtomicHost:
    """A host of `lab`: the first one of its kind."""

    lab: Lab
    truth: Truth
    name: str = "atomic1"

    @classmethod
    async def up(cls, lab: Lab) -> AtomicHost:
        """A new host, booted."""
        status = await lab.up({"atomic": 1})
        return cls(lab, Truth(load_config(status.config)))

    @classmethod
    async def all_of(cls, lab: Lab) -> dict[str, AtomicHost]:
        """The hosts that a lab has, by their names."""
        truth = Truth(load_config((await lab.status()).config))
        return {entry.name: cls(lab, truth, entry.name) for entry in truth.config.hosts}

    @property
    def config(self) -> HostConfig:
        """How it is reached."""
        return next(entry for entry in self.truth.config.hosts if entry.name == self.name)

    def ask(self, command: str) -> str:
        return self.truth.ask(self.name, command).strip()

    def version(self) -> str:
        """The version that runs, by its os-release."""
        return self.ask(". /etc/os-release; echo $VERSION_ID")

    def ostree(self, arguments: str) -> str:
        return self.ask(f"sudo ostree admin {arguments}")

    def shown(self) -> dict[str, Any]:
        """What `host show` tells a script."""
        (host,) = rows(self.truth, "host", "show", self.name)
        return host

    async def deployments(self) -> list[str]:
        """Each deployment that the console knows of: its version, and what is true of it."""
        words = ("booted", "next", "staged", "rollback")
        async with open_fleet(self.truth.config.hosts, Wants(), Links()) as fleet:
            assert await fleet.settled(20) == []
            found = fleet.model.host(self.name).deployments
            return [" ".join([str(one.version), *(w for w in words if getattr(one, w))]) for one in found]

    async def reboot(self) -> None:
        """From inside, and wait until it has booted again."""
        async with self.rebooting():
            assert await self.lab.exec(self.name, ["systemctl", "reboot"]) == 0

    @asynccontextmanager
    async def rebooting(self) -> AsyncIterator[None]:
        """For whatever reboots it: leaving the block waits until it has booted again."""
        before = self.ask(_BOOTED).split()[0]
        yield

        def again() -> bool:
            try:
                return self.ask(_BOOTED).split()[0] != before
            except AssertionError:
                return False

        await until(again, f"{self.name} answers in another boot")
