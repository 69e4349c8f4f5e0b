"""The parts of long lines of containers, put together again. Pure.

Container engines cut a line that is longer than their buffer (16 KiB), and journald gets the parts as
entries of their own:

    docker    all parts have one CONTAINER_PARTIAL_ID, and CONTAINER_PARTIAL_ORDINAL from 1; all but the
              last have CONTAINER_PARTIAL_MESSAGE=true (moby, daemon/logger/journald)
    podman    all but the last have CONTAINER_PARTIAL_MESSAGE=true; the last is the container's next
              entry on the same stream, which its priority tells (conmon, src/ctr_logging.c)

The whole line is the entry of its last part: with its cursor, its time and its place in the log. Parts
are held no longer than a line may last: what is too long, what nothing followed for `PATIENCE` while
others went on, and what nothing at all follows (`flush`) is given out as far as it came, marked as cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from console.hosts.export_format import FIELD_LIMIT, Entry
from console.hosts.journal_record import decimal, shown
from console.model.log import LogRecord

#: Lines held at the same time; no container has more than two.
_HELD = 256
#: A line whose next part is not there after this long, by the host's clock, is a prompt and no long line.
PATIENCE = timedelta(seconds=2)

_Key = tuple[object, ...]


class _Line:
    """What there is of a line: the record of its newest part, and the bytes of all."""

    def __init__(self) -> None:
        self.last: LogRecord | None = None
        self.parts: list[bytes] = []
        self.size = 0
        self.cut = False

    def add(self, record: LogRecord) -> None:
        part = record.message.encode() if record.raw is None else record.raw
        if self.size + len(part) > FIELD_LIMIT:
            part, self.cut = part[: FIELD_LIMIT - self.size], True
        self.parts.append(part)
        self.size += len(part)
        self.cut = self.cut or record.cut
        self.last = record

    def whole(self, *, cut: bool = False) -> LogRecord:
        assert self.last is not None
        # conmon keeps the end of line of a line that it has cut, and of no other.
        message, raw = shown(b"".join(self.parts).removesuffix(b"\n"))
        return replace(self.last, message=message, raw=raw, cut=self.cut or cut)


class Partials:
    """Takes the entries of one host in their order, and gives out whole lines."""

    def __init__(self) -> None:
        self._held: dict[_Key, _Line] = {}

    @property
    def holding(self) -> bool:
        """Whether there are parts of lines that were not given out."""
        return bool(self._held)

    def take(self, entry: Entry, record: LogRecord) -> list[LogRecord]:
        """The lines that this entry ends: itself, unless it is a part of one that goes on."""
        if not self._held:
            return self._take(entry, record)
        return [*self._overdue(record), *self._take(entry, record)]

    def _overdue(self, record: LogRecord) -> Iterator[LogRecord]:
        """Lines that nothing was added to for too long; the one that has waited longest is first."""
        while self._held:
            key, line = next(iter(self._held.items()))
            if line.last is None or record.time - line.last.time <= PATIENCE:
                return
            del self._held[key]
            yield line.whole(cut=True)

    def _take(self, entry: Entry, record: LogRecord) -> list[LogRecord]:
        fields = entry.fields
        partial = b"CONTAINER_PARTIAL_MESSAGE" in fields
        if not partial and (record.container is None or not self._held):
            if b"CONTAINER_PARTIAL_ID" in fields:
                return [replace(record, cut=True)]  # an end without its beginning
            return [record]
        key = _key(entry, record)
        line = self._held.pop(key, None)
        if line is None:
            if not partial:
                return [replace(record, cut=True) if b"CONTAINER_PARTIAL_ID" in fields else record]
            line = _Line()
            line.cut = (decimal(entry.first(b"CONTAINER_PARTIAL_ORDINAL")) or 1) > 1
        line.add(record)
        if not partial:
            return [line.whole()]
        self._held[key] = line
        if len(self._held) > _HELD:
            return [self._held.pop(next(iter(self._held))).whole(cut=True)]
        return []

    def flush(self) -> Iterator[LogRecord]:
        """What there is of lines that have not ended, by the time of their last part."""
        lines = sorted((line.whole(cut=True) for line in self._held.values()), key=lambda line: line.time)
        self._held.clear()
        yield from lines


def is_part(entry: Entry) -> bool:
    """Whether an entry is a part of a line, as far as it says so itself."""
    return b"CONTAINER_PARTIAL_MESSAGE" in entry.fields or b"CONTAINER_PARTIAL_ID" in entry.fields


def _key(entry: Entry, record: LogRecord) -> _Key:
    """What the parts of one line have in common, and no other sender can have as well."""
    line = entry.first(b"CONTAINER_PARTIAL_ID") or record.priority
    return entry.first(b"CONTAINER_ID_FULL"), line, record.trusted, record.unit, record.pid
