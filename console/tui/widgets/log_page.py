"""Where a log is being read: at its newest line, or at an anchor that stays where it is. Pure.

The anchor is a line and one of its rows, and not a number of rows, so that what is read does not move
while lines come in below, and while a filter finds more above.
"""

from __future__ import annotations

from collections.abc import Callable

from console.commands.logbook import LogBook

#: A row on the page: the sequence of its line, and which of the line's rows it is.
Place = tuple[int, int]


class LogPage:
    """The rows of a log that are on the screen.

    :param row_count: how many rows the line of that sequence takes.
    """

    def __init__(self, book: LogBook, row_count: Callable[[int], int]) -> None:
        self._book = book
        self._row_count = row_count
        self._height = 1
        self._anchor: Place | None = None
        self._paused_at = 0
        self._rows: list[Place] | None = None

    @property
    def height(self) -> int:
        return self._height

    @property
    def following(self) -> bool:
        """Whether it stays with the newest line."""
        return self._anchor is None

    @property
    def unseen(self) -> int:
        """Lines that came since it ceased to follow."""
        return 0 if self._anchor is None else len(self._book) - self._book.position(self._paused_at)

    @property
    def position(self) -> int:
        """How many lines are above it, for a scrollbar: nothing is laid out to find out."""
        last = max(len(self._book) - self._height, 0)
        return last if self._anchor is None else min(last, self._book.position(self._anchor[0]))

    def rows(self) -> list[Place]:
        """What is on each row; fewer than `height` where there are no more."""
        if self._rows is None:
            rows = [] if self._anchor is None else self._downwards(*self._anchor)
            self._rows = rows if len(rows) == self._height else self._last()
        return self._rows

    def forget(self, height: int | None = None) -> None:
        """Lines have come or changed, or the height has: lay it out anew when it is next asked for."""
        self._rows = None
        if height is not None:
            self._height = max(height, 1)

    def whole_lines(self) -> None:
        """Begin with the first row of the line on top."""
        if self._anchor is not None:
            self._anchor = (self._anchor[0], 0)
        self._rows = None

    # -- moving ---------------------------------------------------------------------------------

    def follow(self) -> None:
        """Go to the newest line and stay with it."""
        self._anchor = self._rows = None

    def pause(self) -> None:
        """Stand still where it is."""
        rows = self.rows()
        self._stand(rows[0] if rows else (self._book.end, 0))

    def go(self, sequence: int) -> None:
        """Put a line on top, or as near to it as there are lines below."""
        self._stand((sequence, 0))

    def move(self, rows: int) -> None:
        """Scroll by so many rows. Up is away from the newest line; down to it is to follow it again."""
        if not (page := self.rows()):
            return
        book, (sequence, row) = self._book, page[0]
        position = book.position(sequence)
        row += rows
        while row < 0 and position > 0:
            position -= 1
            row += self._row_count(book.sequence(position))
        while position < len(book) and row >= (count := self._row_count(book.sequence(position))):
            row -= count
            position += 1
        top = (book.sequence(position), max(row, 0)) if position < len(book) else None
        if rows > 0 and (top is None or top >= self._last()[0]):
            self.follow()
        elif top is not None and top != page[0]:
            self._stand(top)

    def _stand(self, top: Place) -> None:
        if self._anchor is None:
            self._paused_at = self._book.end
        self._anchor, self._rows = top, None

    # -- layout ---------------------------------------------------------------------------------

    def _downwards(self, sequence: int, row: int) -> list[Place]:
        book, rows = self._book, list[Place]()
        position = book.position(sequence)
        if position < len(book) and book.sequence(position) != sequence:
            row = 0  # the line itself is gone or filtered out
        while position < len(book) and len(rows) < self._height:
            sequence = book.sequence(position)
            rows += [(sequence, each) for each in range(row, self._row_count(sequence))]
            row, position = 0, position + 1
        return rows[: self._height]

    def _last(self) -> list[Place]:
        book, rows = self._book, list[Place]()
        position = len(book)
        while position > 0 and len(rows) < self._height:
            position -= 1
            sequence = book.sequence(position)
            rows += [(sequence, each) for each in reversed(range(self._row_count(sequence)))]
        return rows[: self._height][::-1]
