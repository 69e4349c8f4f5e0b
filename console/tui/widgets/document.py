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
    DEFAULT_CSS = (
        TONES_CSS % {"widget": "Lines"} + "Lines { width: auto; height: auto; &.-wrap { width: 1fr; } }"
    )

    def show(self, lines: Iterable[Sequence[Cell]], *, wrap: bool) -> None:
        """Replace what is shown."""
        text = Text(no_wrap=not wrap)
        for number, line in enumerate(lines):
            text.append("\n" if number else "")
            for place, cell in enumerate(map(safe_cell, line)):
                style = self.get_component_rich_style(TONE_CLASS[cell.tone], partial=True)
                text.append(" " if place else "")
                text.append(cell.text, style)
        self.update(text)


class Document(VerticalScroll, can_focus=True, inherit_bindings=False):
    """Scrolls over `Lines`. Its keys are bound by `tui/keys.py`.

    :param wrap: break lines that are too long, instead of scrolling to the side.
    """

    DEFAULT_CSS = "Document { overflow-x: auto; padding: 0 1; scrollbar-size: 1 1; }"

    def __init__(self, *, wrap: bool = False, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._wrap = wrap

    def compose(self) -> ComposeResult:
        yield Lines(classes="-wrap" if self._wrap else "")

    def show(self, lines: Iterable[Sequence[Cell]]) -> None:
        """Replace what is shown."""
        held = list(lines)
        self.plain = "\n".join(" ".join(safe_cell(cell).text for cell in line) for line in held)
        self.query_one(Lines).show(held, wrap=self._wrap)

    #: What is shown, as text for the clipboard.
    plain: str = ""
