"""What it does to a host to be updated, the same on a simulated host and on a real one.

Goes with `contract.py`. The host has ostree, runs 1.0, and its branch has 1.1; each check leaves it so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import pytest

from console.actions.boot import boot_id
from console.errors import HostError, Refused
from console.hosts.connect import Connector
from console.hosts.ssh import SshTransport
from console.model.config import HostConfig
from console.updates.driver import Cleanup, Driver, Progress, Target
from console.updates.guard import Guard, arm, disarm, prolong, read_guard
from console.updates.updater import Updater, find_updater
from tests.lab.updating import told

_NAME = "r-0001/contract"
#: A guard waits so long after the boot, where it is to fire. Seconds.
_FIRES_AFTER = 1.0
_LOOKS_EVERY_S = 0.2
_PATIENCE_S = 120.0


class Updated(Protocol):
    """A host to try."""

    @property
    def config(self) -> HostConfig:
        """How it is reached."""


UpdateCheck = Callable[[Updated], Awaitable[None]]


@asynccontextmanager
async def updater_on(subject: Updated) -> AsyncIterator[tuple[Updater, SshTransport]]:
    transport = await Connector(ssh_config=()).connect(subject.config)
    try:
        yield await find_updater(transport), transport
    finally:
        await transport.close()


async def until(subject: Updated, version: str, *, not_in: str) -> None:
    """Wait until the host runs this version, in another boot than that one."""
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            await asyncio.sleep(_LOOKS_EVERY_S)
            try:
                async with updater_on(subject) as (updater, transport):
                    booted = (await updater.status()).booted
                    if booted and booted.version == version and await boot_id(transport) != not_in:
                        return
            except HostError:
                continue  # it is on its way


async def a_version_is_staged_told_of_and_let_go_again(subject: Updated) -> None:
    heard: list[Progress] = []
    async with updater_on(subject) as (updater, _):
        assert updater.driver is Driver.OSTREE
        found = await updater.check()
        assert found is not None
        assert found.version == "1.1"
        looked = await updater.status()
        assert looked.available is not None
        assert looked.available.version == "1.1"
        status = await updater.stage(Target(version="1.1"), heard.append)
        assert told(status)[:2] == ["1.1 next staged", "1.0 booted pinned"]
        assert any("transferred" in each.text for each in heard)
        again = await updater.stage(Target(version="1.1"), heard.append)
        assert told(again) == told(status), "what is staged is found"
        with pytest.raises(HostError, match=r"has no version 7\.0"):
            await updater.stage(Target(version="7.0"), heard.append)
        assert told(await updater.cleanup(Cleanup.PENDING))[0] == "1.0 booted next pinned"


async def a_guard_is_for_one_boot_and_leaves_nothing_once_it_is_disarmed(subject: Updated) -> None:
    async with updater_on(subject) as (updater, transport):
        await updater.stage(Target(version="1.1"), lambda _: None)
        way = updater.way_back(await updater.status())
        assert way is not None
        assert await read_guard(transport) == Guard()
        with pytest.raises(Refused, match="rebooted meanwhile"):
            await arm(transport, _NAME, way, boot="another", within=600)
        assert not await prolong(transport, _NAME, 600), "there is none"
        await arm(transport, _NAME, way, boot=await boot_id(transport), within=600)
        assert await read_guard(transport) == Guard(_NAME, armed=True)
        assert not await prolong(transport, "r-0002/contract", 600), "it is another's"
        assert await prolong(transport, _NAME, 600)
        await disarm(transport, "r-0002/contract")
        assert await read_guard(transport) == Guard(_NAME, armed=True)
        await disarm(transport, _NAME)
        assert await read_guard(transport) == Guard()
        await updater.cleanup(Cleanup.PENDING)


async def a_version_is_booted_and_without_a_word_the_guard_takes_it_back(subject: Updated) -> None:
    async with updater_on(subject) as (updater, transport):
        await updater.stage(Target(version="1.1"), lambda _: None)
        way = updater.way_back(await updater.status())
        assert way is not None
        before = await boot_id(transport)
        await arm(transport, _NAME, way, boot=before, within=_FIRES_AFTER)
        await updater.activate(reboot=True)
    await until(subject, "1.0", not_in=before)
    async with updater_on(subject) as (updater, transport):
        status = await updater.status()
        assert [word.split()[0] for word in told(status)] == ["1.0", "1.1"], "it was booted, and is no more"
        assert await read_guard(transport) == Guard(_NAME, armed=True, fired=True)
        await disarm(transport, _NAME)
        await updater.cleanup(Cleanup.ROLLBACK)


#: The last one reboots the host twice.
UPDATE_CHECKS: tuple[UpdateCheck, ...] = (
    a_version_is_staged_told_of_and_let_go_again,
    a_guard_is_for_one_boot_and_leaves_nothing_once_it_is_disarmed,
    a_version_is_booted_and_without_a_word_the_guard_takes_it_back,
)
