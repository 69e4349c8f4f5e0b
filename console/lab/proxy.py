"""A slow line in front of a host's sshd: `python -m console.lab.proxy SPEC.json`.

Takes over the host's public address in a network of its own and forwards port 22 to the address that
only the lab knows, through a line with a delay and a rate, or one that takes connections and then
says nothing. One line for all connections of a host, one direction each way, as a real one is.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from console.lab.wiring import Wiring, connect, into_own_network

SSH_PORT = 22
_CHUNK = 16 * 1024
_QUEUED = 64  # chunks on the line; beyond that the sender is held back


@dataclass(frozen=True, slots=True)
class ProxySpec:
    """`delay` in seconds one way, `rate` in bytes per second (None: as fast as it goes).

    `ready` is a file that appears when it listens.
    """

    listen: str
    upstream: str
    ready: Path
    wiring: Wiring
    delay: float = 0.0
    rate: float | None = None
    stall: bool = False

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), default=str, indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> ProxySpec:
        raw = json.loads(path.read_text())
        wiring = raw.pop("wiring")
        ready = Path(raw.pop("ready"))
        wiring |= {"addresses": tuple(wiring["addresses"]), "routes": tuple(wiring["routes"])}
        return cls(ready=ready, wiring=Wiring(**wiring), **raw)


class Line:
    """One direction of the line: says when what is sent now arrives. It may change while it is used."""

    def __init__(self, delay: float, rate: float | None) -> None:
        self.delay = delay
        self.rate = rate
        self._free = 0.0

    @property
    def chunk(self) -> int:
        """How many bytes to send at a time: at a low rate, no more than a twentieth of a second's worth."""
        return _CHUNK if self.rate is None else min(_CHUNK, max(256, int(self.rate / 20)))

    def arrival(self, now: float, size: int) -> float:
        """When the last of `size` bytes handed over at `now` comes out, behind all that went before."""
        self._free = max(now, self._free) + (size / self.rate if self.rate else 0.0)
        return self._free + self.delay


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: Line) -> None:
    """Everything from `reader` to `writer` over `line`, the end of it too.

    What is on the line comes out of it though whoever sent it is gone; where the receiver is, it is lost.
    """
    queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_QUEUED)
    loop = asyncio.get_running_loop()

    async def put_in() -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(line.chunk):
                await queue.put((line.arrival(loop.time(), len(data)), data))
        await queue.put((line.arrival(loop.time(), 0), b""))

    async def take_out() -> None:
        while True:
            due, data = await queue.get()
            await asyncio.sleep(due - loop.time())
            with contextlib.suppress(OSError):
                writer.write(data)
                await writer.drain()
            if not data:
                break
        with contextlib.suppress(OSError):
            writer.write_eof()

    async with asyncio.TaskGroup() as group:
        group.create_task(put_in())
        group.create_task(take_out())


class Proxy:
    """Accepts, connects upstream, and carries both ways until both have ended.

    :param file: where its spec is read again at a SIGHUP: delay and rate, for connections that there are too.
    """

    def __init__(self, spec: ProxySpec, file: Path | None = None) -> None:
        self._spec = spec
        self._file = file
        self._up = Line(spec.delay, spec.rate)
        self._down = Line(spec.delay, spec.rate)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One accepted connection, to its end."""
        try:
            if self._spec.stall:
                await asyncio.Event().wait()
            upstream_reader, upstream_writer = await asyncio.open_connection(self._spec.upstream, SSH_PORT)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(carry(reader, upstream_writer, self._up))
                    group.create_task(carry(upstream_reader, writer, self._down))
            finally:
                upstream_writer.close()
        except* OSError as errors:
            print(f"connection from {writer.get_extra_info('peername')}: {errors.exceptions[0]}", flush=True)
        finally:
            writer.close()

    def _read_again(self) -> None:
        assert self._file is not None
        spec = ProxySpec.read(self._file)
        for line in (self._up, self._down):
            line.delay, line.rate = spec.delay, spec.rate
        spec.ready.touch()

    async def serve(self) -> None:
        """Listen on the public address until ended."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._read_again)
        server = await asyncio.start_server(self.handle, self._spec.listen, SSH_PORT, limit=_CHUNK)
        await asyncio.to_thread(self._spec.ready.touch)
        async with server:
            await server.serve_forever()


def main() -> None:
    """Be the proxy of the spec file named by the first argument, until killed."""
    spec_file = Path(sys.argv[1])
    if len(sys.argv) == 2:
        into_own_network("console.lab.proxy", str(spec_file))
    spec = ProxySpec.read(spec_file)
    connect(spec.wiring, int(sys.argv[2]))
    os.close(int(sys.argv[2]))
    asyncio.run(Proxy(spec, spec_file).serve())


if __name__ == "__main__":
    main()
