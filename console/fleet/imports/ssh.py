"""The hosts of an OpenSSH client configuration.

An entry holds the alias and nothing else: the console honours OpenSSH's own configuration when it
connects, so HostName, Port, User, IdentityFile and ProxyJump keep coming from there and are not
frozen into a copy. The grammar is that of ssh_config(5).
"""

from __future__ import annotations

import glob
import os
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from console.fleet.config import read_text
from console.fleet.config_values import shown
from console.fleet.imports.entries import HostEntry, Imported, usable

#: Given the argument of an `Include`, the texts of the files it names.
Include = Callable[[str], Sequence[str]]

_LINE = re.compile(r"\s*([A-Za-z]+)(?:\s*=\s*|\s+)(.*)", re.DOTALL)

#: OpenSSH's own limit (READCONF_MAX_DEPTH).
_MAX_DEPTH = 16

#: The patterns of the `Host` lines around a place in the files, outermost first.
_Around = tuple[Sequence[str], ...]


def from_ssh_config(text: str, include: Include) -> Imported:
    """An entry for each alias of a `Host` line that holds no wildcard, in the order they stand in."""
    notes: list[str] = []
    aliases = dict.fromkeys(_aliases(text, include, (), 0, notes))
    return usable((HostEntry(alias) for alias in aliases), notes)


def load_ssh_config(path: Path) -> Imported:
    """The hosts of the OpenSSH configuration at `path` and of the files it includes.

    :raises ConfigError: the file, or one that it includes, cannot be read.
    """
    return from_ssh_config(read_text(path), lambda pattern: _included(pattern, path.parent))


def _included(pattern: str, folder: Path) -> list[str]:
    """As ssh_config(5) says: `~` and globs are expanded, relative paths start in the folder of the file
    that OpenSSH reads first, and a pattern that matches no file is no error."""
    found = sorted(glob.glob(os.path.join(folder, os.path.expanduser(pattern))))
    return [read_text(Path(name)) for name in found if not os.path.isdir(name)]


def _aliases(text: str, include: Include, around: _Around, depth: int, notes: list[str]) -> Iterator[str]:
    block: _Around = ()
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if not match or line.lstrip().startswith("#"):
            continue
        keyword = match[1].lower()
        if keyword == "match":
            # Whether it holds is known only when connecting; what it includes may well exist.
            block = ()
        if keyword not in {"host", "include"}:
            continue
        try:
            words = shlex.split(match[2], comments=True)
        except ValueError:
            notes.append(f"a line is left out, its quotes do not close: {shown(line.strip())}")
            continue
        if keyword == "host":
            block = (words,)
            yield from (
                word
                for word in words
                if not word.startswith("!")
                and not any(char in "*?" for char in word)
                and all(_holds(patterns, word) for patterns in (*around, words))
            )
        elif depth == _MAX_DEPTH:
            notes.append(f"an Include is left out, {_MAX_DEPTH} deep: {shown(line.strip())}")
        else:
            for word in words:
                for inner in include(word):
                    yield from _aliases(inner, include, around + block, depth + 1, notes)


def _holds(patterns: Sequence[str], alias: str) -> bool:
    """Whether a `Host` line with these patterns applies to `alias`."""
    if any(_matches(pattern[1:], alias) for pattern in patterns if pattern.startswith("!")):
        return False
    return any(_matches(pattern, alias) for pattern in patterns)


def _matches(pattern: str, alias: str) -> bool:
    """OpenSSH knows `*` and `?` and no brackets."""
    expression = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    return re.fullmatch(expression, alias, re.DOTALL) is not None
