"""A page of lines: what a question about one thing was answered with, and the detail beside a list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import Static

from console.commands.filters import Filter
from console.commands.logbook_filter import Pattern
from console.commands.rows import Cell
from console.tui.tones import CURSOR, MATCH, TONE_CLASS, TONES, TONES_CSS
from console.tui.widgets.document_text import DocumentText, line_text


class Lines(Static):
    """Lines of cells, in their tones."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*TONES}
    DEFAULT_CSS = (
        TONES_CSS % {"widget": "Lines"} + "Lines { width: auto; height: auto; &.-wrap { width: 1fr; } }"
    )

    def show(self, document: DocumentText, *, wrap: bool) -> None:
        """Replace what is shown."""
        whole = Text(no_wrap=not wrap)
        for number, line in enumerate(document.shown):
            text = Text()
            for place, cell in enumerate(line):
                style = self.get_component_rich_style(TONE_CLASS[cell.tone], partial=True)
                text.append(" " if place else "")
                text.append(cell.text, style)
            if document.pattern is not None:
                for begin, end in document.pattern.spans(line_text(line)):
                    text.stylize(self.get_component_rich_style(MATCH, partial=True), begin, end)
            if number == document.at:
                text.stylize_before(self.get_component_rich_style(CURSOR, partial=True))
            whole.append("\n" if number else "")
            whole.append_text(text)
        self.update(whole)


class Document(VerticalScroll, can_focus=True, inherit_bindings=False):
    """Scrolls over `Lines`. Its keys are bound by `tui/keys.py`.

    :param wrap: break lines that are too long, instead of scrolling to the side.
    """

    DEFAULT_CSS = "Document { overflow-x: auto; padding: 0 1; scrollbar-size: 1 1; }"

    class StatusChanged(Message):
        """Other lines are shown."""

    def __init__(self, *, wrap: bool = False, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._wrap = wrap
        self._text = DocumentText()

    def compose(self) -> ComposeResult:
        yield Lines(classes="-wrap" if self._wrap else "")

    @property
    def plain(self) -> str:
        """What is shown, as text for the clipboard."""
        return self._text.plain()

    def status(self) -> str:
        """How many lines there are, where not all of them are shown."""
        text = self._text
        return "" if text.filter is None else f"{len(text.shown)} of {text.total} lines"

    def show(self, lines: Iterable[Sequence[Cell]]) -> None:
        """Replace what is shown; filter and search stay."""
        self._text.put(lines)
        self._draw()

    def set_filter(self, text: str) -> None:
        """Show only the lines that `text` keeps; all with "".

        :raises UsageError: it cannot be read, or goes by labels.
        """
        self._text.set_filter(Filter.parse(text) if text.strip() else None)
        self._draw()

    def set_search(self, text: str) -> bool:
        """Highlight `text` and go to the first line on or below the page that holds it; "" ends it.

        :return: whether there is one.
        :raises UsageError: it cannot be read; the search before it stays.
        """
        self._text.pattern = Pattern.parse(text) if text else None
        return self._find(self.scroll_offset.y)

    def action_search_next(self) -> None:
        self._find(0 if self._text.at is None else self._text.at + 1)

    def action_search_previous(self) -> None:
        self._find((self._text.at or 0) - 1, backwards=True)

    def _find(self, start: int, *, backwards: bool = False) -> bool:
        found = self._text.find(start, backwards=backwards)
        self._draw()
        if self._text.at is not None:
            # With a few lines of what comes before it.
            self.scroll_to(y=max(0, self._text.at - self.size.height // 3), animate=False)
        return found

    def _draw(self) -> None:
        self.query_one(Lines).show(self._text, wrap=self._wrap)
        self.post_message(self.StatusChanged())

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self.is_mounted:
            self.query_one(Lines).show(self._text, wrap=self._wrap)
