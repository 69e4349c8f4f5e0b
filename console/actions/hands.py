"""What a change may lay hands on, on one host. Opened for one command and closed with it.

    Core ── Permit ──▶ open_hands ──▶ Hands ── systemd() ──▶ a bus as root     (opened when first used)
    (none when read-only)                  └── engine()  ──▶ docker or podman  (likewise)

The readers of a host have no method that writes. Those that do are made here and nowhere else, and
only for who has a permit; a read-only console can make none, so it never opens a privileged channel.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from console.hosts.transport import Transport
from console.hosts.unit_control import UnitControl, unit_control


class Permit:
    """Shows that writing is allowed. Made by the command core, which knows whether it is."""

    __slots__ = ("line",)

    def __init__(self, line: str) -> None:
        self.line = line


class Hands:
    """One host, open for changes. Made by `open_hands`."""

    def __init__(self, transport: Transport, stack: AsyncExitStack) -> None:
        self.transport = transport
        self._stack = stack
        self._opening = asyncio.Lock()
        self._systemd: UnitControl | None = None
        self._boot: str | None = None

    @property
    def host(self) -> str:
        return self.transport.host

    async def systemd(self) -> UnitControl:
        """The host's systemd, as root. :raises HostError: it cannot be had."""
        async with self._opening:
            if self._systemd is None:
                self._systemd = await self._stack.enter_async_context(unit_control(self.transport))
        return self._systemd

    async def boot(self) -> str:
        """What tells this boot of the host from another. Asked once: the channel ends with the boot."""
        control = await self.systemd()
        if self._boot is None:
            self._boot = await control.manager.boot()
        return self._boot


@asynccontextmanager
async def open_hands(transport: Transport, permit: Permit) -> AsyncIterator[Hands]:
    """Hands on the host of `transport`; leaving the context closes every channel they opened."""
    assert isinstance(permit, Permit)
    async with AsyncExitStack() as stack:
        yield Hands(transport, stack)
