"""A page of lines: what a question about one thing was answered with, and the detail beside a list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from console.commands.fitting import safe_cell
from console.commands.rows import Cell
from console.tui.tones import TONE_CLASS, TONES, TONES_CSS


class Lines(Static):
    """Lines of cells, in their tones."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*TONES}
    DEFAULT_CSS = TONES_CSS % {"widget": "Lines"} + "Lines { width: auto; height: auto; }"

    def show(self, lines: Iterable[Sequence[Cell]]) -> None:
        """Replace what is shown."""
        text = Text(no_wrap=True)
        for number, line in enumerate(lines):
            text.append("\n" if number else "")
            for place, cell in enumerate(map(safe_cell, line)):
                style = self.get_component_rich_style(TONE_CLASS[cell.tone], partial=True)
                text.append(" " if place else "")
                text.append(cell.text, style)
        self.update(text)


class Document(VerticalScroll, can_focus=True, inherit_bindings=False):
    """Scrolls over `Lines`. Its keys are bound by `tui/keys.py`."""

    DEFAULT_CSS = "Document { overflow-x: auto; }"

    def compose(self) -> ComposeResult:
        yield Lines()

    def show(self, lines: Iterable[Sequence[Cell]]) -> None:
        """Replace what is shown."""
        held = list(lines)
        self.plain = "\n".join(" ".join(safe_cell(cell).text for cell in line) for line in held)
        self.query_one(Lines).show(held)

    #: What is shown, as text for the clipboard.
    plain: str = ""
