"""A host's sshd: asyncssh on one address, with channels that end in the simulated host's services.

Sessions are limited to ten at once as OpenSSH's `MaxSessions` has it; unix sockets are not. Closing a
channel ends what runs on it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any

import asyncssh

from console.lab.sim import commands
from console.lab.sim.line import Front
from console.lab.sim.machine import Machine
from console.lab.sim.wire import Service

_MAX_SESSIONS = 10
#: A console that does not take what it asked for is cut off at so many bytes.
_UNSENT_MOST = 16 * 1024 * 1024
_MSG_IGNORE = 2
_VERSION = "OpenSSH_10.0p2 Debian-7"

HostKeys = Callable[[Machine], asyncssh.SSHKey]


class Sshd:
    """The sshd of one machine.

    :param key: the host key a machine has now.
    :param trusted: the public key that is let in.
    """

    def __init__(self, machine: Machine, address: tuple[str, int], key: HostKeys, trusted: bytes) -> None:
        self.machine = machine
        self._address = address
        self._key = key
        self._trusted = trusted
        self._fronts: set[Front] = set()
        self._server: asyncio.Server | None = None
        self._options: asyncssh.SSHServerConnectionOptions | None = None
        self._starting: asyncio.Task[None] | None = None
        self._seen = (0, 0, 0)
        machine.on_line = self._line_changed

    async def start(self) -> None:
        """Listen. :raises OSError: the address cannot be had."""
        loop = asyncio.get_running_loop()
        host, port = self._address
        self._server = await loop.create_server(self._front, host, port, reuse_address=True, backlog=64)
        if self.machine.line.down:
            self._close_server()

    async def close(self) -> None:
        """Stop listening and end every connection."""
        self.machine.on_line = None
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        self._close_server()
        fronts = tuple(self._fronts)
        for front in fronts:
            front.cut()
        await asyncio.gather(*(front.lost for front in fronts))

    def _front(self) -> Front:
        return Front(self.machine.line, self._connection, self._fronts)

    def _connection(self) -> asyncssh.SSHServerConnection:
        if self._options is None:
            self._options = asyncssh.SSHServerConnectionOptions(
                server_factory=lambda: _Server(self.machine, self._trusted),
                server_host_keys=[self._key(self.machine)],
                server_version=_VERSION,
                encoding=None,
                gss_host=None,
                line_editor=False,
                password_auth=False,
                kbdint_auth=False,
                agent_forwarding=False,
                compression_algs=None,
                login_timeout=120,
                encryption_algs="aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com",
            )
        return _Connection(asyncio.get_running_loop(), self._options)

    # -- the line ---------------------------------------------------------------------------

    def _line_changed(self) -> None:
        line = self.machine.line
        cut, forgotten, key = self._seen
        self._seen = (line.cut, line.forgotten, line.key)
        if line.key != key:
            self._options = None
        for front in tuple(self._fronts):
            if line.cut != cut:
                front.cut()
            elif line.forgotten != forgotten:
                front.forget()
            elif not line.frozen:
                front.thaw()
        if line.down:
            self._close_server()
        elif self._server is None and (self._starting is None or self._starting.done()):
            self._starting = asyncio.create_task(self.start(), name=f"{self.machine.name}: listen")

    def _close_server(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None


class _Connection(asyncssh.SSHServerConnection):
    """asyncssh's, which says no more than OpenSSH does."""

    def send_packet(self, pkttype: int, *args: bytes, handler: Any = None) -> None:
        # asyncssh puts an empty one before each packet, a measure against an attack on CBC ciphers.
        if pkttype != _MSG_IGNORE:
            super().send_packet(pkttype, *args, handler=handler)


class _Server(asyncssh.SSHServer):
    """One connection."""

    def __init__(self, machine: Machine, trusted: bytes) -> None:
        self._machine = machine
        self._trusted = trusted
        self._sessions = 0

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == commands.USER and key.public_data == self._trusted

    def session_requested(self) -> asyncssh.SSHServerSession[bytes]:
        if self._sessions >= _MAX_SESSIONS:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "open failed")
        self._sessions += 1
        return _Session(self._machine, self._session_ended)

    def _session_ended(self) -> None:
        self._sessions -= 1

    def unix_connection_requested(self, dest_path: str) -> asyncssh.SSHUNIXSession[bytes]:
        session = _Socket(self._machine)
        session.service = commands.socket(self._machine, dest_path, session.out)
        if session.service is None:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "open failed")
        return session


class _ChannelOut:
    """`Out` on a channel. What is said before the channel is there is kept for it.

    What is said in one turn of the loop goes out together, as sshd does that reads whatever is there.
    """

    def __init__(self, machine: Machine, is_command: bool) -> None:
        self._machine = machine
        self._is_command = is_command
        self._channel: Any = None  # asyncssh gives a session's channel in a wrapping of its own
        self._pieces: list[bytes] = []
        self._over = False

    def opened(self, channel: Any) -> None:
        self._channel = channel
        self._flush()

    def write(self, data: bytes) -> None:
        if self._over:
            return
        if not self._pieces and self._channel is not None:
            asyncio.get_running_loop().call_soon(self._flush)
        self._pieces.append(data)

    def _flush(self) -> None:
        data = b"".join(self._pieces)
        self._pieces.clear()
        if not data or self._over or self._channel.is_closing():
            return
        if self._machine.line.garbage:
            data = random.Random(len(data)).randbytes(len(data))
        self._channel.write(data)
        if self._channel.get_write_buffer_size() > _UNSENT_MOST:
            self._over = True
            self._channel.abort()

    def complain(self, data: bytes) -> None:
        if self._is_command and self._channel is not None and not self._over:
            self._channel.write_stderr(data)

    def end(self, code: int = 0) -> None:
        if self._over or self._channel is None:
            return
        self._flush()
        self._over = True
        if self._is_command:
            self._channel.exit(code)
        else:
            self._channel.close()


class _Ends:
    """What a session and a socket have in common: a service at the end of a channel."""

    is_command = False

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.out = _ChannelOut(machine, self.is_command)
        self.service: Service | None = None

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if self.service is not None:
            self.service.received(data)

    def eof_received(self) -> bool:
        if self.service is not None:
            self.service.finished()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if self.service is not None:
            self.service.closed()
            self.service = None


class _Socket(_Ends, asyncssh.SSHUNIXSession[bytes]):
    """A unix socket of the host."""

    def connection_made(self, chan: asyncssh.SSHUNIXChannel[bytes]) -> None:
        self.out.opened(chan)


class _Session(_Ends, asyncssh.SSHServerSession[bytes]):
    """A command on the host."""

    is_command = True

    def __init__(self, machine: Machine, ended: Callable[[], None]) -> None:
        super().__init__(machine)
        self._ended = ended
        self._line: str | None = None

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self.out.opened(chan)

    def pty_requested(
        self, term_type: str, term_size: tuple[int, int, int, int], term_modes: Mapping[int, int]
    ) -> bool:
        return True

    def shell_requested(self) -> bool:
        return True

    def exec_requested(self, command: str) -> bool:
        self._line = command
        return True

    def session_started(self) -> None:
        if self._line is None:
            self.service = commands.shell(self.machine, self.out)
        else:
            self.service = commands.run(self.machine, self._line, self.out)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._ended()
