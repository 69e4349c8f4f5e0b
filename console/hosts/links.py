"""Opens a link to a host, whatever its transport is."""

from __future__ import annotations

import asyncio
import getpass
from typing import TYPE_CHECKING

from console.hosts.become import Becoming
from console.hosts.keepalive import USUAL, Keepalive
from console.hosts.local import LocalTransport
from console.hosts.secrets import Keyring
from console.hosts.session import Link
from console.model.config import HostConfig

if TYPE_CHECKING:
    from console.hosts.connect import Connector

#: How many handshakes may be under way at once: enough to hide the network, few enough not to
#: trip MaxStartups of a jump host or starve the loop.
CONNECTS_AT_ONCE = 32


class Links:
    """What a fleet's sessions connect through. One for all hosts of a console.

    :param ssh_config: whether OpenSSH's own configuration is honoured.
    :param keepalive: how each host is asked for signs of life.
    """

    def __init__(
        self, keyring: Keyring | None = None, *, ssh_config: bool = True, keepalive: Keepalive = USUAL
    ) -> None:
        self._ssh_config = ssh_config
        self._keepalive = keepalive
        self._keyring = keyring or Keyring()
        self._gate = asyncio.Semaphore(CONNECTS_AT_ONCE)
        self._waiting: set[str] = set()
        self._connector: Connector | None = None

    @property
    def waiting(self) -> frozenset[str]:
        """Hosts that are to be connected to, and wait for their turn."""
        return frozenset(self._waiting)

    async def connect(self, config: HostConfig) -> Link:
        """See `Connector.connect`; a local host is never refused here."""
        if config.transport == "local":
            return LocalTransport(config.name, Becoming(config.become, getpass.getuser(), self._keyring))
        # asyncssh takes a fifth of a second to import: only who connects pays for it.
        from console.hosts.connect import OPENSSH_CONFIG, Connector

        if self._connector is None:
            self._connector = Connector(
                self._keyring,
                ssh_config=OPENSSH_CONFIG if self._ssh_config else (),
                keepalive=self._keepalive,
            )
        self._waiting.add(config.name)
        try:
            await self._gate.acquire()
        finally:
            self._waiting.discard(config.name)
        try:
            return await self._connector.connect(config)
        finally:
            self._gate.release()
