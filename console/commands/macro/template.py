"""Lines with `${parameters}` in them: split into words first, filled in afterwards. Pure.

A value is put where the name stood and looked at no more: it is never split, never unquoted and
never looked into for other names. One that begins with a dash cannot become an option, because a
word whose dash came out of a value is only taken behind `--`. `$${` is a plain `${`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from console.commands.macro.parameters import is_parameter_name
from console.errors import UsageError
from console.model.text import clean

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)(\})?")


@dataclass(frozen=True, slots=True)
class Reference:
    """`${name}`."""

    name: str


@dataclass(frozen=True, slots=True)
class Word:
    """One word: pieces of text and references, in their order."""

    parts: tuple[str | Reference, ...]

    def filled(self, values: Mapping[str, str]) -> str:
        return "".join(part if isinstance(part, str) else values[part.name] for part in self.parts)


def split_line(text: str) -> tuple[Word, ...]:
    """The words of a line with the shell's quotes.

    :raises UsageError: a quote or a reference does not end.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"cannot read the line: {error}".lower()) from None
    return tuple(_word(word) for word in words)


def _word(text: str) -> Word:
    parts: list[str | Reference] = []
    at = 0
    for found in _REFERENCE.finditer(text):
        if found.start() > at:
            parts.append(text[at : found.start()])
        at = found.end()
        if found[0] == "$${":
            parts.append("${")
        elif found[2] and is_parameter_name(found[1]):
            parts.append(Reference(found[1]))
        else:
            raise UsageError(
                f"not a parameter: {clean(found[0], 60)!r}", hint="${name}; a plain ${ is written $${"
            )
    if at < len(text) or not parts:
        parts.append(text[at:])
    return Word(tuple(parts))


def references(words: Sequence[Word]) -> set[str]:
    """The parameters that a line names."""
    return {part.name for word in words for part in word.parts if isinstance(part, Reference)}


def fill(words: Sequence[Word], values: Mapping[str, str]) -> list[str]:
    """The words with the values in.

    :raises UsageError: a value would be read as an option.
    """
    filled: list[str] = []
    behind = False
    for word in words:
        text = word.filled(values)
        written = "".join(part for part in word.parts if isinstance(part, str))
        if not behind and text.startswith("-") and text != "-" and not _dash_is_written(word):
            raise UsageError(
                f"{clean(text, 60)!r} would be read as an option",
                hint="write --option=${name}, or put names behind `--`",
            )
        behind = behind or (text == "--" and written == "--")
        filled.append(text)
    return filled


def _dash_is_written(word: Word) -> bool:
    first = word.parts[0]
    return isinstance(first, str) and first.startswith("-")


def escape(text: str) -> str:
    """`text` as it is to stand in a macro's line to mean itself."""
    return text.replace("${", "$${")
