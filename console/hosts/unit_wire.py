"""systemd's bus interface as values: names and object paths, rows of a listing, properties. Pure.

Sources: org.freedesktop.systemd1(5); bus_label_escape() in systemd's `bus-label.c`.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from dbus_fast import Variant

from console.model.text import clean

SERVICE = "org.freedesktop.systemd1"
PATH = "/org/freedesktop/systemd1"
UNITS_PATH = PATH + "/unit/"
MANAGER = SERVICE + ".Manager"
UNIT = SERVICE + ".Unit"

#: Signature of what ListUnits and ListUnitsByPatterns answer.
ROWS = "a(ssssssouso)"

#: More units than this on one host are not kept; a listing that long is a fault.
MAX_UNITS = 50_000

_NAME = re.compile(r"[A-Za-z0-9:_.\\@-]+\.[a-z]+")

#: Unit types with a `Result` property, and the interface that has it. Devices, targets and slices
#: have none.
RESULT_INTERFACE = {
    kind: f"{SERVICE}.{kind.capitalize()}"
    for kind in ("service", "socket", "mount", "automount", "swap", "timer", "path", "scope")
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_TIME = 2**64 - 1


def is_unit_name(name: str) -> bool:
    """Whether systemd could have a unit of this name (legal characters, a type, 255 at most)."""
    return len(name) <= 255 and _NAME.fullmatch(name) is not None


def unit_type(name: str) -> str:
    """`service`, `mount`, … of a unit's name."""
    return name.rpartition(".")[2]


def unit_path(name: str) -> str:
    """The object path of a unit.

    >>> unit_path("a-b@1.service")
    '/org/freedesktop/systemd1/unit/a_2db_401_2eservice'
    """
    return UNITS_PATH + _escaped(name)


def _escaped(label: str) -> str:
    # A digit is escaped only in front, as in an identifier; the empty label is one underscore.
    return (
        "".join(
            chr(byte)
            if chr(byte).isascii() and (chr(byte).isalpha() or (chr(byte).isdigit() and index > 0))
            else f"_{byte:02x}"
            for index, byte in enumerate(label.encode())
        )
        or "_"
    )


_ESCAPE = re.compile(r"_([0-9a-fA-F]{2})")


@lru_cache(maxsize=16_384)
def unit_name(path: str) -> str | None:
    """The unit an object path stands for; None if it is not a unit's."""
    if not path.startswith(UNITS_PATH):
        return None
    name = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), path[len(UNITS_PATH) :])
    return name if is_unit_name(name) else None


class UnitRow(NamedTuple):
    """One unit of a listing, in systemd's own words."""

    name: str
    load: str
    active: str
    sub: str
    description: str


def unit_rows(body: Iterable[Any]) -> list[UnitRow]:
    """The rows of a listing.

    Strings are shared between hosts: a thousand of them have mostly the same units.

    :raises ValueError: the host lists a name that no unit can have, or too many units.
    """
    rows = []
    for name, description, load, active, sub, *_ in body:
        rows.append(UnitRow(_name(name), _word(load), _word(active), _word(sub), _shared(clean(description))))
        if len(rows) > MAX_UNITS:
            raise ValueError(f"more than {MAX_UNITS} units")
    return rows


_shared = sys.intern


@lru_cache(maxsize=16_384)
def _name(name: str) -> str:
    if not is_unit_name(name):
        raise ValueError(f"a unit named {clean(name, 80)}")
    return _shared(name)


@lru_cache(maxsize=1024)
def _word(word: str) -> str:
    return _shared(clean(word, 64))


def state_word(value: object) -> str | None:
    """A state from a property, None if it is none."""
    return _word(value) if isinstance(value, str) else None


def timestamp(value: object) -> datetime | None:
    """A `…Timestamp` property (microseconds since the epoch) as a time; None if never or not readable."""
    if not isinstance(value, int) or not 0 < value < _NO_TIME:
        return None
    try:
        return _EPOCH + timedelta(microseconds=value)
    except OverflowError:
        return None


def plain(value: Any) -> Any:
    """A D-Bus value as JSON has it: structs are lists, byte arrays hex text, NaN and infinities null."""
    match value:
        case Variant():
            return plain(value.value)
        case bytes() | bytearray():
            return value.hex()
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case float():
            return value if math.isfinite(value) else None
    return value
