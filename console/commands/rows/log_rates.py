"""How much was written, as a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from console.commands.rows.base import Cell, Column, RowKind, Tone

#: Parts of the time that is counted, for how it went.
BUCKETS = 24
#: Counts by priority: one for each of the eight, and one for lines that have none.
NO_PRIORITY = 8
PRIORITY_COUNT = 9

_NAMES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug", "none")
_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class LogRate:
    """What one unit or container of a host has written, or the whole host.

    :param span_s: seconds in which it was counted.
    :param priorities: lines by priority, the last those that have none.
    :param buckets: lines in each part of the time, oldest first.
    """

    host: str
    unit: str | None
    container: str | None
    lines: int
    span_s: float
    priorities: tuple[int, ...]
    buckets: tuple[int, ...]

    @property
    def per_s(self) -> float:
        return self.lines / self.span_s

    @property
    def errors(self) -> int:
        """Lines of the priority err and worse."""
        return sum(self.priorities[:4])

    @property
    def warnings(self) -> int:
        return self.priorities[4]


def sparkline(counts: Sequence[int], most: int | None = None) -> str:
    """Numbers as bars, a blank for none.

    :param most: what a whole bar stands for; the largest of them unless it is said.
    """
    top = max(counts, default=0) if most is None else most
    return "".join(" " if count <= 0 else _BARS[min((count * 8 - 1) // top, 7)] for count in counts)


def _fields(rate: LogRate) -> dict[str, Any]:
    return {
        "host": rate.host,
        "unit": rate.unit,
        "container": rate.container,
        "lines": rate.lines,
        "per_s": round(rate.per_s, 3),
        "span_s": rate.span_s,
        "priorities": dict(zip(_NAMES, rate.priorities, strict=True)),
        "buckets": list(rate.buckets),
    }


def _count(count: int, tone: Tone) -> Cell:
    return Cell(str(count), tone if count else Tone.FAINT)


def _per_s(rate: LogRate) -> str:
    return f"{rate.per_s:.1f}" if rate.per_s < 100 else f"{rate.per_s:.0f}"


LOG_RATE: RowKind[LogRate] = RowKind(
    "log",
    lambda rate: (rate.host, rate.unit or "", rate.container or ""),
    _fields,
    (
        Column("HOST", lambda rate: rate.host, keep=9),
        Column("UNIT", lambda rate: rate.unit or "", shrink=True, width=24),
        Column("CONTAINER", lambda rate: rate.container or "", shrink=True, width=16),
        Column("LINES", lambda rate: str(rate.lines), keep=8, right=True),
        Column("PER S", _per_s, keep=7, right=True),
        Column("ERR", lambda rate: _count(rate.errors, Tone.BAD), keep=6, right=True),
        Column("WARN", lambda rate: _count(rate.warnings, Tone.WARN), right=True),
        Column("OVER TIME", lambda rate: sparkline(rate.buckets), keep=4, width=BUCKETS),
    ),
    lambda rate: (-rate.lines, rate.host, rate.unit or "", rate.container or ""),
)
