"""asyncssh's connection without its empty packets.

asyncssh puts an empty packet before every other one. In CBC mode that keeps whoever can choose what is sent
from knowing what it will be combined with (RFC 4251, section 9.3.1). The ciphers that we offer, asyncssh's
own choice, are of other modes and have no such weakness, and OpenSSH itself sends none. A console sends
little and often: half of what it encrypted and handed to the kernel were these.
"""

from __future__ import annotations

from typing import Any

import asyncssh

_MSG_IGNORE = 2


class QuietConnection(asyncssh.SSHClientConnection):
    """A client's connection; see the module. Made by `quieten`."""

    def send_packet(self, pkttype: int, *args: bytes, handler: Any = None) -> None:
        if pkttype != _MSG_IGNORE:
            super().send_packet(pkttype, *args, handler=handler)


def quieten(connection: asyncssh.SSHClientConnection) -> None:
    """Have a connection that asyncssh has made send no empty packets; it lets nobody else make it."""
    connection.__class__ = QuietConnection
