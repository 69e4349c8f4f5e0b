"""`log export`: journals to keep, or to give to somebody."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.commands import clock
from console.commands.archive import archive_at, file_name
from console.commands.asking import ask_each
from console.commands.command import Command, option
from console.commands.grammar import format_command
from console.commands.log_reading import LookingBack, reading, streams
from console.commands.rows import LOG, plain
from console.commands.rows.log import log_lines
from console.commands.values import PATH, choice
from console.errors import HostError, UsageError

if TYPE_CHECKING:
    from console.commands.core import Core, View
    from console.commands.output import Output
    from console.hosts.export_format import Entry

_STDOUT = Path("-")
#: Bytes of one host's journal that are kept in memory before they go to a file.
_IN_MEMORY = 1024 * 1024

Write = Callable[[bytes], object]


@dataclass(frozen=True)
class LogExport(LookingBack):
    """Write what the journals of the selected hosts hold to a file, or to `-`, which is stdout.

    As `export` every field of every entry is kept, in systemd's own format: `systemd-journal-remote` makes
    journal files of it again. `json` (one object a line) and `text` are what `log show` shows, merged by
    time. An `archive` (.tar.gz) is evidence: an export for each host, and a manifest that says what was
    asked of whom and when, with every file's SHA-256. Without filters all that there is.
    """

    words = ("log", "export")
    to: Path | None = option(PATH, "the file to write, which must not be there yet; - is stdout")
    format: str = option(
        choice("export", "json", "text", "archive"), "what to write (export)", default="export", short="-f"
    )

    async def run(self, core: Core, out: Output) -> None:
        from console.hosts.journal_pick import text_filter

        if self.to is None:
            raise UsageError("log export: say where to", hint="--to FILE, or --to -")
        text_filter(self.grep)
        if self.format == "archive":
            await self._archive(core, out, self.to.expanduser())
            return
        async with self._opened(core, out) as write, reading(core, self, out) as (view, hosts):
            if self.format == "export":
                await ask_each(hosts, lambda host: self._export(view, host, write, out), out.failed)
            else:
                await self._lines(view, hosts, write, out)

    async def _lines(self, view: View, hosts: list[str], write: Write, out: Output) -> None:
        """Records of all hosts by time, a line of JSON or some of text each."""
        from console.commands.merging import merged

        query = self.query()
        async with streams(view, hosts, lambda journal: journal.look_back(query), out.failed) as found:
            async for record in merged(found):
                if self.format == "json":
                    text = json.dumps(LOG.fields(record), ensure_ascii=False)
                else:
                    text = "\n".join(" ".join(cell.text for cell in line) for line in log_lines(record))
                write(f"{text}\n".encode("utf-8", "replace"))

    async def _export(self, view: View, host: str, write: Write, out: Output) -> _Account:
        """One host's entries, whole, in the export format.

        :raises HostError: the host does not say all of it; what came before that was written.
        """
        from console.hosts.export_format import written
        from console.hosts.journal_pick import message_filter
        from console.hosts.journalctl import Journalctl

        journal = await Journalctl.open(view.fleet.transport(host))
        account = _Account(host, journal.speaker.machine_id, journal.clock_offset_s)
        wanted = message_filter(self.grep)
        async with aclosing(journal.whole_entries(self.query())) as batches:
            async for entries in batches:
                if wanted is not None:
                    entries = [entry for entry in entries if wanted(entry)]
                if not entries:
                    continue
                data = b"".join(map(written, entries))
                write(data)
                account.add(entries, data)
        if account.cut:
            out.note(f"{host}: {account.cut} entries hold more than is read of one, and are cut")
        return account

    async def _archive(self, core: Core, out: Output, path: Path) -> None:
        async with archive_at(path) as archive:
            failed: list[HostError] = []
            accounts: list[_Account] = []
            async with reading(core, self, out) as (view, hosts):
                failed += view.missing

                async def ask(host: str) -> None:
                    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
                        account = await self._export(view, host, spool.write, out)
                        account.file = f"{file_name(host)}/journal.export"
                        size = spool.tell()
                        spool.seek(0)
                        await archive.file(account.file, spool, size)
                    accounts.append(account)

                def lost(error: HostError) -> None:
                    failed.append(error)
                    out.failed(error)

                await ask_each(hosts, ask, lost)
            accounts.sort(key=lambda account: account.file)
            about = {
                "time": plain(clock.now()),
                "fleet": core.config.name,
                "line": format_command(self),
                "hosts": [account.as_json() for account in accounts],
                "not_read": [str(error) for error in failed],
            }
            await archive.json("manifest.json", about)
            sums = "".join(f"{account.sha256.hexdigest()}  {account.file}\n" for account in accounts)
            await archive.text("SHA256SUMS", sums)
        with path.open("rb") as whole:
            digest = hashlib.file_digest(whole, "sha256").hexdigest()
        out.note(f"{path}: {archive.count} files, {archive.size} bytes, sha256 {digest}")

    @asynccontextmanager
    async def _opened(self, core: Core, out: Output) -> AsyncIterator[Write]:
        """Where to write; a file that cannot be finished is not left behind."""
        assert self.to is not None
        if self.to == _STDOUT:
            if core.pipe is None:
                raise UsageError("log export: there is no stdout here", hint="--to FILE")
            yield core.pipe
            return
        path = self.to.expanduser()
        with _file(path) as file:
            yield file.write
        out.note(f"{path}: {path.stat().st_size} bytes")


@dataclass
class _Account:
    """What was exported of one host."""

    host: str
    machine_id: str | None
    clock_offset_s: float
    file: str = ""
    entries: int = 0
    size: int = 0
    cut: int = 0
    first: str | None = None
    last: str | None = None
    sha256: Any = field(default_factory=hashlib.sha256)

    def add(self, entries: list[Entry], data: bytes) -> None:
        self.entries += len(entries)
        self.size += len(data)
        self.cut += sum(entry.cut for entry in entries)
        self.first = self.first or _cursor(entries[0])
        self.last = _cursor(entries[-1])
        self.sha256.update(data)

    def as_json(self) -> dict[str, Any]:
        return {
            "host": self.host,
            "machine": self.machine_id,
            "clock_offset_s": self.clock_offset_s,
            "file": self.file,
            "bytes": self.size,
            "entries": self.entries,
            "cut": self.cut,
            "first": self.first,
            "last": self.last,
            "sha256": self.sha256.hexdigest(),
        }


def _cursor(entry: Entry) -> str:
    return (entry.first(b"__CURSOR") or b"").decode("utf-8", "replace")


@contextmanager
def _file(path: Path) -> Any:
    """A new file, gone again if it is not finished.

    :raises UsageError: it is there already, or cannot be written.
    """
    file = _made(path, lambda: os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"))
    try:
        with file:
            yield file
    except OSError as error:
        _remove(path)
        raise UsageError(f"{path}: {error.strerror}", hint="give another file") from error
    except BaseException:
        _remove(path)
        raise


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _made(path: Path, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="give another file") from None


COMMANDS: tuple[type[Command], ...] = (LogExport,)
