"""Commands and sockets of the machine the console itself runs on."""

from __future__ import annotations

import asyncio
import os
import stat
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from console.errors import Absent, AccessRefused, HostFailure
from console.hosts.become import Becoming
from console.hosts.local_relay import relayed
from console.hosts.local_terminal import local_terminal
from console.hosts.running import collect
from console.hosts.terminal import RemoteTerminal, Size
from console.hosts.transport import OUTPUT_LIMIT, Completed

_STDERR_KEPT = 16 * 1024
_COMPLAINTS_TIMEOUT = 1.0


class LocalReading:
    """A local command's output; see `Reading`."""

    def __init__(self, argv: tuple[str, ...], process: Process) -> None:
        self._argv = argv
        self._process = process
        self._complaint = bytearray()
        self.complaints = asyncio.create_task(self._drain_stderr(), name=f"stderr of {argv[0]}")

    async def read(self, size: int = 65536) -> bytes:
        assert self._process.stdout is not None
        return await self._process.stdout.read(size)

    async def _drain_stderr(self) -> None:
        assert self._process.stderr is not None
        while chunk := await self._process.stderr.read(4096):
            self._complaint += chunk
            del self._complaint[:-_STDERR_KEPT]

    async def wait(self) -> Completed:
        code = await self._process.wait()
        # What it complained of last may still be in the pipe; a child of its own may hold the pipe open.
        await asyncio.wait([self.complaints], timeout=_COMPLAINTS_TIMEOUT)
        return Completed(self._argv, code, b"", bytes(self._complaint))


class LocalTransport:
    """`Transport` without a network in between. It is never lost."""

    def __init__(self, host: str, becoming: Becoming) -> None:
        self._host = host
        self._becoming = becoming

    @property
    def host(self) -> str:
        return self._host

    async def wait_closed(self) -> str:
        never: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        return await never

    async def close(self) -> None:
        """Nothing is held open between calls."""

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout: float = 15.0,
        limit: int = OUTPUT_LIMIT,
        privileged: bool = False,
    ) -> Completed:
        return await collect(
            self._host,
            argv[0],
            self._running(argv, stdin, privileged),
            timeout=timeout,
            limit=limit,
            privileged=privileged,
        )

    @asynccontextmanager
    async def stream(self, argv: Sequence[str], *, privileged: bool = False) -> AsyncIterator[LocalReading]:
        async with self._running(argv, b"", privileged) as reading:
            yield reading

    @asynccontextmanager
    async def _running(
        self, argv: Sequence[str], stdin: bytes, privileged: bool
    ) -> AsyncIterator[LocalReading]:
        argv = tuple(argv)
        if privileged and os.geteuid() != 0:
            elevation = await self._becoming.elevation(self)
            argv, stdin = (*elevation.prefix, *argv), elevation.stdin + stdin
        try:
            process = await asyncio.create_subprocess_exec(
                *argv, stdin=PIPE if stdin else DEVNULL, stdout=PIPE, stderr=PIPE
            )
        except FileNotFoundError:
            raise Absent(f"{argv[0]} is not installed", host=self._host) from None
        except OSError as error:
            raise HostFailure(f"{argv[0]}: {error.strerror}", host=self._host) from error
        reading = LocalReading(argv, process)
        try:
            if process.stdin is not None:
                process.stdin.write(stdin)
                process.stdin.close()
            yield reading
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(5):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
            reading.complaints.cancel()
            await asyncio.gather(reading.complaints, return_exceptions=True)
            # Pipes that were not read to their end stay open until the transport is closed.
            process._transport.close()  # type: ignore[attr-defined]

    @asynccontextmanager
    async def terminal(
        self, argv: Sequence[str], *, term: str, size: Size, privileged: bool = False
    ) -> AsyncIterator[RemoteTerminal]:
        """See `HasTerminals`."""
        argv = tuple(argv)
        if privileged and os.geteuid() != 0:
            argv = (*(await self._becoming.elevation(self)).asking, *argv)
        async with local_terminal(self._host, argv, term=term, size=size) as opened:
            yield opened

    @asynccontextmanager
    async def socket(
        self, remote: str, *, relay: Sequence[str] = (), privileged: bool = False
    ) -> AsyncIterator[Path]:
        try:
            there = stat.S_ISSOCK(os.stat(remote).st_mode)
        except FileNotFoundError:
            there = False
        except PermissionError:
            there = privileged  # root may see it, and the relay will tell
            if not privileged:
                raise AccessRefused(f"{remote} is closed to this user", host=self._host) from None
        if not there:
            raise Absent(f"no socket at {remote}", host=self._host)
        if privileged and os.geteuid() != 0 and relay:
            elevation = await self._becoming.elevation(self)
            async with relayed(self._host, (*elevation.prefix, *relay), elevation.stdin) as path:
                yield path
            return
        if (privileged and os.geteuid() != 0) or not os.access(remote, os.W_OK):
            raise AccessRefused(f"{remote} is closed to this user", host=self._host)
        yield Path(remote)
