"""What a kind of row is, and how values become what scripts and tables hold."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Generic, TypeVar

from console.commands import clock
from console.commands.values import ago

R = TypeVar("R")


class Tone(StrEnum):
    """How a cell should strike the eye; a face maps it to its own means."""

    PLAIN = ""
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    FAINT = "faint"


#: Glyph before a word, so that colour is never the only sign.
GLYPHS = {Tone.GOOD: "●", Tone.WARN: "▲", Tone.BAD: "✖", Tone.FAINT: "○", Tone.PLAIN: "·"}

_SEVERITY = {Tone.BAD: 0, Tone.WARN: 1, Tone.GOOD: 2, Tone.PLAIN: 3, Tone.FAINT: 4}


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell: text already safe to show, and its tone.

    :param coloured: the same in colours of its own (`console/model/text.py`), where they were asked for.
    """

    text: str
    tone: Tone = Tone.PLAIN
    coloured: str | None = None

    @staticmethod
    def state(word: str, tone: Tone) -> Cell:
        return _state(word, tone)


@lru_cache(256)
def _state(word: str, tone: Tone) -> Cell:
    # Few states there are, and ten thousand rows that have one.
    return Cell(f"{GLYPHS[tone]} {word}", tone)


@dataclass(frozen=True, slots=True)
class Column(Generic[R]):
    """One column of a table.

    :param keep: columns with a lower number give way first when the terminal is narrow.
    :param shrink: whether its cells may be cut to make room.
    :param width: what a table that does not measure its rows gives it, in columns.
    :param least: how narrow it can be there, if it shrinks, before another column is left out.
    :param order: what it is sorted by, None last; without it the text counts, as a number if it is one.
    :param ticks: whether its text changes with the clock alone; nothing is searched for in such text.
    """

    title: str
    cell: Callable[[R], Cell | str]
    keep: int = 5
    right: bool = False
    shrink: bool = False
    width: int = 10
    least: int = 8
    order: Callable[[R], Any] | None = None
    ticks: bool = False


@dataclass(frozen=True)
class RowKind(Generic[R]):
    """One kind of row.

    :param key: tells rows apart.
    :param fields: what scripts get, in this order.
    :param text: for kinds that are read and not compared: the whole of a row as lines for a
        person, instead of columns.
    """

    name: str
    key: Callable[[R], tuple[str, ...]]
    fields: Callable[[R], dict[str, Any]]
    columns: tuple[Column[R], ...]
    sort: Callable[[R], Any]
    text: Callable[[R], list[tuple[Cell, ...]]] | None = None


def moment(at: datetime | None) -> str | None:
    """RFC 3339 in UTC, to the microsecond."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z") if at else None


def plain(value: Any) -> Any:
    """`value` as what JSON has: dataclasses as objects, times as RFC 3339, tuples as arrays."""
    match value:
        case datetime():
            return moment(value)
        case StrEnum():
            return value.value
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case tuple() | list() | set() | frozenset():
            return [plain(item) for item in value]
        case bytes():
            return base64.b64encode(value).decode()
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        case _:
            return value


def since_cell(at: datetime | None) -> Cell:
    return Cell(ago(at, clock.now()), Tone.FAINT)


def worst_first(cell: Cell) -> tuple[int, str]:
    """What a column of states is sorted by."""
    return _SEVERITY[cell.tone], cell.text


def block(title: str, fields: Mapping[str, Any]) -> list[tuple[Cell, ...]]:
    """A heading and its fields, nested ones indented; empty ones are left out."""
    lines: list[tuple[Cell, ...]] = [(Cell(title, Tone.GOOD),)]
    _nest(lines, fields, "  ")
    return lines


def _nest(lines: list[tuple[Cell, ...]], fields: Mapping[str, Any], indent: str) -> None:
    for name, value in fields.items():
        if value is None or value == "" or value == [] or value == {}:
            continue
        if isinstance(value, Mapping):
            lines.append((Cell(f"{indent}{name}", Tone.FAINT),))
            _nest(lines, value, indent + "  ")
        elif isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
            for number, item in enumerate(value):
                lines.append((Cell(f"{indent}{name}[{number}]", Tone.FAINT),))
                _nest(lines, item if isinstance(item, Mapping) else {"": item}, indent + "  ")
        else:
            shown = ", ".join(str(item) for item in value) if isinstance(value, list | tuple) else str(value)
            lines.append((Cell(f"{indent}{name}".ljust(22), Tone.FAINT), Cell(shown)))


#: A text of ours, line by line.
TEXT: RowKind[str] = RowKind(
    "text",
    lambda text: (text,),
    lambda text: {"text": text},
    (),
    str,
    lambda text: [(Cell(line),) for line in text.splitlines()],
)
