"""What can be done to a host as a whole: off and on again, and what is said of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from console.actions.boot import boot_id
from console.errors import ConfigError, HostError, HostFailure, StoreError
from console.fleet.overlay import (
    HostOverlay,
    change_overlay,
    labelled,
    overlaid_host,
    read_overlay,
)
from console.hosts.power import go_down
from console.model.config import HostConfig

if TYPE_CHECKING:
    from console.actions.hands import Hands
    from console.fleet.memory import Memory

#: A host that is on its way up is asked this often, in seconds.
_ASK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class _Power:
    """`boot` is the boot that the plan saw; `within` is how long it may take, in seconds."""

    boot: str
    within: float

    async def check(self, hands: Hands) -> str | None:
        if await boot_id(hands.transport) != self.boot:
            return "the host has rebooted since the plan"
        return None


@dataclass(frozen=True, slots=True)
class HostReboot(_Power):
    """Reboots it, in good order; done once it is live again, in another boot."""

    async def do(self, hands: Hands) -> str:
        began = asyncio.get_running_loop().time()
        gone = False
        try:
            async with asyncio.timeout(self.within):
                await go_down(hands.transport, "reboot")
                await hands.transport.wait_closed()
                gone = True
                while True:
                    if await self._is_back(hands):
                        break
                    await asyncio.sleep(_ASK_EVERY_S)
        except TimeoutError:
            what = "has not come back" if gone else "has not gone down"
            raise HostFailure(
                f"it {what} within {self.within:g} s", host=hands.host, hint="its console may tell why"
            ) from None
        return f"back after {asyncio.get_running_loop().time() - began:.0f} s"

    async def _is_back(self, hands: Hands) -> bool:
        # Whatever keeps it from answering meanwhile is what a reboot looks like from outside.
        with suppress(HostError):
            return await boot_id(hands.reach()) != self.boot
        return False


@dataclass(frozen=True, slots=True)
class HostPoweroff(_Power):
    """Powers it off, in good order; done once the connection is gone."""

    async def do(self, hands: Hands) -> str:
        try:
            async with asyncio.timeout(self.within):
                await go_down(hands.transport, "poweroff")
                await hands.transport.wait_closed()
        except TimeoutError:
            raise HostFailure(f"it has not gone down within {self.within:g} s", host=hands.host) from None
        return "the connection is gone"


class Said(Protocol):
    """Where what is said of a host is kept: in the fleet's etcd, or, where it has none, in a file."""

    @property
    def host(self) -> HostConfig:
        """The host as the fleet's file has it."""

    async def now(self) -> HostConfig:
        """The host as the file and what is said have it. :raises HostFailure: that cannot be read."""

    async def change(self, change: Callable[[HostOverlay], HostOverlay]) -> None:
        """:raises HostFailure: it cannot be kept, or whether it was is not known."""


@dataclass(frozen=True, slots=True)
class SaidInFile:
    """Kept in the state folder.

    :param path: the overlay's file.
    :param config: the fleet's file.
    :param told: takes the host as both have it, once that has changed.
    """

    path: Path
    config: Path
    host: HostConfig
    told: Callable[[HostConfig], None] = field(repr=False, compare=False)

    async def now(self) -> HostConfig:
        try:
            return overlaid_host(self.host, read_overlay(self.path).get(self.host.name))
        except ConfigError as error:
            raise HostFailure(str(error), host=self.host.name) from error

    async def change(self, change: Callable[[HostOverlay], HostOverlay]) -> None:
        name = self.host.name

        def changed(said: dict[str, HostOverlay]) -> Mapping[str, HostOverlay]:
            return {**said, name: change(said.get(name, HostOverlay()))}

        try:
            overlay = change_overlay(self.path, self.config, changed)
        except ConfigError as error:
            raise HostFailure(str(error), host=name) from error
        self.told(overlaid_host(self.host, overlay.get(name)))


@dataclass(frozen=True, slots=True)
class SaidInEtcd:
    """Kept in the fleet's memory. `told` as above."""

    memory: Memory = field(repr=False, compare=False)
    host: HostConfig
    told: Callable[[HostConfig], None] = field(repr=False, compare=False)

    async def now(self) -> HostConfig:
        try:
            said = await self.memory.host(self.host.name)
        except StoreError as error:
            raise HostFailure(str(error), host=self.host.name) from error
        return overlaid_host(self.host, said)

    async def change(self, change: Callable[[HostOverlay], HostOverlay]) -> None:
        try:
            said = await self.memory.change_host(self.host.name, change)
        except (StoreError, ConfigError) as error:
            raise HostFailure(str(error), host=self.host.name) from error
        self.told(overlaid_host(self.host, said))


@dataclass(frozen=True, slots=True)
class HostLabel:
    """Sets labels, and takes away those that are None. The host itself is not asked.

    :param before: what the plan saw of them.
    """

    said: Said
    labels: Mapping[str, str | None]
    before: Mapping[str, str | None]

    async def check(self, hands: Hands) -> str | None:
        labels = (await self.said.now()).labels
        for key, value in self.before.items():
            if labels.get(key) != value:
                return f"its label {key} is {labels.get(key)} now, and was {value} when planned"
        return None

    async def do(self, hands: Hands) -> str:
        await self.said.change(lambda overlay: labelled(self.said.host, overlay, self.labels))
        return ""


@dataclass(frozen=True, slots=True)
class HostCordon:
    """Cordons it, or takes that back. The host itself is not asked."""

    said: Said
    on: bool

    async def check(self, hands: Hands) -> str | None:
        if ((await self.said.now()).cordoned is not None) == self.on:
            return "it is cordoned already" if self.on else "it is not cordoned any more"
        return None

    async def do(self, hands: Hands) -> str:
        since = datetime.now(UTC) if self.on else None
        await self.said.change(lambda overlay: replace(overlay, cordoned=since))
        return ""
