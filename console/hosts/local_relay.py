"""A unix socket of this machine that stands for one that only root may use."""

from __future__ import annotations

import asyncio
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from console.hosts.relay import serving

_END_TIMEOUT = 2.0


@asynccontextmanager
async def relayed(host: str, argv: Sequence[str], first: bytes = b"") -> AsyncIterator[Path]:
    """A socket whose every connection is one process of `argv`; leaving the context ends them.

    A process that cannot be run shows as a connection that ends at once.

    :param host: the host's name in the fleet, for the names of tasks.
    :param first: what each process wants on its stdin before the connection's own bytes.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            process = await asyncio.create_subprocess_exec(*argv, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
            try:
                await _join(process, reader, writer, first)
            finally:
                await _end(process)

    with tempfile.TemporaryDirectory(prefix="qd-") as folder:  # made with mode 0700
        path = Path(folder) / "relay"
        async with serving(path, serve, f"{host}: relay {argv[0]}"):
            yield path


async def _join(
    process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes
) -> None:
    """Carry bytes both ways until the process has said its last."""
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None
    assert stdout is not None

    async def upwards() -> None:
        stdin.write(first)
        while chunk := await reader.read(65536):
            stdin.write(chunk)
            await stdin.drain()
        stdin.close()

    up = asyncio.create_task(upwards())
    try:
        while chunk := await stdout.read(65536):
            writer.write(chunk)
            await writer.drain()
    finally:
        up.cancel()
        await asyncio.gather(up, return_exceptions=True)


async def _end(process: Process) -> None:
    """The end of its stdin ends a relay that root runs, which we could not signal; ours is ended as well."""
    assert process.stdin is not None
    process.stdin.close()
    with suppress(ProcessLookupError, PermissionError):
        process.terminate()
    try:
        async with asyncio.timeout(_END_TIMEOUT):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError, PermissionError):
            process.kill()
    process._transport.close()  # type: ignore[attr-defined]  # its pipes stay open until then
