"""The lines of a page: all of them, those that a filter keeps, and where a search stands. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from console.commands.filters import SEPARATOR, Filter
from console.commands.fitting import safe_cell
from console.commands.logbook_filter import Pattern
from console.commands.rows import Cell
from console.errors import UsageError

Line = tuple[Cell, ...]


class DocumentText:
    """Lines that are read, filtered and searched. A line's text is its cells with a blank between them."""

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._filter: Filter | None = None
        #: What is searched for, and the line of `shown` that was found last.
        self.pattern: Pattern | None = None
        self.at: int | None = None
        self.shown: list[Line] = []

    @property
    def total(self) -> int:
        return len(self._lines)

    @property
    def filter(self) -> Filter | None:
        return self._filter

    def put(self, lines: Iterable[Sequence[Cell]]) -> None:
        """Other lines; filter and search stay."""
        self._lines = [tuple(map(safe_cell, line)) for line in lines]
        self._sift()

    def set_filter(self, wanted: Filter | None) -> None:
        """Only the lines that `wanted` keeps.

        :raises UsageError: it goes by labels, and a line is of no host.
        """
        if wanted is not None and wanted.selector is not None:
            raise UsageError("-l selects hosts, and these are lines", hint="type a text, !text or -f text")
        self._filter = wanted or None
        self._sift()

    def _sift(self) -> None:
        wanted = self._filter
        kept = self._lines
        if wanted is not None:
            kept = [line for line in kept if wanted.matches(SEPARATOR.join(cell.text for cell in line))]
        self.shown, self.at = kept, None

    def find(self, start: int, *, backwards: bool = False) -> bool:
        """To the next line from `start` on that holds what is searched for, once around; `at` is then it."""
        count = len(self.shown)
        step = -1 if backwards else 1
        for place in ((start + step * number) % count for number in range(count)):
            if self.pattern is not None and self.pattern.found_in(line_text(self.shown[place])):
                self.at = place
                return True
        self.at = None
        return False

    def plain(self) -> str:
        """What is shown, as text for the clipboard."""
        return "\n".join(map(line_text, self.shown))


def line_text(line: Line) -> str:
    return " ".join(cell.text for cell in line)
