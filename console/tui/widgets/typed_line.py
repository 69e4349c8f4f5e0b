"""The line at the bottom that is typed into, for whoever has opened it: a filter, a search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual import events
from textual.widgets import Input


def _nothing(text: str) -> None:
    """For an errand that cares only for the end."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What the line is open for.

    :param hint: stands there while nothing is typed.
    :param entered: told what was entered.
    :param typed: told of every change.
    :param cancelled: told that nothing came of it.
    :param complete: the line as far as it can only go on, and what can come next; tab asks.
    :param choices: told what can come next.
    :param before: lines that were entered earlier, the newest last: up and down call them back.
    """

    hint: str
    entered: Callable[[str], None] = _nothing
    typed: Callable[[str], None] = _nothing
    cancelled: Callable[[], None] = lambda: None
    before: tuple[str, ...] = ()
    complete: Callable[[str], tuple[str, list[str]]] | None = None
    choices: Callable[[list[str]], None] = lambda found: None


class TypedLine(Input):
    """Hidden unless somebody opened it. Its keys are bound by `tui/keys.py`."""

    DEFAULT_CSS = "TypedLine { height: 1; border: none; display: none; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        # What stands there to begin with is gone on from, and not typed over.
        super().__init__(compact=True, select_on_focus=False, id=id)
        self._errand: Errand | None = None
        self._back = 0  # how far back among earlier lines
        self._told: str | None = None  # what the errand was told of last

    @property
    def is_open(self) -> bool:
        return self._errand is not None

    def open(self, errand: Errand, text: str = "") -> None:
        """Take the keyboard.

        :param text: what stands there to begin with.
        """
        self.value = text
        self.cursor_position = len(text)
        self.placeholder = errand.hint
        self._errand = errand
        self._back = 0
        self._told = None
        self.display = True
        # At once, and not by a message of its own as `focus` does: the next keys are on their way already.
        self.screen.set_focus(self)

    def close(self) -> None:
        """Go away, and tell nobody. The keyboard is the caller's to place."""
        self._errand = None
        self.display = False

    def cancel(self) -> None:
        """Go away because what was typed is not wanted."""
        errand, self._errand = self._errand, None
        self.close()
        if errand is not None:
            errand.cancelled()

    def on_key(self, event: events.Key) -> None:
        if event.key == "tab" and self._errand is not None and self._errand.complete is not None:
            event.stop()
            event.prevent_default()
            self._complete(self._errand)
            return
        before = self._errand.before if self._errand is not None else ()
        if event.key not in ("up", "down") or not before:
            return
        event.stop()
        event.prevent_default()
        self._back = min(max(self._back + (1 if event.key == "up" else -1), 0), len(before))
        self.value = before[-self._back] if self._back else ""
        self.cursor_position = len(self.value)

    def _complete(self, errand: Errand) -> None:
        """Complete what stands before the cursor."""
        assert errand.complete is not None
        before, after = self.value[: self.cursor_position], self.value[self.cursor_position :]
        with self.prevent(Input.Changed):
            completed, found = errand.complete(before)
            self.value = completed + after
            self.cursor_position = len(completed)
        self._told = self.value
        errand.typed(self.value)
        if found:
            errand.choices(found)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        # A key can overtake the word of the change before it: what is told then must not come back.
        if self._errand is not None and event.value == self.value != self._told:
            self._told = event.value
            self._errand.typed(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        # It goes on to the screen, which takes the keyboard back.
        errand, self._errand = self._errand, None
        self.close()
        if errand is not None:
            errand.entered(event.value)
