"""A log as a view holds it: the newest lines, what of them a filter shows, and a search through them.

Lines are numbered as they come, and a line keeps its number: `sequence`. Lines that a filter lets
through have a `position` among each other, from 0, which shifts as older ones are found or forgotten.

Nothing here takes long at once. A new filter is applied from the newest line back, a step at a
time (`LogBook.work`), so that the end of the log is right at once however much there is before it; a
search goes the same way (`Seek.work`). Without a filter there is nothing to do. A line that the
filter has not seen yet is not shown.

    evicted ◀─ first … [todo] older ─┼─ newer … [next] … end
                       ◀── looked at ──┘            └─ not looked at yet
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from operator import attrgetter, neg

from console.commands.logbook_filter import Line, LogFilter, Mark, Pattern, found_on, is_error
from console.model.log import LogItem, LogRecord, Skipped

#: Lines kept.
CAP = 200_000
#: Seconds that a step takes, about: a key is painted between two of them.
STEP_S = 0.008
#: Lines looked at between two looks at the clock.
_STRIDE = 64

_host = attrgetter("host")


class LogBook:
    """The newest lines of a log, in the order of their arrival.

    :param cap: lines kept; beyond it the oldest go.
    """

    def __init__(self, cap: int = CAP) -> None:
        self._cap = cap
        self._items: list[Line] = []
        self._first = 0
        self._evicted = 0
        self._skipped = 0
        self._hosts: dict[str, None] = {}
        self._filter: LogFilter | None = None
        self._wanted: Callable[[LogRecord], bool] = lambda record: True
        self._older: list[int] = []  # sequences that are shown, newest first
        self._newer: list[int] = []  # and oldest first; all of them after those
        self._todo = -1  # the next to look at, going back
        self._next = 0  # the next to look at, going on

    # -- what there is ----------------------------------------------------------------------

    @property
    def held(self) -> int:
        """Lines kept, shown or not."""
        return len(self._items)

    @property
    def evicted(self) -> int:
        """Lines that were kept and have made room for newer ones."""
        return self._evicted

    @property
    def skipped(self) -> int:
        """Lines that never came here, because they came too fast."""
        return self._skipped

    @property
    def hosts(self) -> Collection[str]:
        """The hosts that lines have come from."""
        return self._hosts.keys()

    @property
    def with_host(self) -> bool:
        """Whether a line's host is a part of its text: there is more than one."""
        return len(self._hosts) > 1

    @property
    def first(self) -> int:
        """The sequence of the oldest line kept."""
        return self._first

    @property
    def end(self) -> int:
        """The sequence of the line that comes next."""
        return self._first + len(self._items)

    def __len__(self) -> int:
        """How many lines are shown."""
        return len(self._items) if self._filter is None else len(self._older) + len(self._newer)

    def sequence(self, position: int) -> int:
        """The sequence of the shown line at `position`, which there must be."""
        if self._filter is None:
            return self._first + position
        older = len(self._older)
        return self._older[older - 1 - position] if position < older else self._newer[position - older]

    def position(self, sequence: int) -> int:
        """The position of a shown line, or of the next one shown after it; `len` if there is none."""
        if self._filter is None:
            return min(max(sequence - self._first, 0), len(self._items))
        if self._older and sequence <= self._older[0]:
            return len(self._older) - bisect_right(self._older, -sequence, key=neg)
        return len(self._older) + bisect_left(self._newer, sequence)

    def line(self, sequence: int) -> Line:
        """The line of that sequence, which must not have been evicted."""
        return self._items[sequence - self._first]

    # -- what comes -------------------------------------------------------------------------

    def append(self, batch: Iterable[LogItem]) -> None:
        """Take new lines."""
        before, with_host = len(self._items), self.with_host
        self._items += batch
        new = self._items[before:]
        self._hosts.update(dict.fromkeys(map(_host, new)))
        self._skipped += sum(line.count for line in new if isinstance(line, Skipped))
        self._make_room()
        if self.with_host is not with_host:
            self.set_filter(self._filter)  # hosts are now a part of the text

    def mark(self, at: datetime, text: str = "") -> None:
        """Draw a line here, which says `text`."""
        self._items.append(Mark(at, text))
        self._make_room()

    def at_time(self, moment: datetime) -> int | None:
        """The sequence of the first shown line that is not older; None if all are.

        Lines are taken to be in the order of their times, as they are but for late ones.
        """
        position = bisect_left(range(len(self)), moment, key=lambda at: self.line(self.sequence(at)).time)
        return self.sequence(position) if position < len(self) else None

    def clear(self) -> None:
        """Forget all lines and counts; the filter stays."""
        self._first = self.end
        self._items.clear()
        self._evicted = self._skipped = 0
        self._hosts.clear()
        self.set_filter(self._filter)

    def _make_room(self) -> None:
        over = len(self._items) - self._cap
        if over <= 0:
            return
        del self._items[:over]
        self._first += over
        self._evicted += over
        while self._older and self._older[-1] < self._first:
            self._older.pop()
        if not self._older:
            del self._newer[: bisect_left(self._newer, self._first)]
        self._next = max(self._next, self._first)

    # -- the filter -------------------------------------------------------------------------

    @property
    def filter(self) -> LogFilter | None:
        return self._filter

    def set_filter(self, wanted: LogFilter | None) -> None:
        """Show what `wanted` lets through; `work` finds it, the newest first."""
        self._filter = wanted
        self._older.clear()
        self._newer.clear()
        self._next = self.end
        self._todo = self.end - 1
        if wanted is not None:
            self._wanted = wanted.predicate(with_host=self.with_host)

    @property
    def pending(self) -> int:
        """Lines that the filter has not looked at yet."""
        if self._filter is None:
            return 0
        return self.end - self._next + max(self._todo + 1 - self._first, 0)

    def work(self, budget_s: float = STEP_S) -> bool:
        """Look at more lines for about so many seconds, a few at least: what is new, then what is old.

        :return: whether there is more to do.
        """
        until = time.perf_counter() + budget_s
        while self.pending:
            if self._next < self.end:
                stop = min(self._next + _STRIDE, self.end)
                self._newer += filter(self._shows, range(self._next, stop))
                self._next = stop
            else:
                stop = max(self._todo - _STRIDE, self._first - 1)
                self._older += filter(self._shows, range(self._todo, stop, -1))
                self._todo = stop
            if time.perf_counter() >= until:
                break
        return self.pending > 0

    def _shows(self, sequence: int) -> bool:
        line = self._items[sequence - self._first]
        return not isinstance(line, LogRecord) or self._wanted(line)


class Seek:
    """A search through the shown lines for the next one to stop at, once around.

    :param wanted: what is looked for; None: the next line that tells of something wrong.
    :param start: the sequence to go on from; it comes last, or first with `inclusive`.
    """

    def __init__(
        self, book: LogBook, wanted: Pattern | None, start: int, *, backwards: bool, inclusive: bool = False
    ) -> None:
        self._book = book
        self._wanted = wanted
        self._start = start
        self._step = -1 if backwards else 1
        # The sequence last looked at; where that line itself is to be looked at, the one before it.
        self._at = start - self._step if inclusive else start
        self._inclusive = inclusive
        self.wrapped = False
        self.found: int | None = None

    def work(self, budget_s: float = STEP_S) -> bool:
        """Look on for about so many seconds, at a few lines at least.

        :return: whether there is more to do; if not, `found` is the line's sequence or None.
        """
        until = time.perf_counter() + budget_s
        while self.found is None:
            if not self._stride():
                if self.wrapped:
                    return False
                self.wrapped = True
                self._at = self._book.end if self._step < 0 else self._book.first - 1
            if time.perf_counter() >= until:
                return self.found is None
        return False

    def _stride(self) -> bool:
        """Look at a few more lines; False at the end of the log, or back where it began."""
        book, wanted = self._book, self._wanted
        with_host = book.with_host
        forward = self._step > 0
        position = book.position(self._at + 1) if forward else book.position(self._at) - 1
        for _ in range(_STRIDE):
            if not 0 <= position < len(book):
                return False
            sequence = book.sequence(position)
            if self.wrapped and self._is_past_start(sequence):
                return False
            self._at = sequence
            line = book.line(sequence)
            if is_error(line) if wanted is None else found_on(line, wanted, with_host=with_host):
                self.found = sequence
                return True
            position += self._step
        return True

    def _is_past_start(self, sequence: int) -> bool:
        past = (sequence - self._start) * self._step
        return past >= 0 if self._inclusive else past > 0
