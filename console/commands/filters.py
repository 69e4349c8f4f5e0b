"""What is typed after `/`: which rows of a list are shown.

    text            rows that hold it; upper and lower case are one unless it has an upper-case letter
    !text           rows that do not
    -l SELECTOR     rows of the hosts it selects (`-l role=web,zone!=b`)
    -f text         rows with a cell that holds its letters in this order; each word by itself
    \\!text          the text `!text` itself; the same for `\\-l` and `\\-f`

A row's text is its cells joined by `SEPARATOR`, which no cell holds, so that nothing is found across
two cells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from console.errors import UsageError
from console.model.host import Host
from console.model.selector import Selector

SEPARATOR = "\n"


class How(StrEnum):
    """What a filter does with its word."""

    HOLDS = ""
    LACKS = "!"
    LABELS = "-l"
    FUZZY = "-f"


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter; one without a word keeps every row and is falsy.

    :param selector: of `-l` filters.
    """

    how: How
    word: str
    selector: Selector | None = None

    @classmethod
    def parse(cls, text: str) -> Filter:
        """The filter that `text` spells; blanks around it do not count.

        :raises UsageError: the selector of `-l` cannot be read.
        """
        text = text.strip()
        if text.startswith("\\") and _looks_like_an_option(text):
            return cls(How.HOLDS, text[1:])
        if text.startswith("!"):
            return cls(How.LACKS, text[1:].strip())
        option, _, rest = text.partition(" ")
        rest = rest.strip()
        if option == How.FUZZY:
            return cls(How.FUZZY, rest)
        if option == How.LABELS:
            if not rest:
                raise UsageError("-l needs a selector", hint="like -l role=web,zone!=b")
            return cls(How.LABELS, rest, Selector.parse(rest))
        return cls(How.HOLDS, text)

    def __bool__(self) -> bool:
        return bool(self.word)

    def __str__(self) -> str:
        """The filter as text; `parse` makes the same filter of it."""
        match self.how:
            case How.HOLDS:
                return f"\\{self.word}" if _looks_like_an_option(self.word) else self.word
            case How.LACKS:
                return f"!{self.word}"
            case _:
                return f"{self.how} {self.word}".rstrip()

    @property
    def by_text(self) -> bool:
        """Whether it goes by a row's text, and not by its host or by nothing."""
        return bool(self.word) and self.how is not How.LABELS

    @property
    def folds(self) -> bool:
        """Whether upper and lower case are one to it."""
        return not any(char.isupper() for char in self.word)

    def text_test(self) -> Callable[[str], bool]:
        """What tells whether a row is kept by its text, which is casefolded already if the filter folds."""
        word = self.word.casefold() if self.folds else self.word
        match self.how:
            case How.LACKS:
                return lambda text: word not in text
            case How.FUZZY:
                return partial(_fuzzy, word.split())
            case _:
                return lambda text: word in text

    def matches(self, text: str, host: Host | None = None) -> bool:
        """Whether a row is kept.

        :param text: its cells, joined by `SEPARATOR`.
        :param host: the host it is of; a row of no host has no labels and is not kept by `-l`.
        """
        if self.selector is not None:
            return host is not None and self.selector.matches_host(host)
        return not self.by_text or self.text_test()(text.casefold() if self.folds else text)


def _looks_like_an_option(text: str) -> bool:
    """Whether `text`, but for backslashes before it, would be read as something other than itself."""
    return text.lstrip("\\").startswith(("!", "-l", "-f"))


def _fuzzy(words: list[str], text: str) -> bool:
    cells = text.split(SEPARATOR)
    for word in words:
        # Most rows lack a letter, or have none of them in order: told before looking cell by cell.
        if not _letters_in_order(word, text):
            return False
        if not any(_letters_in_order(word, cell) for cell in cells):
            return False
    return True


def _letters_in_order(word: str, cell: str) -> bool:
    place = -1
    for letter in word:
        place = cell.find(letter, place + 1)
        if place < 0:
            return False
    return True
