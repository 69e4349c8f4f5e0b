"""What a change may lay hands on, on one host. Opened for one command and closed with it.

    Core ── Permit ──▶ open_hands ──▶ Hands ── systemd() ──▶ a bus as root     (opened when first used)
    (none when read-only)                  └── engine()  ──▶ docker or podman  (likewise)

The readers of a host have no method that writes. Those that do are made here and nowhere else, and
only for who has a permit; a read-only console can make none, so it never opens a privileged channel.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from console.hosts.engine_control import EngineControl, engine_control
from console.hosts.transport import Transport
from console.hosts.unit_control import UnitControl, unit_control


class Permit:
    """Shows that writing is allowed. Made by the command core, which knows whether it is."""

    __slots__ = ("line",)

    def __init__(self, line: str) -> None:
        self.line = line


class Hands:
    """One host, open for changes. Made by `open_hands`.

    :param reach: the connection there is now; raises `Unreachable` while there is none.
    """

    def __init__(self, host: str, reach: Callable[[], Transport], stack: AsyncExitStack) -> None:
        self.host = host
        self.reach = reach
        self._stack = stack
        self._opening = asyncio.Lock()
        self._transport: Transport | None = None
        self._systemd: UnitControl | None = None
        self._engines: dict[str, EngineControl] = {}
        self._boot: str | None = None

    @property
    def transport(self) -> Transport:
        """The connection that everything is done over; that of the first use, for as long as this lasts.

        :raises Unreachable: there is none. What is not done on the host itself never asks for it.
        """
        if self._transport is None:
            self._transport = self.reach()
        return self._transport

    async def systemd(self) -> UnitControl:
        """The host's systemd, as root. :raises HostError: it cannot be had."""
        async with self._opening:
            if self._systemd is None:
                self._systemd = await self._stack.enter_async_context(unit_control(self.transport))
        return self._systemd

    async def engine(self, kind: str) -> EngineControl:
        """The host's docker or podman. :raises HostError: it cannot be had."""
        async with self._opening:
            if kind not in self._engines:
                opened = await self._stack.enter_async_context(engine_control(self.transport, kind))
                self._engines[kind] = opened
        return self._engines[kind]

    async def boot(self) -> str:
        """What tells this boot of the host from another. Asked once: the channel ends with the boot."""
        control = await self.systemd()
        if self._boot is None:
            self._boot = await control.manager.boot()
        return self._boot


@asynccontextmanager
async def open_hands(host: str, reach: Callable[[], Transport], permit: Permit) -> AsyncIterator[Hands]:
    """Hands on a host; leaving the context closes every channel they opened."""
    assert isinstance(permit, Permit)
    async with AsyncExitStack() as stack:
        yield Hands(host, reach, stack)
