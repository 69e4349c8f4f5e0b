"""One pass over a TOML file of the user's: values out, problems noted on the way.

What tables a file may have, and what may stand in them, is data (`Table`); this holds the messages
that are the same for each of them. The fleet file and the themes are read with it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

from console.errors import ConfigError, Problem
from console.fleet.config_values import Converter, Rejected, shown
from console.fleet.toml_lines import Lines, TomlPath, locate


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a file: its keys, and which of them must be there."""

    title: str
    keys: Mapping[str, Converter[Any]]
    required: tuple[str, ...] = ()


class TableReader:
    """A parsed file and what was found wrong with it.

    :param path: the file; relative paths in it start at its folder.
    :param data: what tomllib made of `text`.
    :param tables: what may stand at the top of the file.
    """

    def __init__(self, path: Path, text: str, data: dict[str, Any], tables: Mapping[str, Table]) -> None:
        self.path = path
        self.data = data
        self.problems: list[Problem] = []
        self._text = text
        self._tables = tables
        self._base = path.absolute().parent

    @cached_property
    def _lines(self) -> Lines:
        # Most files are right, and then nobody asks for a line.
        return locate(self._text)

    def check(self) -> None:
        """:raises ConfigError: every problem noted, in the order of the file's lines."""
        if self.problems:
            raise ConfigError(tuple(sorted(self.problems, key=lambda problem: problem.line)))

    def top(self, keys: Collection[str] = ()) -> None:
        """Note what stands at the top of the file and should not.

        :param keys: what may stand there besides the tables.
        """
        for key in self.data:
            if key not in self._tables and key not in keys:
                self.unknown((key,), "", key, (*keys, *self._tables))

    def table(self, table: Table, key: str) -> dict[str, Any]:
        """The values of the top-level table `key` that are right; what is not is noted."""
        return self.values(table, (key,), self.data.get(key, {}))

    def values(self, table: Table, path: TomlPath, found: object, title: str | None = None) -> dict[str, Any]:
        """The values of the table `found` at `path` that are right; what is not is noted."""
        title = title or table.title
        if not isinstance(found, dict):
            self.note(path, f"{title}: {shown(found)} is not a table; accepted: {', '.join(table.keys)}")
            return {}
        right: dict[str, Any] = {}
        for key, value in found.items():
            if key not in table.keys:
                self.unknown((*path, key), title, key, table.keys)
                continue
            try:
                right[key] = table.keys[key](value, self._base)
            except Rejected as error:
                self.rejected((*path, key), f"{title} {key}", error)
        for key in table.required:
            if key not in found:
                self.note(path, f"{title}: {key} is missing; accepted: {', '.join(table.keys)}")
        return right

    def rejected(self, path: TomlPath, what: str, error: Rejected) -> None:
        """Note every fault of the value at `path`, which messages call `what`."""
        for fault in error.faults:
            below = "".join(f" {shown(part)}" for part in fault.at if isinstance(part, str))
            self.note((*path, *fault.at), f"{what}{below}: {fault.text}")

    def unknown(self, path: TomlPath, title: str, key: str, accepted: Collection[str]) -> None:
        """Note a key that is none of `accepted`; it may be one of another table, or misspelt."""
        elsewhere = [other.title for other in self._tables.values() if key in other.keys]
        guess = ""
        if elsewhere:
            guess = f" (it is a key of {' and '.join(elsewhere)})"
        elif near := get_close_matches(key, accepted, 1):
            guess = f" (did you mean {near[0]}?)"
        where = f"{title}: " if title else ""
        names = (
            self._tables[name].title if not title and name in self._tables else name for name in accepted
        )
        self.note(path, f"{where}unknown key {shown(key)}{guess}; accepted: {', '.join(names)}")

    def note(self, path: TomlPath, text: str) -> None:
        """Note a problem with what stands at `path`."""
        self.problems.append(Problem(self.path, self.line(path), text))

    def line(self, path: TomlPath) -> int:
        """The line of `path`, from 1; 0 where that is the whole file."""
        return self._lines.line(path)
