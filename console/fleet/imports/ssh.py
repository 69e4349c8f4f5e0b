"""The hosts of an OpenSSH client configuration.

Of a file that OpenSSH reads by itself, an entry is the alias and nothing else: the console honours
that file when it connects, so HostName, Port, User, IdentityFile and ProxyJump keep coming from there
and are not frozen into a copy. Of any other file, HostName, Port, User and IdentityFile are copied,
since nobody would look there again. The grammar is that of ssh_config(5).
"""

from __future__ import annotations

import glob
import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.fleet.config import read_text
from console.fleet.config_values import shown
from console.fleet.imports.entries import HostEntry, Imported, usable

#: Given the argument of an `Include`, the texts of the files it names.
Include = Callable[[str], Sequence[str]]

#: What OpenSSH reads without being told to, and the console with it.
_OWN_FILES = ("~/.ssh/config", "/etc/ssh/ssh_config")

_LINE = re.compile(r"\s*([A-Za-z]+)(?:\s*=\s*|\s+)(.*)", re.DOTALL)

#: OpenSSH's own limit (READCONF_MAX_DEPTH).
_MAX_DEPTH = 16

_COPIED = frozenset(("hostname", "port", "user", "identityfile"))
_NOT_COPIED = {"proxyjump": "ProxyJump", "proxycommand": "ProxyCommand"}
_TOKEN = re.compile(r"%(.?)")

#: The patterns of a `Host` line; None for a `Match` line, which only a connection can judge.
_Block = Sequence[str] | None


@dataclass(frozen=True, slots=True)
class _Line:
    """One line that matters here, with the blocks it stands in, outermost first."""

    keyword: str
    words: Sequence[str]
    blocks: tuple[_Block, ...]

    def may_apply(self, alias: str) -> bool:
        return all(block is None or _holds(block, alias) for block in self.blocks)

    def applies(self, alias: str) -> bool:
        return None not in self.blocks and self.may_apply(alias)


def from_ssh_config(text: str, include: Include, *, copy: bool = False) -> Imported:
    """An entry for each alias of a `Host` line that holds no wildcard, in the order they stand in.

    :param copy: also take over how each is reached, since this is no file that OpenSSH reads by itself.
    """
    notes: list[str] = []
    lines = list(_lines(text, include, (), 0, notes))
    aliases = dict.fromkeys(
        word
        for line in lines
        if line.keyword == "host"
        for word in line.words
        if not any(char in "*?!" for char in word) and line.may_apply(word)
    )
    if not copy:
        return usable((HostEntry(alias) for alias in aliases), notes)
    return usable([_copied(alias, lines, notes) for alias in aliases], notes)


def load_ssh_config(path: Path) -> Imported:
    """The hosts of the OpenSSH configuration at `path` and of the files it includes.

    :raises ConfigError: the file, or one that it includes, cannot be read.
    """
    own = any(path.resolve() == Path(name).expanduser().resolve() for name in _OWN_FILES)
    return from_ssh_config(read_text(path), lambda pattern: _included(pattern, path.parent), copy=not own)


def _included(pattern: str, folder: Path) -> list[str]:
    """As ssh_config(5) says: `~` and globs are expanded, relative paths start in the folder of the file
    that OpenSSH reads first, and a pattern that matches no file is no error."""
    found = sorted(glob.glob(os.path.join(folder, os.path.expanduser(pattern))))
    return [read_text(Path(name)) for name in found if not os.path.isdir(name)]


def _lines(
    text: str, include: Include, around: tuple[_Block, ...], depth: int, notes: list[str]
) -> Iterator[_Line]:
    blocks = around
    for raw in text.splitlines():
        match = _LINE.fullmatch(raw)
        if not match or raw.lstrip().startswith("#"):
            continue
        keyword = match[1].lower()
        if keyword not in {"host", "match", "include", *_COPIED, *_NOT_COPIED}:
            continue
        try:
            words = shlex.split(match[2], comments=True)
        except ValueError:
            notes.append(f"a line is left out, its quotes do not close: {shown(raw.strip())}")
            continue
        if keyword == "match":
            everything = [word.lower() for word in words] == ["all"]
            blocks = (*around, ["*"] if everything else None)
        elif keyword == "include":
            if depth == _MAX_DEPTH:
                notes.append(f"an Include is left out, {_MAX_DEPTH} deep: {shown(raw.strip())}")
                continue
            for inner in (inner for word in words for inner in include(word)):
                yield from _lines(inner, include, blocks, depth + 1, notes)
        else:
            if keyword == "host":
                blocks = (*around, words)
            yield _Line(keyword, words, blocks)


def _copied(alias: str, lines: Iterable[_Line], notes: list[str]) -> HostEntry:
    """The alias with what the file says of it: the first value of each keyword, and every key file."""
    first: dict[str, str] = {}
    keys: list[str] = []
    for line in lines:
        if line.keyword == "host" or not line.words or not line.applies(alias):
            continue
        value = line.words[0]
        if line.keyword != "identityfile":
            first.setdefault(line.keyword, value)
        elif value.lower() != "none" and value not in keys:
            keys.append(value)
    fields: dict[str, Any] = {}
    for keyword, name in _NOT_COPIED.items():
        if first.get(keyword, "none").lower() != "none":
            notes.append(f"{shown(alias)}: its {name} stays behind; keep this host in ~/.ssh/config for that")
    if address := _expanded(first.get("hostname", alias), alias, notes):
        fields["address"] = address if address != alias else None
    if "port" in first and first["port"].isascii() and first["port"].isdigit():
        fields["port"] = int(first["port"][:6])
    if user := _expanded(first.get("user", ""), alias, notes):
        fields["user"] = user
    identity = tuple(path for key in keys if (path := _expanded(key, alias, notes)))
    return HostEntry(alias, identity=identity, **fields)


def _expanded(value: str, alias: str, notes: list[str]) -> str | None:
    """`value` with the tokens that a copy can keep: the alias, the home folder, a percent sign."""
    tokens = {"h": alias, "n": alias, "d": "~", "%": "%"}
    unknown = [match[0] for match in _TOKEN.finditer(value) if match[1] not in tokens]
    if unknown:
        notes.append(f"{shown(alias)}: {shown(value)} is left out, {unknown[0]} is known only to OpenSSH")
        return None
    return _TOKEN.sub(lambda match: tokens[match[1]], value)


def _holds(patterns: Sequence[str], alias: str) -> bool:
    """Whether a `Host` line with these patterns applies to `alias`."""
    if any(_matches(pattern[1:], alias) for pattern in patterns if pattern.startswith("!")):
        return False
    return any(_matches(pattern, alias) for pattern in patterns)


def _matches(pattern: str, alias: str) -> bool:
    """OpenSSH knows `*` and `?` and no brackets."""
    if "*" not in pattern and "?" not in pattern:
        return pattern == alias
    expression = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    return re.fullmatch(expression, alias, re.DOTALL) is not None
