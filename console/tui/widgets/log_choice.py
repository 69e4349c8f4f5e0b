"""The lines of a log that are chosen: one that was found, or those that the mouse was dragged over. Pure."""

from __future__ import annotations

from console.commands.logbook import LogBook


class LogChoice:
    """A range of sequences, from where it began to where it is; none to begin with."""

    def __init__(self, book: LogBook) -> None:
        self._book = book
        self._ends: tuple[int, int] | None = None

    def __bool__(self) -> bool:
        return self._ends is not None

    @property
    def at(self) -> int | None:
        """The line that was chosen last."""
        return None if self._ends is None else self._ends[1]

    @property
    def sequences(self) -> range:
        """All of them, those that are filtered out too; those that are held no more are not."""
        if self._ends is None:
            return range(0)
        low, high = sorted(self._ends)
        return range(max(low, self._book.first), high + 1)

    def shown(self) -> list[int]:
        """Those that the filter lets through."""
        chosen, book = self.sequences, self._book
        return [
            book.sequence(position) for position in range(*map(book.position, (chosen.start, chosen.stop)))
        ]

    def choose(self, sequence: int) -> None:
        """This line and no other."""
        self._ends = (sequence, sequence)

    def extend(self, sequence: int) -> None:
        """All from where it began to this line."""
        self._ends = (self._ends[0] if self._ends else sequence, sequence)

    def clear(self) -> None:
        self._ends = None
