"""Where a list is being read: the row of the cursor, the marked ones, those on the screen. Pure.

Cursor and marks are keys and not line numbers, so that they stay where they are while rows come and go.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from console.commands.lists import LiveList

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")

#: A row that is to stay at its line whatever comes above it, and its index.
Anchor = tuple[K, int]


class FleetPage(Generic[K, R]):
    """Cursor and marks. A `top` is the index of the first row on the screen, a `height` their number."""

    def __init__(self, live: LiveList[K, R]) -> None:
        self._list = live
        #: The row of the cursor; None where there are no rows.
        self.cursor: K | None = None
        self.at = 0
        self.marks: frozenset[K] = frozenset()
        self._last_marked: K | None = None

    # -- the cursor -------------------------------------------------------------------------

    def move(self, index: int) -> None:
        """Put the cursor on a row, or on the nearest there is."""
        self.at = max(0, min(index, len(self._list) - 1))
        self.cursor = self._list.keys[self.at] if self._list else None

    def find(self) -> None:
        """Find the cursor's row in a list that has other rows now; where it is gone, the one in its place."""
        index = None if self.cursor is None else self._list.index(self.cursor)
        self.move(self.at if index is None else index)

    # -- marks ------------------------------------------------------------------------------

    def mark(self) -> None:
        """Mark the cursor's row, or unmark it."""
        if self.cursor is not None:
            self.marks ^= {self.cursor}
            self._last_marked = self.cursor

    def mark_range(self) -> None:
        """Mark all rows from the last one that was marked to the cursor's; that alone if there is none."""
        if self.cursor is None:
            return
        begin = self.at
        if self._last_marked in self.marks and self._last_marked is not None:
            index = self._list.index(self._last_marked)
            begin = self.at if index is None else index
        self.marks |= set(self._list.keys[min(begin, self.at) : max(begin, self.at) + 1])
        self._last_marked = self.cursor

    def mark_all(self) -> None:
        """Mark every row that is shown."""
        self.marks |= set(self._list.keys)

    def clear_marks(self) -> None:
        """Unmark every row."""
        self.marks = frozenset()

    def keep_marks(self) -> None:
        """Forget marks of rows that are gone; those that a filter hides stay."""
        self.marks = frozenset(key for key in self.marks if self._list.get(key) is not None)

    # -- the rows on the screen -------------------------------------------------------------

    def anchor(self, top: int, height: int) -> Anchor[K] | None:
        """The row that is to stay at its line: the cursor's if it is on the screen, else the first one there.

        A screen that stands at the top of the list stays there, so that what comes first is seen to come.
        """
        if top == 0 or not self._list:
            return None
        index = self.at if self.sees(top, height) else min(top, len(self._list) - 1)
        return self._list.keys[index], index

    def sees(self, top: int, height: int) -> bool:
        """Whether the cursor is on the screen."""
        return top <= self.at < top + height

    def follow(self, anchor: Anchor[K] | None, top: int) -> int:
        """The top at which an anchor is on its line again."""
        index = None if anchor is None else self._list.index(anchor[0])
        return top if anchor is None or index is None else top + index - anchor[1]

    def reach(self, top: int, height: int) -> int:
        """The top nearest to `top` at which the cursor is on the screen."""
        return min(max(top, self.at - height + 1), self.at)
