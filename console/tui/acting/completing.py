"""What can come next on the typed line: the grammar, and the names that are on the screen's fleet."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

from console.commands.completion import Candidate, complete, names, terms
from console.commands.macro.library import all_macros, macro_folders
from console.tui.acting.line import SETTINGS, registry
from console.tui.views import TOP

if TYPE_CHECKING:
    from console.tui.app import QuarterdeckApp

#: As many as are worth reading.
MOST = 200


class Completing:
    """Completes lines of one terminal."""

    def __init__(self, deck: QuarterdeckApp) -> None:
        self._deck = deck

    def __call__(self, text: str) -> tuple[str, list[str]]:
        """The line as far as it can only go on, and the words that can stand where something is typed."""
        head, typed = _last_word(text)
        if typed is None:
            return text, []
        found = [shlex.quote(one) for one in self._of(head, typed)]
        if not found:
            return text, []
        if len(found) == 1:
            whole = found[0] if found[0].endswith("=") else found[0] + " "
            return head + whole, []
        return head + max(_common(found), typed, key=len), found[:MOST]

    def _of(self, head: str, typed: str) -> Iterator[str]:
        words = shlex.split(head)
        own = self._own(words[1:] if words[:1] == ["view"] else words)
        yield from (word for word in own if word.startswith(typed))
        if words[:1] != ["view"]:
            yield from (one.text for one in complete(words, typed, registry(), self._known))

    def _own(self, words: Sequence[str]) -> Iterable[str]:
        """What only the screen understands."""
        match words:
            case []:
                return ("go", "view", *SETTINGS)
            case ["go"]:
                return map(str, TOP)
            case ["theme"]:
                return sorted(self._deck.available_themes)
        return ()

    def _known(self, metavar: str, words: Sequence[str]) -> Iterable[Candidate]:
        model, core = self._deck.model, self._deck.core
        match metavar:
            case "HOST":
                return names((host.name, host.labels) for host in model.hosts())
            case "SELECTOR":
                return terms((host.name, host.labels) for host in model.hosts())
            case "UNIT":
                found: Iterable[str] = sorted({unit.name for unit in model.units()})
            case "CONTAINER":
                found = sorted({box.name for box in model.containers()})
            case "MACRO" if core is not None:
                found = (macro.path.stem for macro in all_macros(macro_folders(core))[0])
            case _:
                found = ()
        return map(Candidate, found)


def _common(words: Sequence[str]) -> str:
    """What all of them begin with."""
    first, last = min(words), max(words)
    same = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "".join(letter for letter, _ in same)


def _last_word(text: str) -> tuple[str, str | None]:
    """What stands before the word that is typed, and the word; None where quotes are open."""
    head, blank, typed = text.rpartition(" ")
    try:
        shlex.split(head)
        (word,) = shlex.split(typed) or [""]
    except ValueError:
        return text, None
    return head + blank, word
