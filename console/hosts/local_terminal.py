"""A command of this machine on a PTY of its own."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import struct
import termios
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from console.errors import Absent, HostFailure
from console.hosts.readiness import readable, writable
from console.hosts.terminal import Size

_END_TIMEOUT = 2.0


class LocalTerminal:
    """See `RemoteTerminal`."""

    def __init__(self, master: int, process: Process) -> None:
        self._master = master
        self._process = process

    async def read(self) -> bytes:
        await readable(self._master)
        try:
            return os.read(self._master, 65536)
        except OSError:
            return b""  # EIO: nobody holds the other end any more (pty(7))

    async def write(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._master, data) :]
            except BlockingIOError:
                await writable(self._master)
            except OSError:
                return  # it has ended: `read` tells

    def resize(self, size: Size) -> None:
        set_size(self._master, size)

    async def wait(self) -> int:
        code = await self._process.wait()
        return code if code >= 0 else 128 - code


def set_size(terminal: int, size: Size) -> None:
    """Tell a terminal its size (ioctl_tty(2), TIOCSWINSZ)."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", size.rows, size.columns, 0, 0))


@asynccontextmanager
async def local_terminal(
    host: str, argv: Sequence[str], *, term: str, size: Size
) -> AsyncIterator[LocalTerminal]:
    """Run `argv` on a PTY; leaving the context hangs it up.

    :param argv: empty: the user's own shell.
    :raises Absent: there is no such program.
    """
    command = tuple(argv) or (os.environ.get("SHELL") or "/bin/sh",)
    master, slave = pty.openpty()
    try:
        os.set_blocking(master, False)
        set_size(slave, size)
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=slave,
                stdout=slave,
                stderr=slave,
                env={**os.environ, "TERM": term},
                start_new_session=True,
                preexec_fn=_take_terminal,
            )
        except FileNotFoundError:
            raise Absent(f"{command[0]} is not installed", host=host) from None
        except OSError as error:
            raise HostFailure(f"{command[0]}: {error.strerror}", host=host) from error
        finally:
            os.close(slave)
        try:
            yield LocalTerminal(master, process)
        finally:
            await _end(process)
    finally:
        os.close(master)


def _take_terminal() -> None:
    """In the child: its stdin becomes the terminal that ^C and hang-ups come from."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


async def _end(process: Process) -> None:
    for stop in (process.terminate, process.kill):
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_TIMEOUT):
                await process.wait()
