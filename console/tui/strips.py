"""Textual's painted lines, which would otherwise wait for the garbage collector, every one of them.

Textual keeps beside a line what became of it: cut in pieces, or cropped. Of a line that is shown as it is
that is the line itself, and so it is never free when the screen has something else to show: a log that runs
fills the memory until all objects are looked at, and that is once an hour (`fleet/collector.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.style import Style
from textual.strip import Strip

_divide, _crop_extend = Strip.divide, Strip.crop_extend


def mend_strips() -> None:
    """From now on no line of Textual's keeps itself. A second time does nothing."""
    Strip.divide = _divided  # type: ignore[method-assign]
    Strip.crop_extend = _cropped  # type: ignore[method-assign]


def _divided(self: Strip, cuts: Iterable[int]) -> Sequence[Strip]:
    pieces = _divide(self, cuts)
    if pieces and pieces[0] is self:
        self._divide_cache.clear()
    return pieces


def _cropped(self: Strip, start: int, end: int, style: Style | None) -> Strip:
    cropped = _crop_extend(self, start, end, style)
    if cropped is self:
        self._crop_extend_cache.clear()
    return cropped
