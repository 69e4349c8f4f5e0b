"""The lines of many hosts as one log, by time. Pure: the caller says what is now.

Each host's own order is never changed; across hosts a line's place is its time by our clock, that is
the host's time less the offset of the host's clock. A line that is there is held back until no host can
be expected to bring an older one:

    present    a host that is heard as it writes: what it brings later is not older than the last line it
               brought, nor than the hold (a journal tells of a line up to 0.3 s after it was written)
    behind     a host that has not shown all it had when it was first asked: not older than its last line
    gone       a host that is cut off, or has no journal: it holds up nobody

The oldest of these marks is the watermark, and what is not newer than it is due. One host alone is thus
never held back, no line waits for a present host longer than the hold, and a host that is behind is
waited for only while it gains on the present (`PATIENCE_S`).

A line that comes when newer ones of other hosts have been given out already is given out at once, where
it then stands, and marked `late`.

No line counts as newer than the moment it came: a host's clock that is ahead of what was measured
orders its own lines by their arrival and makes nobody else's late. A clock that goes back does not
reorder the host's lines either; they stay behind the one that was newest.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from operator import itemgetter

from console.model.log import Gap, LogItem, LogQuery, LogRecord, Skipped

#: How long a line is held back for lines of other hosts, in seconds, unless another time is asked for.
HOLD_S = 0.3
#: A host that is behind is looked at so often, in seconds: it must have brought twice as much time.
PATIENCE_S = 1.0

#: An offset beyond it is nonsense, and must not take a time out of the calendar.
_OFFSET_LIMIT_S = 50 * 365 * 86400.0
_NONE = timedelta(0)
_time = itemgetter(0)


class _Phase(Enum):
    BEHIND = auto()
    PRESENT = auto()
    GONE = auto()


@dataclass(slots=True)
class _Queue:
    """One host's lines that are not given out yet, and how far it is. All times by our clock."""

    looked_at: datetime
    phase: _Phase = _Phase.BEHIND
    times: list[datetime] = field(default_factory=list)  # never falling
    items: list[LogItem] = field(default_factory=list)
    last: datetime | None = None
    last_then: datetime | None = None
    #: The newest record that was given out.
    taken: LogRecord | None = None


class Merge:
    """Takes each host's lines in their order, gives out those of all hosts by time.

    Moments are aware datetimes of one clock that never goes back.

    :param query: what the lines were asked for with, for what has to be skipped.
    :param hold_s: seconds a line waits for older ones of hosts that are present.
    :param limit: lines held at most; None for no limit. What is beyond it is skipped, the oldest of the
        host that has most, so that a flood on one does not hide another's few lines.
    :param room: lines of one host beyond which `has_room` says no.
    """

    def __init__(
        self,
        hosts: Iterable[str],
        now: datetime,
        *,
        query: LogQuery | None = None,
        hold_s: float = HOLD_S,
        limit: int | None = None,
        room: int = 1000,
    ) -> None:
        self._queues = {host: _Queue(now) for host in hosts}
        self._query = query or LogQuery()
        self._hold = timedelta(seconds=hold_s)
        self._patience = timedelta(seconds=PATIENCE_S)
        self._limit = limit
        self._room = room
        self._size = 0
        self._shown: datetime | None = None

    @property
    def hold_s(self) -> float:
        """Seconds a line waits for older ones of other hosts; it may be changed at any time."""
        return self._hold.total_seconds()

    @hold_s.setter
    def hold_s(self, seconds: float) -> None:
        self._hold = timedelta(seconds=seconds)

    @property
    def size(self) -> int:
        """Lines held."""
        return self._size

    def has_room(self, host: str) -> bool:
        """Whether more of this host's lines should be brought."""
        return len(self._queues[host].items) < self._room

    def holds(self, host: str) -> bool:
        """Whether there are lines of this host that were not given out."""
        return bool(self._queues[host].items)

    def taken(self, host: str) -> LogRecord | None:
        """The last record of this host that was given out."""
        return self._queues[host].taken

    # -- how far the hosts are --------------------------------------------------------------

    def present(self, host: str) -> None:
        """The host has shown all it had, and is heard as it writes."""
        self._queues[host].phase = _Phase.PRESENT

    def gone(self, host: str) -> None:
        """Nothing is to be expected of the host for now."""
        self._queues[host].phase = _Phase.GONE

    # -- what comes and goes ----------------------------------------------------------------

    def put(self, host: str, items: Sequence[LogItem], now: datetime, offset_s: float = 0.0) -> None:
        """Take lines of one host.

        :param offset_s: the host's clock minus ours.
        """
        queue = self._queues[host]
        shift = timedelta(seconds=min(max(offset_s, -_OFFSET_LIMIT_S), _OFFSET_LIMIT_S))
        latest, last = now + shift, queue.last
        append = queue.times.append
        for item in items:
            time = item.time
            time = now if time >= latest else time - shift if shift else time
            if last is None or time > last:
                last = time
            append(last)
        queue.items += items
        queue.last = last
        self._size += len(items)
        while self._limit is not None and self._size > self._limit:
            if not self._skip(self._size - self._limit):
                break

    def take(self, now: datetime) -> list[LogItem]:
        """The lines that are due."""
        if not self._size:
            return []
        mark = self._watermark(now)
        found: list[tuple[datetime, LogItem]] = []
        for queue in self._queues.values():
            count = len(queue.items) if mark is None else bisect_right(queue.times, mark)
            if count:
                items = queue.items[:count]
                found += zip(queue.times[:count], items, strict=True)
                del queue.items[:count], queue.times[:count]
                queue.taken = next((i for i in reversed(items) if isinstance(i, LogRecord)), queue.taken)
        if not found:
            return []
        self._size -= len(found)
        found.sort(key=_time)  # stable: lines of one host at one time stay in their order
        lines = [item for _, item in found]
        if self._shown is not None and found[0][0] < self._shown:
            for at in range(bisect_left(found, self._shown, key=_time)):
                if isinstance(line := lines[at], LogRecord):
                    lines[at] = replace(line, late=True)
        self._shown = found[-1][0] if self._shown is None else max(self._shown, found[-1][0])
        return lines

    def due_in(self, now: datetime) -> float | None:
        """Seconds until something may be due if nothing comes meanwhile; None while nothing is held."""
        if not self._size:
            return None
        mark = self._watermark(now)
        first = min(queue.times[0] for queue in self._queues.values() if queue.times)
        if mark is None or first <= mark:
            return 0.0
        moments = [first + self._hold]
        moments += [q.looked_at + self._patience for q in self._queues.values() if q.phase is _Phase.BEHIND]
        return min((moment - now for moment in moments if moment > now), default=_NONE).total_seconds()

    # -- the rest ---------------------------------------------------------------------------

    def _watermark(self, now: datetime) -> datetime | None:
        """What is not newer is due; None: all is, as there is nobody to wait for."""
        heard = now - self._hold
        mark: datetime | None = None
        for queue in self._queues.values():
            if queue.phase is _Phase.PRESENT:
                own = heard if queue.last is None else max(queue.last, heard)
            elif queue.phase is _Phase.BEHIND and self._gains(queue, now):
                if queue.last is None:
                    return datetime.min.replace(tzinfo=now.tzinfo)
                own = queue.last
            else:
                continue
            mark = own if mark is None else min(mark, own)
        return mark

    def _gains(self, queue: _Queue, now: datetime) -> bool:
        """Whether to go on waiting for a host that is behind; if not, it is gone until it is present."""
        if now - queue.looked_at < self._patience:
            return True
        # Whoever was kept from bringing more is not to blame.
        if len(queue.items) < self._room:
            brought = queue.last is not None and (
                queue.last_then is None or queue.last - queue.last_then >= 2 * self._patience
            )
            if not brought:
                queue.phase = _Phase.GONE
                return False
        queue.looked_at, queue.last_then = now, queue.last
        return True

    def _skip(self, excess: int) -> bool:
        """Skip the oldest of the host that has most, about so many; False if there is nothing to skip."""
        host, queue = max(self._queues.items(), key=lambda each: len(each[1].items))
        head = queue.items[0]
        known = 1 if isinstance(head, Skipped) else 0
        # One place more is needed for the word that they are gone, where there is none yet.
        gone = queue.items[known : excess + 1]
        if not gone:
            return False
        times = [item.time for item in gone]
        count = sum((item.count or 1) if isinstance(item, Gap) else 1 for item in gone)
        if isinstance(head, Skipped):
            times += (head.time, head.until)
            count += head.count
        queue.items[: known + len(gone)] = [Skipped(host, min(times), max(times), count, self._query)]
        del queue.times[1 : known + len(gone)]
        self._size -= known + len(gone) - 1
        return True
