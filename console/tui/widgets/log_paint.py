"""Lines of a log as strips, styled when they are painted and kept for as long as they look the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.cache import LRUCache
from textual.strip import Strip

from console.commands.logbook import LogBook
from console.commands.logbook_filter import Pattern
from console.tui.widgets.log_line import Look, Times, runs, wrapped

#: Lines whose strips are kept; a few pages.
_STRIPS_KEPT = 512
#: A host's name is cut beyond this many cells.
_HOST_CELLS = 24


class LogPainter:
    """Paints the lines of a book.

    :param base: the style of the widget itself: what every line stands on.
    :param style: the style of a component class, without a background of its own unless it has one.
    """

    def __init__(self, book: LogBook, base: Callable[[], Style], style: Callable[[str], Style]) -> None:
        self._book = book
        self._find_base = base
        self._base: Style | None = None
        self._find_style = style
        self._styles: dict[str, Style] = {}
        self._strips: LRUCache[int, list[Strip]] = LRUCache(_STRIPS_KEPT)
        self._look: Look | None = None
        self.wrap_at: int | None = None
        self.times = Times.TIME
        self.pattern: Pattern | None = None
        self.by_host = False

    @property
    def look(self) -> Look:
        """What of a line is shown now."""
        if self._look is None:
            book, pattern = self._book, self.pattern
            width = max(map(cell_len, book.hosts), default=0) if book.with_host else 0
            if pattern is None and book.filter is not None and not book.filter.inverse:
                pattern = book.filter.pattern
            spans = pattern.spans if pattern else None
            self._look = Look(self.times, min(width, _HOST_CELLS), spans, self.by_host)
        return self._look

    def forget(self, *, styles: bool = False) -> None:
        """Lines look different from now on.

        :param styles: the styles themselves are other ones.
        """
        self._look = None
        self._strips.clear()
        if styles:
            self._base = None
            self._styles.clear()

    def strips(self, sequence: int) -> list[Strip]:
        """The rows of a line, as long as they are."""
        strips = self._strips.get(sequence)
        if strips is None:
            line = runs(self._book.line(sequence), self.look, self.before(sequence))
            rows = [line] if self.wrap_at is None else wrapped(line, self.wrap_at)
            strips = [Strip([Segment(text, self.style(look)) for text, look in row]) for row in rows]
            self._strips[sequence] = strips
        return strips

    def before(self, sequence: int) -> datetime | None:
        """The time of the line shown before one, where it matters."""
        if self.times is not Times.DELTA:
            return None
        position = self._book.position(sequence) - 1
        return self._book.line(self._book.sequence(position)).time if position >= 0 else None

    def row_count(self, sequence: int) -> int:
        """How many rows a line takes."""
        return 1 if self.wrap_at is None else len(self.strips(sequence))

    @property
    def base(self) -> Style:
        """The style of the widget; Textual puts it together anew each time it is asked."""
        if self._base is None:
            self._base = self._find_base()
        return self._base

    def style(self, look: str) -> Style:
        """The style of a component class."""
        style = self._styles.get(look)
        if style is None:
            style = self._styles[look] = self._find_style(look)
        return style
