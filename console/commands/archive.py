"""An archive that is written for a person to keep: a .tar.gz, there whole or not at all."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import tarfile
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO

from console.commands import clock
from console.commands.rows import plain
from console.errors import UsageError


def file_name(name: str) -> str:
    """A name from a host as the name of a file: no folders, and no more than a file system takes."""
    return re.sub(r"[^A-Za-z0-9@._:-]", "_", name).lstrip(".")[:120] or "_"


@asynccontextmanager
async def archive_at(path: Path) -> AsyncIterator[Archive]:
    """A new archive, whole once the block is left, and gone if it is left by an error.

    :raises UsageError: it is there already, or cannot be written.
    """
    try:
        archive = Archive(path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="give another file") from None
    try:
        yield archive
        archive.close()
    except OSError as error:
        archive.discard()
        raise UsageError(f"{path}: {error.strerror}", hint="give another file") from error
    except BaseException:
        archive.discard()
        raise


class Archive:
    """It is packed beside the event loop.

    :raises OSError: it is there already, or cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self.size = 0
        self._root = path.name.removesuffix(".gz").removesuffix(".tar").removesuffix(".tgz") or "evidence"
        self._names: set[str] = set()
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(handle, "wb")
        self._tar = tarfile.open(fileobj=self._file, mode="w:gz")  # noqa: SIM115  # closed by `close`
        # One piece is packed at a time; and one that was begun goes on in its thread when we are cancelled.
        self._packing = threading.Lock()

    async def json(self, name: str, value: object) -> None:
        await asyncio.to_thread(self._add, name, lambda: f"{_written(value, indent=1)}\n")

    async def text(self, name: str, text: str) -> None:
        await asyncio.to_thread(self._add, name, lambda: text)

    async def file(self, name: str, source: IO[bytes], size: int) -> None:
        """A file of our own, from its present place on.

        :param size: its bytes.
        """
        await asyncio.to_thread(self._pack, name, source, size)

    async def rows(self, name: str, rows: Iterable[object], *, by_line: bool = False) -> None:
        """An array of objects, one a line; or the objects alone, for a file that is read line by line."""
        found = list(rows)

        def text() -> str:
            lines = [_written(row) for row in found]
            if by_line:
                return "".join(f"{line}\n" for line in lines)
            return "[\n" + ",\n".join(lines) + "\n]\n" if lines else "[]\n"

        await asyncio.to_thread(self._add, name, text)

    def _add(self, name: str, text: Callable[[], str]) -> None:
        data = text().encode("utf-8", "replace")
        self._pack(name, io.BytesIO(data), len(data))

    def _pack(self, name: str, source: IO[bytes], size: int) -> None:
        with self._packing:
            if self._file.closed:
                return
            # Two containers of two engines may have one name.
            at, stem = 1, name
            while name in self._names:
                at += 1
                name = f"{stem}.{at}"
            self._names.add(name)
            entry = tarfile.TarInfo(f"{self._root}/{name}")
            entry.size, entry.mode, entry.mtime = size, 0o600, int(clock.now().timestamp())
            self._tar.addfile(entry, source)
            self.count += 1

    def close(self) -> None:
        with self._packing:
            self._tar.close()
            self.size = self._file.tell()
            self._file.close()

    def discard(self) -> None:
        with suppress(OSError):  # what cannot be written is not wanted any more
            self.close()
        self.path.unlink(missing_ok=True)


def _written(value: object, indent: int | None = None) -> str:
    return json.dumps(plain(value), ensure_ascii=False, indent=indent, default=str)
