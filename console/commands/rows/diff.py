"""What has changed from one text to the next, as lines for a person."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from console.commands.rows.base import Cell, Tone
from console.model.text import clean

_TONES = {"+": Tone.GOOD, "-": Tone.BAD, "@": Tone.FAINT}


def difference_lines(
    before: Sequence[str], now: Sequence[str], around: int = 2
) -> Iterator[tuple[Cell, ...]]:
    """The changed lines, with so many `around` them; nothing where none is."""
    for line in list(difflib.unified_diff(before, now, lineterm="", n=around))[2:]:
        yield (Cell(clean(line) or " ", _TONES.get(line[:1], Tone.PLAIN)),)
