"""An atomic host's updater over a connection of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from console.hosts.links import Links
from console.hosts.session import Link
from console.model.deployment import UpdateStatus
from console.updates.driver import Progress
from console.updates.updater import Updater, find_updater
from tests.lab.atomic_host import AtomicHost


@asynccontextmanager
async def connected(host: AtomicHost) -> AsyncIterator[tuple[Updater, Link]]:
    """The updater, and the connection that can be cut under it."""
    link = await Links(ssh_config=False).connect(host.config)
    try:
        yield await find_updater(link), link
    finally:
        await link.close()


def told(status: UpdateStatus) -> list[str]:
    """Each deployment: its version, and what is true of it."""
    words = ("booted", "next", "staged", "locked", "rollback", "pinned")
    return [
        " ".join([one.version or "?", *(word for word in words if getattr(one, word))])
        for one in status.deployments
    ]


async def status_of(host: AtomicHost) -> list[str]:
    """The same, asked anew."""
    async with connected(host) as (updater, _):
        return told(await updater.status())


def nothing(_: Progress) -> None:
    """For whoever need not hear how far it is."""


async def into_what_is_staged(host: AtomicHost) -> None:
    """Activate what is staged, with its reboot, and wait until the host is in another boot."""
    async with connected(host) as (updater, _), host.rebooting():
        await updater.activate(reboot=True)
