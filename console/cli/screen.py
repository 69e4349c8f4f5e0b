"""A picture kept on the terminal: redrawn in place, and the terminal given back at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"
_LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"
_HOME = "\x1b[H"
_CLEAR_LINE = "\x1b[K"
_CLEAR_BELOW = "\x1b[J"


class Screen:
    """Owns the alternate screen while it is open. Only lines that changed are written."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._shown: list[str] = []
        self._width = 0
        out.write(_ENTER)

    def show(self, lines: Sequence[str], width: int) -> None:
        """Draw `lines` from the top; a new width draws everything anew."""
        if width != self._width:
            self._shown, self._width = [], width
            self._out.write(_HOME + _CLEAR_BELOW)
        for row, line in enumerate(lines):
            if row >= len(self._shown) or self._shown[row] != line:
                # Cleared before and not after: after a full line the cursor stands on its last cell.
                self._out.write(f"\x1b[{row + 1};1H{_CLEAR_LINE}{line}")
        if len(lines) < len(self._shown):
            self._out.write(f"\x1b[{len(lines) + 1};1H{_CLEAR_BELOW}")
        self._shown = list(lines)
        self._out.flush()

    def close(self) -> None:
        """Give the terminal back as it was, with the last picture left on it."""
        self._out.write(_LEAVE)
        self._out.write("\n".join(self._shown) + "\n")
        self._out.flush()
