"""The targets of a rollout as a field: a sign for each, in the order in which they begin, wave by wave."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence

from textual.geometry import Size

from console.commands.rows import Cell
from console.tui.widgets.sign_field import SignField


class WaveField(SignField):
    """Shows targets by their numbers.

    :param sign: of a target: one character.
    :param heading: what stands above a wave, by its number from 1.
    :param busy: whether a target is one to go to: under way, or failed.
    """

    def __init__(
        self,
        sign: Callable[[int], Cell],
        heading: Callable[[int], str],
        busy: Callable[[int], bool],
        *,
        id: str | None = None,  # noqa: A002 - Textual's own word
    ) -> None:
        super().__init__(id=id)
        self._sign = sign
        self._heading = heading
        self._busy = busy
        self._ends: tuple[int, ...] = ()
        self._tops: list[int] = []  # the line of each wave's heading

    def on_resize(self) -> None:
        self._lay_out()

    # -- what the app tells it ------------------------------------------------------------------

    def set_waves(self, ends: Sequence[int]) -> None:
        """How many targets are in a wave or before it, rising."""
        if tuple(ends) != self._ends:
            self._ends = tuple(ends)
            self.cursor = min(self.cursor, max(self.count - 1, 0))
            self._lay_out()

    def changed(self, numbers: Iterable[int]) -> None:
        """These targets have other signs by now; the lines that show them are painted."""
        lines = set()
        for number in numbers:
            lines |= {self.line_of(number), self._tops[self._wave_of(number)]}
        for line in lines:
            self.repaint(line)

    def action_next_busy(self) -> None:
        """To the next target that is under way, or has failed."""
        for step in range(1, self.count):
            number = (self.cursor + step) % self.count
            if self._busy(number):
                self.move(number)
                return

    # -- where everything stands ------------------------------------------------------------------

    @property
    def count(self) -> int:
        return self._ends[-1] if self._ends else 0

    def sign(self, number: int) -> Cell:
        return self._sign(number)

    def line_of(self, number: int) -> int:
        wave = self._wave_of(number)
        return self._tops[wave] + 1 + (number - self._begin_of(wave)) // self.across

    def numbers_at(self, line: int) -> range:
        wave = bisect_right(self._tops, line) - 1
        row = line - self._tops[wave] - 1 if wave >= 0 else -1
        if row < 0:
            return range(0)
        begin = self._begin_of(wave) + row * self.across
        return range(begin, max(begin, min(begin + self.across, self._ends[wave])))

    def heading_at(self, line: int) -> str:
        return self._heading(self._tops.index(line) + 1) if line in self._tops else ""

    def _lay_out(self) -> None:
        self._tops = []
        line, begin = 0, 0
        for end in self._ends:
            self._tops.append(line)
            line += 1 - (begin - end) // self.across  # the heading, and rows rounded up
            begin = end
        self.virtual_size = Size(self.size.width, line)
        self.refresh()

    def _wave_of(self, number: int) -> int:
        """From 0."""
        return bisect_right(self._ends, number)

    def _begin_of(self, wave: int) -> int:
        return self._ends[wave - 1] if wave else 0
