"""What a host can look for by itself of a text that is searched. Pure.

`journalctl --grep` matches messages by PCRE2, over bytes; a search's text is one of Python's expressions,
over characters. So the host is not given the expression, but the plain text that whatever it matches must
hold, or the few of which it must hold one; which of what is found there is meant, the expression decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

# Python's own reader of expressions; `re` has no public one.
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

#: A message so long that journalctl may look at its first 64 KiB only; it is looked through here
#: (sd_journal_set_data_threshold(3)).
LONG = r"\A(?s:.{65500})"
#: More texts, or longer ones, are not worth a command line.
_TEXTS, _LENGTH = 16, 1000
_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)
#: Letters that Python takes for these where case does not count, as the bytes of their UTF-8.
_ALSO = {
    "i": r"(?:i|\xc4[\xb0\xb1])",
    "k": r"(?:k|\xe2\x84\xaa)",
    "s": r"(?:s|\xc5\xbf)",
}


@dataclass(frozen=True, slots=True)
class HostText:
    """What to give to `journalctl --grep`.

    :param pattern: an expression of PCRE2's.
    :param caseless: case does not count.
    """

    pattern: str
    caseless: bool


def expression_flags(grep: str) -> re.RegexFlag:
    """How `grep` is read: case counts only if it has a capital, as in journalctl."""
    return re.NOFLAG if any(map(str.isupper, grep)) else re.IGNORECASE


def host_text(grep: str) -> HostText | None:
    """What every message that `grep` matches is found by, and others perhaps too; None if there is nothing.

    :param grep: one of Python's expressions.
    :raises re.error: it is none.
    """
    tree = parser.parse(grep, expression_flags(grep))
    caseless = bool(tree.state.flags & re.IGNORECASE)
    texts = _needed(tree, caseless)
    if not texts or len(texts) > _TEXTS or sum(map(len, texts)) > _LENGTH:
        return None
    return HostText("|".join((LONG, *(_quoted(text, caseless) for text in texts))), caseless)


def _needed(items: Iterable[tuple[Any, Any]], caseless: bool) -> tuple[str, ...]:
    """The longest texts of which one at least is in all that the items match, one after the other."""
    best: tuple[str, ...] = ()
    run = ""
    for kind, value in (*items, (None, None)):
        if kind is op.LITERAL and _same_on_hosts(chr(value), caseless):
            run += chr(value)
            continue
        best = max(best, (run,) if run else (), _inside(kind, value, caseless), key=_shortest)
        run = ""
    return best


def _inside(kind: Any, value: Any, caseless: bool) -> tuple[str, ...]:
    """The same for one item that is not a character."""
    if kind is op.BRANCH:
        branches = [_needed(branch, caseless) for branch in value[1]]
        return tuple(text for texts in branches for text in texts) if all(branches) else ()
    if kind is op.SUBPATTERN:
        _, added_flags, _, inner = value
        return () if added_flags else _needed(inner, caseless)
    if kind is op.ATOMIC_GROUP:
        return _needed(value, caseless)
    if kind in _REPEATS and value[0] > 0:
        return _needed(value[2], caseless)
    return ()


def _shortest(texts: tuple[str, ...]) -> int:
    return min(map(len, texts), default=0)


def _same_on_hosts(char: str, caseless: bool) -> bool:
    """Whether the character is in a message's bytes wherever Python finds it in the message's text."""
    if caseless:
        return char.isascii() and char != "\0"
    # What is no UTF-8 is read as U+FFFD; half of a pair is in no text.
    return char not in "\0\ufffd" and not "\ud800" <= char <= "\udfff"


def _quoted(text: str, caseless: bool) -> str:
    if not caseless:
        return re.escape(text)
    return "".join(_ALSO.get(char.lower()) or re.escape(char) for char in text)
