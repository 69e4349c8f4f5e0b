"""A line that was painted is free as soon as it is shown no more."""

from __future__ import annotations

import gc

from rich.segment import Segment
from textual.strip import Strip

from console.tui.strips import mend_strips


def paint() -> None:
    line = Strip([Segment("a line of a log")])
    whole = [line.cell_length]
    assert line.divide(whole) == line.divide(whole) == [line]
    assert [piece.text for piece in line.divide([1, line.cell_length])] == ["a", " line of a log"]
    assert line.divide(whole) == [line]
    assert line.crop_extend(0, line.cell_length, None) is line
    assert line.crop_extend(2, 6, None).text == "line"


def waiting() -> list[Strip]:
    """Lines that only the collector would free, of one that was painted."""
    gc.collect()
    gc.disable()
    try:
        paint()
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        return [each for each in gc.garbage if isinstance(each, Strip)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def test_a_line_that_was_painted_whole_or_in_pieces_does_not_wait_for_the_collector() -> None:
    mend_strips()
    assert waiting() == []
