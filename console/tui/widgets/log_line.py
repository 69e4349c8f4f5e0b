"""A line of a log as runs of text and what each run is, and runs as rows of a given width. Pure.

A run's look is the name of a component class (`console/tui/tones.py`), so that nothing here knows a
colour.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from rich.cells import cell_len, get_character_cell_size

from console.commands.log_fetch import to_fetch
from console.commands.logbook_filter import Line, Mark
from console.commands.rows import Tone
from console.commands.rows.base import GLYPHS
from console.commands.rows.log import CUT, LATE, claims, gap_message, origin, skipped_message, urgency
from console.model.log import Gap, Skipped
from console.model.text import clean
from console.tui.tones import HEADING, MATCH, TONE_CLASS

#: Component classes of the hosts' names; each host has one of them for good.
HOST_CLASSES = ("log--host-0", "log--host-1", "log--host-2", "log--host-3")

#: Text and the component class it is painted with.
Run = tuple[str, str]

_BAD, _WARN, _FAINT = TONE_CLASS[Tone.BAD], TONE_CLASS[Tone.WARN], TONE_CLASS[Tone.FAINT]
#: Rows after the first begin so far in, in cells.
_INDENT = 2
#: What stands between the lines of a message that has several, where it is one row.
_NEWLINE = "⏎"


class Times(Enum):
    """What is shown of a line's time."""

    TIME = "%H:%M:%S.%f"  # in UTC, as scripts have it
    DATE = "%Y-%m-%d %H:%M:%S.%f"
    LOCAL = "%H:%M:%S.%f %Z"  # where the reader is
    DELTA = "+"  # since the line before it
    NONE = ""

    def next(self) -> Times:
        """The one that comes after it when they are gone through."""
        every = list(Times)
        return every[(every.index(self) + 1) % len(every)]

    def text(self, at: datetime, before: datetime | None = None) -> str:
        """The time of a line, and of the one before it, as it is shown."""
        if self is Times.DELTA:
            return f"{_passed(at, before):>10}"
        if self is Times.LOCAL:
            here = at.astimezone()
            return f"{here:%H:%M:%S.%f}"[:-3] + f" {here:%Z}"
        return at.astimezone(UTC).strftime(self.value)[:-3] if self.value else ""


def _passed(at: datetime, before: datetime | None) -> str:
    if before is None:
        return ""
    seconds = (at - before).total_seconds()
    if abs(seconds) < 1000:
        return f"{seconds:+.3f}s"
    return f"{seconds / 3600:+.1f}h" if abs(seconds) >= 36_000 else f"{seconds / 60:+.1f}m"


@dataclass(frozen=True)
class Look:
    """What of a line is shown, and what in it stands out.

    :param host_width: cells of the column of hosts; 0 where there is none.
    :param spans: finds what is to be highlighted.
    :param by_host: whether messages have their hosts' colours; those of what is urgent have its own.
    """

    times: Times = Times.TIME
    host_width: int = 0
    spans: Callable[[str], Sequence[tuple[int, int]]] | None = None
    by_host: bool = False


def host_class(host: str) -> str:
    """The component class of a host's name: the same wherever and whenever it is asked."""
    return HOST_CLASSES[zlib.crc32(host.encode()) % len(HOST_CLASSES)]


def runs(line: Line, look: Look, before: datetime | None = None) -> list[Run]:
    """What a line is made of. Joined, the texts are the line as a person copies it.

    :param before: the time of the line before it, where that is to be shown.
    """
    if isinstance(line, Mark):
        said = f" {_safe(line.text)} ────" if line.text else ""
        return [(f"──── {Times.DATE.text(line.time)} ────{said}", _WARN if said else HEADING)]
    if isinstance(line, Skipped):
        return [(f"{GLYPHS[Tone.BAD]} {_safe(skipped_message(line))}; to see them :{to_fetch(line)}", _BAD)]
    found: list[Run] = []
    if look.times is not Times.NONE:
        found.append((f"{look.times.text(line.time, before)} ", _FAINT))
    if look.host_width:
        name = _cut(_safe(line.host), look.host_width)
        found += _highlighted(name, host_class(line.host), look)
        found.append((" " * (look.host_width - cell_len(name) + 1), _FAINT))
    if isinstance(line, Gap):
        found.append((f"{GLYPHS[Tone.BAD]} gap ", _BAD))
        return found + _highlighted(_safe(gap_message(line)), _BAD, look)
    if line.late:
        found.append((f"{LATE} ", _WARN))
    tone = urgency(line)
    if tone is not Tone.PLAIN:
        found.append((f"{GLYPHS[tone]} ", TONE_CLASS[tone]))
    claimed = claims(line)
    if claimed:
        found.append((f"{GLYPHS[Tone.WARN]} ", _WARN))
    found += _highlighted(_safe(origin(line)), _WARN if claimed else _FAINT, look)
    found.append((f" {CUT} " if line.cut else " ", _WARN if line.cut else _FAINT))
    how = host_class(line.host) if look.by_host and tone is Tone.PLAIN else TONE_CLASS[tone]
    return found + _highlighted(_safe(line.message.replace("\n", _NEWLINE)), how, look)


def wrapped(line: Iterable[Run], width: int) -> list[list[Run]]:
    """Runs as rows of at most `width` cells, the later ones a little indented; no character is lost.

    A message's own lines begin on rows of their own.
    """
    indent = _INDENT if width > 4 * _INDENT else 0
    rows: list[list[Run]] = [[]]
    room = width
    for text, look in line:
        while text:
            taken = _fitting(text, room)
            if taken == 0:
                if room == width - (indent if len(rows) > 1 else 0):
                    taken = 1  # a character wider than a whole row
                else:
                    rows.append([(" " * indent, look)] if indent else [])
                    room = width - indent
                    continue
            if (end := text.find(_NEWLINE, 0, taken)) >= 0:
                taken = end + 1
            rows[-1].append((text[:taken], look))
            room = 0 if end >= 0 else room - cell_len(text[:taken])
            text = text[taken:]
    return rows


def _fitting(text: str, room: int) -> int:
    """How many characters of `text` fit into `room` cells; what adds to a character stays with it."""
    if room > 0 and (text.isascii() or len(text) * 2 <= room):
        return min(len(text), room)
    count = 0
    for char in text:
        room -= get_character_cell_size(char)
        if room < 0:
            break
        count += 1
    return count


def _cut(name: str, width: int) -> str:
    return name if cell_len(name) <= width else name[: _fitting(name, width - 1)] + "…"


def _safe(text: str) -> str:
    return text if text.isprintable() else clean(text)


def _highlighted(text: str, look: str, how: Look) -> list[Run]:
    if how.spans is None:
        return [(text, look)]
    found: list[Run] = []
    at = 0
    for start, end in how.spans(text):
        if start > at:
            found.append((text[at:start], look))
        found.append((text[start:end], MATCH))
        at = end
    if at < len(text):
        found.append((text[at:], look))
    return found


def as_text(line: Line, look: Look, before: datetime | None = None) -> str:
    """The line as it is copied."""
    return "".join(text for text, _ in runs(line, look, before)).rstrip()
