"""D-Bus on the wire, from a server's side: messages out of bytes, bytes out of messages, match rules.

dbus-fast reads and writes single messages. What is sent again and again is written here: a listing of
units is put together from rows that were marshalled once, which all hosts share.

Source: D-Bus specification, "Message Protocol", "Match Rules".
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from dbus_fast import Message
from dbus_fast._private.marshaller import Marshaller
from dbus_fast._private.unmarshaller import Unmarshaller

_HEAD = struct.Struct("<4xI4xI")
_HEAD_WHOLE = struct.Struct("<BBBBIII")
_HEAD_BIG = struct.Struct(">4xI4xI")
_MOST = 4 * 1024 * 1024
ROWS = "a(ssssssouso)"


class NotDBus(Exception):
    """What the other side sends is no D-Bus."""


class Reader:
    """Takes bytes, gives messages."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """:raises NotDBus: these are no messages."""
        self._bytes += data
        messages = []
        while (size := self._size()) is not None and size <= len(self._bytes):
            whole = bytes(self._bytes[:size])
            del self._bytes[:size]
            stream: Any = io.BytesIO(whole)
            message = Unmarshaller(stream, None, False).unmarshall()
            if message is None:
                raise NotDBus("half a message")
            messages.append(message)
        return messages

    def _size(self) -> int | None:
        if len(self._bytes) < 16:
            return None
        head = _HEAD_BIG if self._bytes[0] == ord("B") else _HEAD
        body, fields = head.unpack_from(self._bytes)
        size = 16 + (fields + 7 & ~7) + body
        if size > _MOST:
            raise NotDBus(f"a message of {size} bytes")
        return int(size)


def marshalled(message: Message) -> bytes:
    """The message as bytes, with its sender, which dbus-fast leaves to a real bus to fill in."""
    body = bytes(Marshaller(message.signature, message.body).marshall()) if message.signature else b""
    return _header(message, len(body)) + body


def _header(message: Message, size: int) -> bytes:
    """Everything before the body of `size` bytes."""
    out = bytearray(16)
    for code, kind, text in (
        (1, "o", message.path),
        (2, "s", message.interface),
        (3, "s", message.member),
        (4, "s", message.error_name),
        (6, "s", message.destination),
        (7, "s", message.sender),
    ):
        if text:
            out += bytes(-len(out) % 8) + bytes((code, 1, ord(kind), 0))
            _text(out, text)
    if message.reply_serial:
        out += bytes(-len(out) % 8) + struct.pack("<BBBxI", 5, 1, ord("u"), message.reply_serial)
    if message.signature:
        data = message.signature.encode()
        out += bytes(-len(out) % 8) + bytes((8, 1, ord("g"), 0, len(data))) + data + b"\0"
    _HEAD_WHOLE.pack_into(
        out,
        0,
        ord("l"),
        message.message_type.value,
        message.flags.value,
        1,
        size,
        message.serial,
        len(out) - 16,
    )
    return bytes(out) + bytes(-len(out) % 8)


class Row(NamedTuple):
    """One unit in a listing."""

    name: str
    description: str
    load: str
    active: str
    sub: str
    job: tuple[int, str] | None = None


def listing(message: Message, rows: Iterable[Row]) -> bytes:
    """`message`, an answer of signature `ROWS`, with these rows as its body."""
    # Structs begin at multiples of eight, and what fills up the last one is not counted.
    pieces = [_row(row) for row in rows]
    body = b"".join(piece for piece, _ in pieces)
    if pieces and pieces[-1][1]:
        body = body[: -pieces[-1][1]]
    return _header(message, 8 + len(body)) + struct.pack("<I4x", len(body)) + body


class Rule(NamedTuple):
    """A match rule; None: anything. Senders are unique names."""

    kind: str | None
    sender: str | None
    interface: str | None
    member: str | None
    path: str | None
    namespace: str | None
    arg0: str | None

    def fits(self, sender: str, path: str, interface: str, member: str, arg0: str | None) -> bool:
        """Whether it selects a signal."""
        return (
            self.kind in (None, "signal")
            and self.member in (None, member)
            and self.interface in (None, interface)
            and self.sender in (None, sender)
            and self.arg0 in (None, arg0)
            and self.path in (None, path)
            and (self.namespace is None or path == self.namespace or path.startswith(self.namespace + "/"))
        )


_TERM = re.compile(r"\s*([a-z_0-9]+)='([^']*)'(?:,|$)")


def rule(text: str, names: dict[str, str]) -> Rule:
    """The rule that a text stands for.

    :param names: the unique names of well-known ones.
    :raises ValueError: it is none.
    """
    terms: dict[str, str] = {}
    position = 0
    while position < len(text):
        found = _TERM.match(text, position)
        if found is None:
            raise ValueError(text)
        terms[found[1]] = found[2]
        position = found.end()
    sender = terms.get("sender")
    return Rule(
        terms.get("type"),
        None if sender is None else names.get(sender, sender),
        terms.get("interface"),
        terms.get("member"),
        terms.get("path"),
        terms.get("path_namespace"),
        terms.get("arg0"),
    )


@lru_cache(maxsize=65_536)
def _row(row: Row) -> tuple[bytes, int]:
    """A row's bytes, filled up to a multiple of eight, and how many of them fill it up."""
    number, kind = row.job or (0, "")
    out = bytearray()
    for text in (row.name, row.description, row.load, row.active, row.sub, "", unit_path(row.name)):
        _text(out, text)
    out += bytes(-len(out) % 4) + struct.pack("<I", number)
    _text(out, kind)
    _text(out, job_path(number) if number else "/")
    fill = -len(out) % 8
    return bytes(out) + bytes(fill), fill


def _text(out: bytearray, text: str) -> None:
    data = text.encode()
    out += bytes(-len(out) % 4) + struct.pack("<I", len(data)) + data + b"\0"


SYSTEMD_PATH = "/org/freedesktop/systemd1"
_UNITS = SYSTEMD_PATH + "/unit/"
_ESCAPED = re.compile(r"_([0-9a-f]{2})")


@lru_cache(maxsize=65_536)
def unit_path(name: str) -> str:
    """A unit's object path (bus_label_escape() in systemd's bus-label.c)."""
    return _UNITS + "".join(
        chr(byte) if chr(byte).isascii() and (chr(byte).isalpha() or (chr(byte).isdigit() and place))
        else f"_{byte:02x}"
        for place, byte in enumerate(name.encode())
    )  # fmt: skip


def unit_of(path: str) -> str | None:
    """The unit of an object path; None if it is none's."""
    if not path.startswith(_UNITS):
        return None
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), path[len(_UNITS) :])


def job_path(number: int) -> str:
    return f"{SYSTEMD_PATH}/job/{number}"
