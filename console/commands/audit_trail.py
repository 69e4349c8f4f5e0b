"""The audit file of a state folder, read on as it grows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from console.actions.audit import AUDIT_FILE, Record, RecordReader
from console.errors import ConfigError, Problem


class Trail:
    """Opened once, so that no line is missed between two looks.

    :param folder: the state folder; the file in it need not be there yet.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / AUDIT_FILE
        self._reader = RecordReader(self._path)
        self._file: BinaryIO | None = None
        self._told = 0

    @property
    def records(self) -> Mapping[str, Record]:
        """All that were read so far, by their ids, oldest first."""
        return self._reader.records

    def look(self) -> list[Record]:
        """The records that are new or have changed since the last look.

        :raises ConfigError: the file cannot be read.
        """
        try:
            if self._file is None:
                self._file = self._path.open("rb")
            return self._reader.take(_whole_lines(self._file))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ConfigError((Problem(self._path, 0, str(error.strerror)),)) from error

    def problems(self) -> list[Problem]:
        """The lines that are no entries, of those read since this was last asked."""
        new = self._reader.problems[self._told :]
        self._told = len(self._reader.problems)
        return new

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _whole_lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines from here on that have an end; a piece of one is left for the next time."""
    while True:
        at = file.tell()
        line = file.readline()
        if not line.endswith(b"\n"):
            file.seek(at)
            return
        yield line
