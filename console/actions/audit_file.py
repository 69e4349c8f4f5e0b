"""The audit file: JSON lines in the state folder, written by several consoles and read as it grows."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from console.actions.audit import Record
from console.actions.plan import Outcome, Result
from console.errors import ConfigError, Problem
from console.model.text import clean

AUDIT_FILE = "audit.jsonl"


class FileSink:
    """JSON lines in a file that only its owner can read; several consoles may append at once."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / AUDIT_FILE

    def put(self, entry: Mapping[str, Any]) -> None:
        line = json.dumps(entry, ensure_ascii=False) + "\n"
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            with open(handle, "a+b") as file:
                fcntl.flock(handle, fcntl.LOCK_EX)
                # Only now: what was its end before may be the middle of another console's line.
                if (end := file.seek(0, os.SEEK_END)) and os.pread(handle, 1, end - 1) != b"\n":
                    file.write(b"\n")  # a console was killed in the middle of its line
                file.write(line.encode("utf-8", "replace"))
                file.flush()
                os.fsync(handle)
        except OSError as error:
            reason = f"the audit record cannot be written: {error.strerror}"
            raise ConfigError((Problem(self.path, 0, reason),)) from error


class Trail:
    """What the file holds, read on with each look.

    No handle is kept between two looks: there is nothing to close, and a look may be another thread's.

    :param folder: the state folder; the file in it need not be there yet.
    :param offset: where to begin, the start of a line; what had begun before it is not known.
    """

    def __init__(self, folder: Path, *, offset: int = 0) -> None:
        #: All that were read so far, by their ids, oldest first. One that was cut off has no outcome.
        self.records: dict[str, Record] = {}
        self._path = folder / AUDIT_FILE
        self._offset = offset
        self._begins: dict[str, int] = {}
        self._number = 0
        self._problems: list[Problem] = []

    def look(self, *, last: bool = False) -> list[Record]:
        """The records that are new or have changed since the last look, in the order of their lines.

        :param last: there is no further look, so that a line without an end is read for what it is.
        :raises ConfigError: the file cannot be read.
        """
        changed = []
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                for line in _lines(file, torn=last):
                    if (record := self._read(line)) is not None:
                        self._begins.setdefault(record.id, self._offset)
                        self.records[record.id] = record
                        changed.append(record)
                    self._offset += len(line)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise ConfigError((Problem(self._path, 0, str(error.strerror)),)) from error
        return changed

    def offset_before(self, ids: Iterable[str]) -> int:
        """Where the first of these records begins; how far the file was read, where there are none."""
        return min((self._begins[name] for name in ids), default=self._offset)

    def problems(self) -> list[Problem]:
        """The lines that are no entries, of those read since this was last asked."""
        new, self._problems = self._problems, []
        return new

    def _read(self, line: bytes) -> Record | None:
        self._number += 1
        try:
            return self._merge(json.loads(line.decode("utf-8", "replace")))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            reason = clean(f"not an audit entry: {type(error).__name__}: {error}", 200)
            self._problems.append(Problem(self._path, self._number, reason))
            return None

    def _merge(self, entry: Mapping[str, Any]) -> Record:
        name = str(entry["id"])
        if entry["phase"] == "begin":
            return Record(
                name,
                _time(entry["time"]),
                str(entry["actor"]),
                str(entry["from"]),
                str(entry["line"]),
                entry.get("plan_id"),
                entry.get("plan"),
                part_of=entry.get("part_of"),
                fleet=entry.get("fleet"),
            )
        return replace(
            self.records[name],
            results=tuple(
                Result(str(one["target"]), Outcome(one["status"]), str(one["detail"]), one["seconds"])
                for one in entry["results"]
            ),
            outcome=str(entry["outcome"]),
            why=str(entry["why"]),
            undo=tuple(str(line) for line in entry["undo"]),
            seconds=float(entry["seconds"]),
        )


def _time(written: object) -> datetime:
    at = datetime.fromisoformat(str(written))
    if at.tzinfo is None:
        raise ValueError("its time has no zone")
    return at


def _lines(file: Iterable[bytes], *, torn: bool) -> Iterator[bytes]:
    """The lines from here on, up to one without an end: another console's half, and left unless `torn`.

    What the file would give after a half is the other half, if it was written meanwhile.
    """
    for line in file:
        whole = line.endswith(b"\n")
        if whole or torn:
            yield line
        if not whole:
            return


def read_records(folder: Path) -> tuple[list[Record], list[Problem]]:
    """The records of a state folder, oldest first, and the lines that are none.

    :raises ConfigError: the file is there, and cannot be read.
    """
    trail = Trail(folder)
    trail.look(last=True)
    return list(trail.records.values()), trail.problems()
