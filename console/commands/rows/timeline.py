"""What happened on a host, one thing after the other, for scripts and for people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from console.commands.rows.base import GLYPHS, Cell, Column, RowKind, Tone, moment


@dataclass(frozen=True, slots=True)
class Happened:
    """One thing that happened.

    :param time: by the host's clock; of what a console did, by the console's.
    :param source: who tells of it: `systemd`, `audit` or `boot`.
    :param what: what it happened to: a unit, a container's name, or the host.
    :param text: in the words of who tells of it.
    """

    time: datetime
    host: str
    source: str
    what: str
    text: str
    tone: Tone = Tone.PLAIN


def _fields(one: Happened) -> dict[str, Any]:
    return {
        "time": moment(one.time),
        "host": one.host,
        "source": one.source,
        "what": one.what,
        "text": one.text,
        "severity": {Tone.BAD: "failure", Tone.WARN: "warning"}.get(one.tone, "info"),
    }


def _told(one: Happened) -> Cell:
    return Cell(f"{GLYPHS[one.tone]} {one.text}", one.tone)


TIMELINE: RowKind[Happened] = RowKind(
    "event",
    lambda one: (one.host, moment(one.time) or "", one.source, one.what, one.text),
    _fields,
    (
        Column("TIME", lambda one: f"{one.time:%m-%d %H:%M:%S}", 9, width=14),
        Column("HOST", lambda one: one.host, 8, width=12),
        Column("TOLD BY", lambda one: Cell(one.source, Tone.FAINT), 4, width=7),
        Column("WHAT", lambda one: one.what, 9, shrink=True, width=28, least=12),
        Column("HAPPENED", _told, 9, shrink=True, width=60),
    ),
    lambda one: one.time,
)


def timeline_lines(found: list[Happened], about: str) -> list[tuple[Cell, ...]]:
    """A page of it, the newest first: what came before is read downwards.

    :param about: of what the page is; its lines stand out.
    """
    lines: list[tuple[Cell, ...]] = []
    for one in reversed(found):
        tone = Tone.GOOD if one.what == about and one.tone is Tone.PLAIN else one.tone
        what = Cell(f"{one.what:<28}", tone)
        lines.append((Cell(f"{one.time:%m-%d %H:%M:%S}", Tone.FAINT), what, Cell(one.text, one.tone)))
    return lines or [(Cell("nothing that systemd or a console tells of", Tone.FAINT),)]
