"""A real SSH server in this process, as awkward as a test wants it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from console.model.config import HostConfig


@dataclass
class Sshd:
    """One server. Its fields may be changed while it runs."""

    folder: Path
    port: int = 0
    max_sessions: int = 10
    forwarding: bool = True
    says_why: bool = False
    #: Where its programs are; None for where this machine's are.
    path: str | None = None
    accept_keys: bool = True
    sessions: int = 0
    most_sessions: int = 0
    commands: list[str] = field(default_factory=list)
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def config(self, name: str = "web1", **more: object) -> HostConfig:
        """How to reach it, with its key known."""
        given = {
            "name": name,
            "address": "127.0.0.1",
            "port": self.port,
            "user": "core",
            "identity": (self.folder / "id",),
            "known_hosts": self.folder / "known_hosts",
        }
        return HostConfig(**(given | more))  # type: ignore[arg-type]

    def trust(self, key: asyncssh.SSHKey) -> None:
        """Write `key` as the one known for this server."""
        public = key.export_public_key().decode()
        (self.folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {public}")

    def drop(self) -> None:
        """Cut every connection, as a killed sshd does."""
        for connection in self.connections:
            connection.abort()
        self.connections.clear()


class _Server(asyncssh.SSHServer):
    def __init__(self, sshd: Sshd) -> None:
        self._sshd = sshd

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._sshd.connections.append(conn)

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return self._sshd.accept_keys

    def session_requested(self) -> asyncssh.SSHServerSession[bytes] | bool:
        if self._sshd.sessions >= self._sshd.max_sessions:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "open failed")
        self._sshd.sessions += 1
        self._sshd.most_sessions = max(self._sshd.most_sessions, self._sshd.sessions)
        return asyncssh.SSHServerProcess(self._serve, None, 3, True)

    def unix_connection_requested(self, dest_path: str) -> bool:
        if not self._sshd.forwarding:
            # OpenSSH 10's answer; older ones say that it is prohibited.
            code = asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED if self._sshd.says_why else 2
            raise asyncssh.ChannelOpenError(code, "open failed")
        return True

    async def _serve(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        sshd = self._sshd
        sshd.commands.append(process.command or "")
        task = asyncio.current_task()
        assert task
        sshd.tasks.add(task)
        task.add_done_callback(sshd.tasks.discard)
        try:
            await _run(process, sshd.path)
        finally:
            sshd.sessions -= 1


async def _run(process: asyncssh.SSHServerProcess[bytes], path: str | None) -> None:
    pipe = asyncio.subprocess.PIPE
    environ = os.environ | ({"PATH": path} if path else {})
    # Cancelled while it starts, Python 3.11 would leave its pipes open: it is let start, and then ended.
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_shell(
            process.command or "true",
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            start_new_session=True,
            env=environ,
        )
    )
    try:
        child = await asyncio.shield(starting)
    except asyncio.CancelledError:
        child = await starting
        _end(child)
        await child.wait()
        raise
    assert child.stdin
    assert child.stdout
    assert child.stderr

    async def upwards(target: asyncio.StreamWriter) -> None:
        try:
            while chunk := await process.stdin.read(65536):
                target.write(chunk)
        except (asyncssh.Error, OSError):
            pass
        target.close()

    async def downwards(source: asyncio.StreamReader, target: asyncssh.SSHWriter[bytes]) -> None:
        while (chunk := await source.read(65536)) and not process.channel.is_closing():
            target.write(chunk)
            await target.drain()

    up = asyncio.create_task(upwards(child.stdin))
    down = [
        asyncio.create_task(downwards(child.stdout, process.stdout)),
        asyncio.create_task(downwards(child.stderr, process.stderr)),
    ]
    closed: asyncio.Future[object] = asyncio.ensure_future(process.channel.wait_closed())
    said: asyncio.Future[object] = asyncio.ensure_future(asyncio.wait(down))
    try:
        # As sshd does: a channel that the client closes ends the command.
        await asyncio.wait([closed, said], return_when=asyncio.FIRST_COMPLETED)
        if not closed.done():
            process.exit(await child.wait())
    except (asyncssh.Error, OSError):
        pass  # the client has gone
    finally:
        _end(child)
        pending: list[asyncio.Future[object]] = [up, closed, said, *down]  # type: ignore[list-item]
        for task in pending:
            task.cancel()
        ending = asyncio.gather(child.wait(), *pending, return_exceptions=True)
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            await ending  # the server ends while the command does: it is waited for all the same
            raise


def _end(child: asyncio.subprocess.Process) -> None:
    """At once, so that no further cancellation comes between."""
    # The whole group: a shell's children would else hold its pipes open.
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    # Pipes that were not read to their end stay open until the transport is closed.
    child._transport.close()  # type: ignore[attr-defined]


@asynccontextmanager
async def running_sshd(folder: Path) -> AsyncIterator[Sshd]:
    """A server on a free port of the loopback, with a key pair and a known_hosts file in `folder`."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(folder / "id")
    (folder / "id").chmod(0o600)
    sshd = Sshd(folder)
    server = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=lambda: _Server(sshd), server_host_keys=[key], encoding=None
    )
    sshd.port = server.sockets[0].getsockname()[1]
    sshd.trust(key)
    try:
        yield sshd
    finally:
        for task in sshd.tasks:
            task.cancel()
        await asyncio.gather(*sshd.tasks, return_exceptions=True)
        sshd.drop()
        server.close()
        await server.wait_closed()
