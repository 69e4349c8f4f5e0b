"""How fast a log comes, by host and by unit, over the last minutes. Pure: the caller says what is now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import nlargest

from console.commands.rows.base import Cell, Tone
from console.commands.rows.log_rates import sparkline
from console.model.log import Gap, LogItem, LogRecord

#: Parts of the time that is shown, and how long each is, in seconds.
BUCKETS, BUCKET_S = 12, 5.0
#: Names counted; what comes beyond them is counted for its host only.
_NAMES = 2000

#: A host, and a unit or container of it; "" for all of it.
_Key = tuple[str, str]


@dataclass
class _Track:
    counts: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    errors: int = 0


class Rates:
    """Counts lines by when they were written: a backlog that comes all at once was not written all at once.

    :param now: seconds of the epoch; should the clock go back, what comes counts as of its newest moment.
    """

    def __init__(self, now: float) -> None:
        self._began = now
        self._at = int(now / BUCKET_S)
        self._tracks: dict[_Key, _Track] = {}

    def add(self, items: Iterable[LogItem], now: float) -> None:
        """Take lines that have just come; gaps and lines that were not shown count as what they stand for."""
        self._turn(now)
        lines: Counter[tuple[_Key, int]] = Counter()
        errors: Counter[_Key] = Counter()
        for item in items:
            count, at = 1, BUCKETS - 1
            if isinstance(item, LogRecord):
                written = item.time.timestamp()
                at = min(int(written / BUCKET_S) - self._at, 0) + BUCKETS - 1
                if at < 0:
                    continue
                self._began = min(self._began, written)
                key = (item.host, item.container or item.unit or "?")
                if item.priority is not None and item.priority <= 3:
                    errors[key] += 1
                    errors[item.host, ""] += 1
                lines[key, at] += 1
            else:
                count = (item.count or 0) if isinstance(item, Gap) else item.count
            lines[(item.host, ""), at] += count
        for (key, at), count in lines.items():
            track = self._tracks.get(key)
            if track is None:
                if len(self._tracks) >= _NAMES and key[1]:
                    continue
                track = self._tracks[key] = _Track()
            track.counts[at] += count
        for key, count in errors.items():
            if key in self._tracks:
                self._tracks[key].errors += count

    def lines(self, now: float, most: int) -> list[tuple[Cell, ...]]:
        """What writes, as lines to show: each host, then the most talkative of what is on it.

        :param most: lines at most.
        """
        self._turn(now)
        span = min(max(now - self._began, 1.0), BUCKETS * BUCKET_S)
        hosts = sorted(key for key in self._tracks if not key[1])
        room = max(most - len(hosts), 0)
        loud = nlargest(
            room, (key for key in self._tracks if key[1]), key=lambda key: sum(self._tracks[key].counts)
        )
        shown: list[tuple[Cell, ...]] = []
        for key in hosts:
            shown.append(_line(key[0], self._tracks[key], span, Tone.PLAIN))
            here = [other for other in loud if other[0] == key[0]]
            shown += [_line(f"  {other[1]}", self._tracks[other], span, Tone.FAINT) for other in here]
        return shown[:most]

    def _turn(self, now: float) -> None:
        """Begin new parts of the time as it passes; what has been silent for all of it is forgotten."""
        steps = int(now / BUCKET_S) - self._at
        if steps <= 0:
            return
        self._at += steps
        for key, track in list(self._tracks.items()):
            track.counts = (track.counts + [0] * min(steps, BUCKETS))[-BUCKETS:]
            if key[1] and not any(track.counts):
                del self._tracks[key]


def _line(name: str, track: _Track, span_s: float, tone: Tone) -> tuple[Cell, ...]:
    per_s = sum(track.counts) / span_s
    rate = f"{per_s:.1f}" if per_s < 100 else f"{per_s:.0f}"
    bad = (Cell.state(f"{track.errors} err", Tone.BAD),) if track.errors else ()
    return Cell(sparkline(track.counts).rjust(BUCKETS)), Cell(f"{rate:>6}/s"), Cell(name, tone), *bad
