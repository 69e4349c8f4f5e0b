"""Real journal files with any contents, and a transport whose journalctl reads them.

systemd-journal-remote writes them, from an export stream that may hold any boot, time and field;
journalctl reads them as it would the system's. Only the machine's own journal is not involved.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from console.errors import AccessRefused
from console.hosts.become import Becoming
from console.hosts.local import LocalReading, LocalTransport
from console.hosts.secrets import Keyring
from console.hosts.source import SourceRun
from console.hosts.transport import OUTPUT_LIMIT, Completed, Transport
from console.model.events import Event, Logged
from console.model.log import Gap, LogRecord

REMOTE = Path("/lib/systemd/systemd-journal-remote")
JOURNALCTL = shutil.which("journalctl")
needs_journal_tools = pytest.mark.skipif(
    not REMOTE.exists() or JOURNALCTL is None, reason="needs journalctl and systemd-journal-remote"
)

BOOT = "a1" * 16


def machine_id() -> str:
    path = Path("/etc/machine-id")
    return path.read_text().strip() if path.exists() else ""


class JournalFiles:
    """A folder of journal files; every `write` ends when a reader can see the entries."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "journal"
        self.folder.mkdir()
        self._tools = folder / "bin"
        self._tools.mkdir()
        self._files = 0
        self._written = 0
        self._clock_us = int(time.time() * 1_000_000) - 3_600_000_000
        self._writer: subprocess.Popen[bytes] | None = None
        self.say(f'exec {JOURNALCTL} -D {self.folder} "$@"')

    def say(self, script: str) -> None:
        """Make the host's journalctl do something else from now on."""
        tool = self._tools / "journalctl"
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)

    @property
    def path(self) -> str:
        return f"{self._tools}:{os.environ['PATH']}"

    def write(
        self,
        *messages: str | bytes,
        boot: str = BOOT,
        machine: str | None = None,
        **fields: str | bytes | list[str],
    ) -> None:
        """Append an entry for each message, a millisecond apart, with `fields` in all of them."""
        if self._writer is None:
            self._files += 1
            self._written = 0
            target = self.folder / f"part{self._files:02}.journal"
            self._writer = subprocess.Popen(
                [REMOTE, "-o", target, "-"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        stream = b"".join(self._entry(message, boot, machine or machine_id(), fields) for message in messages)
        assert self._writer.stdin is not None
        self._writer.stdin.write(stream)
        self._writer.stdin.flush()
        self._written += len(messages)
        self._wait()

    def pass_time(self, seconds: int) -> None:
        """Date what is written from now on so much later."""
        self._clock_us += seconds * 1_000_000

    def now_is(self, moment: float) -> None:
        """Date the next entry right after `moment`, in seconds since the epoch."""
        self._clock_us = int(moment * 1_000_000)

    def set_clock_of_host(self, ahead_s: float) -> None:
        """Have the host's `date` say what its clock says, so far ahead of this machine's."""
        tool = self._tools / "date"
        tool.write_text(f'#!/bin/sh\nexec {shutil.which("date")} -d "{ahead_s:+} seconds" "$@"\n')
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)

    def close_file(self) -> Path:
        """End the present file; the next `write` begins another. Returns its path."""
        assert self._writer is not None
        assert self._writer.stdin is not None
        self._writer.stdin.close()
        self._writer.wait()
        self._writer = None
        return self.folder / f"part{self._files:02}.journal"

    def read(self, *options: str) -> list[str]:
        """Messages as journalctl itself prints them."""
        command = [str(JOURNALCTL), "-q", "--no-pager", "-D", str(self.folder), "-o", "cat", "-a", *options]
        return subprocess.run(command, capture_output=True, check=True).stdout.decode().splitlines()

    def _entry(
        self, message: str | bytes, boot: str, machine: str, fields: dict[str, str | bytes | list[str]]
    ) -> bytes:
        self._clock_us += 1000
        out = [
            b"__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n"
            % (self._clock_us, self._clock_us % 10**12),
            f"_BOOT_ID={boot}\n_MACHINE_ID={machine}\n".encode(),
        ]
        for name, values in {"MESSAGE": message, **fields}.items():
            for value in values if isinstance(values, list) else [values]:
                data = value.encode() if isinstance(value, str) else value
                out.append(name.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n")
        return b"".join(out) + b"\n"

    def _wait(self) -> None:
        """journal-remote has read its pipe to the end when the file holds as many entries as were sent."""
        target = self.folder / f"part{self._files:02}.journal"
        for _ in range(2000):
            if target.exists() and target.stat().st_size > 512:
                header = target.read_bytes()[:256]
                if int.from_bytes(header[152:160], "little") >= self._written:  # n_entries
                    return
            time.sleep(0.005)
        raise AssertionError("systemd-journal-remote wrote no entry")


@contextmanager
def journal_files(folder: Path) -> Iterator[JournalFiles]:
    files = JournalFiles(folder)
    try:
        yield files
    finally:
        if files._writer is not None:
            files.close_file()


class Asking(LocalTransport):
    """This machine, with or without the right to become root (which AS_ROOT in a script shows)."""

    def __init__(self, *, root: bool = False) -> None:
        super().__init__("web1", Becoming("none", "me", Keyring()))
        self._root = root

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout: float = 15.0,
        limit: int = OUTPUT_LIMIT,
        privileged: bool = False,
    ) -> Completed:
        return await super().run(self._as(argv, privileged), stdin=stdin, timeout=timeout, limit=limit)

    @asynccontextmanager
    async def stream(self, argv: Sequence[str], *, privileged: bool = False) -> AsyncIterator[LocalReading]:
        async with super().stream(self._as(argv, privileged)) as reading:
            yield reading

    def _as(self, argv: Sequence[str], privileged: bool) -> Sequence[str]:
        if privileged and not self._root:
            raise AccessRefused('become is "none" for this host', host=self.host)
        return ("env", "AS_ROOT=yes", *argv) if privileged else argv


class Heard:
    """What a journal source emitted, and when it said it was live."""

    def __init__(self) -> None:
        self.items: list[LogRecord | Gap] = []
        self.batches: list[int] = []
        self.live = False
        self._news = asyncio.Event()

    def emit(self, event: Event) -> None:
        assert isinstance(event, Logged)
        self.items += event.records
        self.batches.append(len(event.records))
        self._news.set()

    def now_live(self) -> None:
        self.live = True
        self._news.set()

    @property
    def messages(self) -> list[str]:
        """Messages in order, a gap as `GAP` with its count."""
        return [i.message if isinstance(i, LogRecord) else f"GAP {i.count}" for i in self.items]

    async def until(self, condition: Callable[[Heard], bool], timeout: float = 20.0) -> None:
        """Wait for the condition to hold."""
        async with asyncio.timeout(timeout):
            while not condition(self):
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def following(
    source: SourceRun, transport: Transport, heard: Heard | None = None
) -> AsyncIterator[Heard]:
    """The source at work, from when it is live until the block is left: then the connection is cut."""
    heard = heard or Heard()
    heard.live = False
    task = asyncio.create_task(source.run(transport, heard.emit, heard.now_live))
    task.add_done_callback(lambda _: heard.now_live())
    try:
        await heard.until(lambda h: h.live)
        yield heard
    finally:
        task.cancel()
        result = (await asyncio.gather(task, return_exceptions=True))[0]
        assert isinstance(result, asyncio.CancelledError), result
