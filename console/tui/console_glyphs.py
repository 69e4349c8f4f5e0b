"""Signs for the kernel's own console, whose fonts have few: what a screen draws, in those it has."""

from __future__ import annotations

from collections.abc import Mapping

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

#: One for one, so that nothing moves. The kernel's fonts have the signs of code page 437: boxes with sharp
#: corners, blocks and shades, and of arrows and dots not all.
_SIGNS = str.maketrans(
    {
        **dict(zip("●▲✖○✔", "+!x-+", strict=True)),
        **dict(zip("…–→←↑↓›╱", "~-><^v>/", strict=True)),
        **dict(zip("╭╮╰╯╶╴╷╵", "┌┐└┘──││", strict=True)),
        **dict(zip("▁▂▃▅▆▇", "▄▄▄▄██", strict=True)),
    }
)


class ConsoleGlyphs(LineFilter):
    """Replaces every sign that the kernel's console would show as a blank square."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment
            if segment.text.isascii()
            else Segment(segment.text.translate(_SIGNS), segment.style, segment.control)
            for segment in segments
        ]


def glyph_filters(environ: Mapping[str, str]) -> list[LineFilter]:
    """What a terminal's pictures pass through: nothing, but on the kernel's console."""
    return [ConsoleGlyphs()] if environ.get("TERM") == "linux" else []
