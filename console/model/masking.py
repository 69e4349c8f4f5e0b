"""What is likely to be a secret, hidden before it is shown. Pure.

Told by names, as people give them: a guess, made for screens that others look at. Nothing is hidden from
scripts, which get what an engine says as it says it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "•••"

_NAME = re.compile(
    r"PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|CREDENTIAL|BASICAUTH|COOKIE|(^|_)(PASS|PWD_|KEYS?|AUTH|DSN|SALT)(_|$)|_PWD$",
    re.IGNORECASE,
)
#: That a secret is in a file is none.
_ELSEWHERE = re.compile(r"_(FILE|PATH|DIR|NAME|ID)$", re.IGNORECASE)
_OTHER = re.compile(r"[^A-Za-z0-9]+")
_IN_URL = re.compile(r"(?<=://)([^\s/@:]*):[^\s/@]+@")


def masked(name: str, value: str) -> str:
    """A value as it may be shown: hidden where its name says secret, without the password of a URL.

    >>> masked("DB_PASSWORD", "hunter2")
    '•••'
    """
    words = _OTHER.sub("_", name).strip("_")
    if value and _NAME.search(words) and not _ELSEWHERE.search(words):
        return HIDDEN
    return _IN_URL.sub(rf"\1:{HIDDEN}@", value)


def masked_pair(text: str) -> str:
    """`NAME=value`, as `masked` has the value."""
    name, equals, value = text.partition("=")
    return f"{name}={masked(name, value)}" if equals else _IN_URL.sub(rf"\1:{HIDDEN}@", text)


def masked_words(words: Iterable[str]) -> list[str]:
    """A command line: `--token=…`, and what comes after `--token`."""
    found: list[str] = []
    option = ""
    for word in words:
        if option and not word.startswith("-"):
            found.append(masked(option, word))
        else:
            found.append(masked_pair(word))
        option = word if word.startswith("-") and "=" not in word else ""
    return found
