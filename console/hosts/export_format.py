"""The journal export format, read as it arrives. Pure: bytes in, entries out.

The format is systemd's "Journal Export Formats" (https://systemd.io/JOURNAL_EXPORT_FORMATS/):

    NAME=value\\n                                            a field that is printable text
    NAME\\n + 8 bytes little-endian length + bytes + \\n     any other field
    \\n                                                      the end of an entry

What the parser makes of it beyond that page:
- a field may repeat: its value is then a list;
- `__` fields it does not know are skipped, as the page demands;
- journalctl leaves an entry it cannot read to its end without the blank line, so a second
  `__CURSOR=` starts a new entry, and the one before is marked `cut`;
- a value beyond `FIELD_LIMIT` is kept up to the limit and marked, an entry keeps no more than
  `ENTRY_LIMIT` bytes and `FIELDS_LIMIT` values: memory stays bounded whatever a host sends, and
  the stream stays in step.

Nearly all entries are text only. Those are split whole, in C; a binary field shows in that as a
line without `=`, which always comes before the bytes that could mislead a split. Such an entry, or
one that repeats a field, is taken line by line; one that is huge, not complete, or not in order at
all is taken apart as it comes, byte by byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import cast

FIELD_LIMIT = 1024 * 1024
ENTRY_LIMIT = 8 * 1024 * 1024
FIELDS_LIMIT = 4096

#: No journal file holds a larger field (journal-file.c, DATA_SIZE_MAX); a length beyond it is not one.
_LENGTH_LIMIT = 768 * 1024 * 1024
#: An entry not complete within this many bytes is taken apart as it comes instead of being kept whole.
_REST_LIMIT = 64 * 1024
#: Values of one field that are taken without counting all of the entry.
_REPEATS_AT_ONCE = 64
_NAME = re.compile(rb"[A-Z_][A-Z0-9_]{0,63}\Z")
_NAME_ROOM = 65  # the longest name and its "="

_META = frozenset(
    {b"__CURSOR", b"__REALTIME_TIMESTAMP", b"__MONOTONIC_TIMESTAMP", b"__SEQNUM", b"__SEQNUM_ID"}
)

#: Names and values of an entry, exactly as they came; a list where a field repeats.
Fields = Mapping[bytes, "bytes | list[bytes]"]


class ExportError(ValueError):
    """The bytes are not in the export format; `offset` is where, counted from the stream's start."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(f"{message} at byte {offset}")
        self.offset = offset


class Entry:
    """One journal entry.

    `cut`: a value was shortened or left out, or the entry has no proper end. `plain`: no field
    repeats, each value is bytes.
    """

    __slots__ = ("cut", "fields", "plain")

    def __init__(self, fields: Fields, cut: bool = False, plain: bool = False) -> None:
        self.fields = fields
        self.cut = cut
        self.plain = plain

    def first(self, name: bytes) -> bytes | None:
        """The field's value, the first one where it repeats, None where it is not there."""
        value = self.fields.get(name)
        return value[0] if isinstance(value, list) else value

    def getter(self) -> Callable[[bytes], bytes | None]:
        """`first`, as fast as this entry allows."""
        if self.plain:
            return cast("Mapping[bytes, bytes]", self.fields).get
        return self.first

    def __repr__(self) -> str:
        return f"Entry({self.fields!r}, cut={self.cut})"


class ExportParser:
    """Takes the stream in any pieces, gives each entry as soon as its end was seen.

    `feed` raises `ExportError` where the stream is not in the format; the parser is then done.
    """

    def __init__(self, *, field_limit: int = FIELD_LIMIT, entry_limit: int = ENTRY_LIMIT) -> None:
        self._field_limit = field_limit
        self._entry_limit = entry_limit
        self._known: set[bytes] = set(_META)
        self._rest = b""  # bytes of an entry whose end has not come
        self._at = 0  # where `_rest` begins in the stream
        self._slow: _Assembly | None = None

    @property
    def pending(self) -> bool:
        """Whether an entry has begun and not ended."""
        return self._slow is not None or bool(self._rest)

    def feed(self, data: bytes) -> list[Entry]:
        """The entries that `data` completes."""
        buffer = self._rest + data if self._rest else data
        entries: list[Entry] = []
        position = 0
        while True:
            if self._slow is None:
                position = self._whole(buffer, position, entries)
                if self._slow is None:
                    break
            position = self._slow.feed(buffer, position, entries)
            if not self._slow.ended:
                break
            self._slow = None
        self._rest = buffer[position:]
        self._at += position
        return entries

    def _whole(self, buffer: bytes, position: int, entries: list[Entry]) -> int:
        """Take the entries that are plain text and complete; sets `_slow` at one that is not."""
        find, known, limit = buffer.find, self._known, min(self._field_limit, self._entry_limit)
        append = entries.append
        while True:
            end = find(b"\n\n", position)
            if end < 0:
                if len(buffer) - position > _REST_LIMIT:
                    break
                return position
            if end - position > limit:
                break
            lines = buffer[position:end].split(b"\n")
            try:
                fields: dict[bytes, bytes] = dict([line.split(b"=", 1) for line in lines])
            except ValueError:  # a line without "="
                fields = {}
            if len(fields) != len(lines):  # or a field repeats
                after = self._mixed(buffer, position, limit, entries)
                if after is None:
                    break
                position = after
                continue
            if not known.issuperset(fields) and not self._learn(fields):
                break
            append(Entry(fields, False, True))
            position = end + 2
        self._slow = _Assembly(self._at + position, self._field_limit, self._entry_limit)
        return position

    def _mixed(self, buffer: bytes, position: int, limit: int, entries: list[Entry]) -> int | None:
        """Take one entry that has binary or repeated fields; returns its end.

        None where it is not complete, not within the limits or in any way unusual.
        """
        fields: dict[bytes, bytes | list[bytes]] = {}
        start = position
        while (end := buffer.find(b"\n", position)) > position:
            name, equals, value = buffer[position:end].partition(b"=")
            if not equals:
                begin = end + 9
                size = int.from_bytes(buffer[end + 1 : begin], "little")
                end = begin + size
                if end >= len(buffer) or buffer[end] != 0x0A:
                    return None
                value = buffer[begin:end]
            if end - start > limit or len(fields) > FIELDS_LIMIT:
                return None
            if name not in self._known and not self._admit(name):
                return None
            present = fields.get(name)
            if present is None:
                fields[name] = value
            elif name == b"__CURSOR":
                return None
            elif isinstance(present, list):
                if len(present) == _REPEATS_AT_ONCE:
                    return None
                present.append(value)
            else:
                fields[name] = [present, value]
            position = end + 1
        if end < 0 or not fields:
            return None
        entries.append(Entry(fields))
        return end + 1

    def _learn(self, fields: dict[bytes, bytes]) -> bool:
        """Check the names not seen before, and take out those to be skipped; False: not all are names."""
        for name in fields.keys() - self._known:
            if name.startswith(b"__") and _NAME.match(name):
                del fields[name]
            elif not self._admit(name):
                return False
        return bool(fields)

    def _admit(self, name: bytes) -> bool:
        """Remember a name as good; False if it is none, is to be skipped, or too many are known."""
        if name.startswith(b"__") or not _NAME.match(name) or len(self._known) >= FIELDS_LIMIT:
            return False
        self._known.add(name)
        return True


class _Assembly:
    """One entry taken apart byte by byte, keeping no more of it than the limits allow."""

    def __init__(self, offset: int, field_limit: int, entry_limit: int) -> None:
        self.ended = False
        self._offset = offset  # in the stream, of the next byte
        self._field_limit = field_limit
        self._entry_limit = entry_limit
        self._within = "line"  # what is being collected: line, length or value
        self._begin()
        self._clear()

    def feed(self, buffer: bytes, position: int, entries: list[Entry]) -> int:
        """Go on from `position` to the entry's end or the buffer's; returns where that is."""
        while position < len(buffer) and not self.ended:
            if self._within == "line":
                after = self._in_line(buffer, position, entries)
            elif self._within == "length":
                after = self._in_length(buffer, position)
            else:
                after = self._in_value(buffer, position, entries)
            self._offset += after - position
            position = after
        return position

    def _begin(self) -> None:
        self._fields: dict[bytes, bytes | list[bytes]] = {}
        self._size = 0
        self._count = 0
        self._cut = False

    def _clear(self) -> None:
        self._held = bytearray()  # the line, length or value being collected
        self._held_at = -1  # where it begins in the stream, once it has
        self._over = False  # more of it came than is held

    def _hold(self, piece: bytes, room: int) -> None:
        if self._held_at < 0:
            self._held_at = self._offset
        room -= len(self._held)
        if len(piece) > room:
            self._over = True
            piece = piece[: max(room, 0)]
        self._held += piece

    def _in_line(self, buffer: bytes, position: int, entries: list[Entry]) -> int:
        end = buffer.find(b"\n", position)
        self._hold(buffer[position : end if end >= 0 else None], self._field_limit + _NAME_ROOM)
        if end < 0:
            return len(buffer)
        name, equals, value = bytes(self._held).partition(b"=")
        if not name and not equals:
            self._close(entries)
        elif not _NAME.match(name):
            raise ExportError("no field name", self._held_at)
        elif equals:
            self._take(name, value, entries)
        else:
            self._name = name
            self._within = "length"
        over = self._over
        self._clear()
        self._cut = self._cut or over
        return end + 1

    def _in_length(self, buffer: bytes, position: int) -> int:
        end = min(position + 8 - len(self._held), len(buffer))
        self._hold(buffer[position:end], 8)
        if len(self._held) == 8:
            self._need = int.from_bytes(self._held, "little")
            if self._need > _LENGTH_LIMIT:
                raise ExportError(f"a field of {self._need} bytes", self._held_at)
            self._clear()
            self._within = "value"
        return end

    def _in_value(self, buffer: bytes, position: int, entries: list[Entry]) -> int:
        end = min(position + self._need, len(buffer))
        self._hold(buffer[position:end], self._field_limit)
        self._need -= end - position
        if self._need or end == len(buffer):
            return end
        if buffer[end] != 0x0A:
            raise ExportError("no end of line after a binary field", self._offset + end - position)
        self._take(self._name, bytes(self._held), entries)
        self._cut = self._cut or self._over
        self._clear()
        self._within = "line"
        return end + 1

    def _take(self, name: bytes, value: bytes, entries: list[Entry]) -> None:
        if name == b"__CURSOR" and name in self._fields:
            self._cut = True
            entries.append(Entry(self._fields, cut=True))
            self._begin()
        if name.startswith(b"__") and name not in _META:
            return
        if len(value) > self._field_limit:
            self._cut = True
            value = value[: self._field_limit]
        if self._size + len(value) > self._entry_limit or self._count >= FIELDS_LIMIT:
            self._cut = True
            return
        self._size += len(value)
        self._count += 1
        present = self._fields.get(name)
        if present is None:
            self._fields[name] = value
        elif isinstance(present, list):
            present.append(value)
        else:
            self._fields[name] = [present, value]

    def _close(self, entries: list[Entry]) -> None:
        if self._fields:
            entries.append(Entry(self._fields, self._cut))
        self.ended = True


_NOT_TEXT = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


def written(entry: Entry) -> bytes:
    """An entry in the export format, whole, with its blank line."""
    out = bytearray()
    for name, values in entry.fields.items():
        for value in values if isinstance(values, list) else (values,):
            if _is_text(value):
                out += b"%s=%s\n" % (name, value)
            else:
                out += b"%s\n%s%s\n" % (name, len(value).to_bytes(8, "little"), value)
    return bytes(out + b"\n")


def _is_text(value: bytes) -> bool:
    if _NOT_TEXT.search(value):
        return False
    if value.isascii():
        return True
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
