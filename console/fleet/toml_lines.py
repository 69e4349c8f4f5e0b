"""Where in a TOML file each key stands.

tomllib gives values without places, and a message about a user's file needs the line. This follows
the text as TOML 1.0 (https://toml.io/en/v1.0.0) spells it and notes a line for every table, key and
array element. It judges nothing: it is made for text that tomllib accepts, and of any other text it
tells the places up to the point where it loses track.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping

#: From the top of the file: keys, and positions in arrays, `("host", 0, "labels", "role")`.
TomlPath = tuple[str | int, ...]

_SKIP = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_KEY = re.compile(r'"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|[A-Za-z0-9_-]+')
#: A closing of three quotes may be preceded by two that belong to the text, hence the `{0,2}`.
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
#: Numbers, booleans, dates; a date may hold a blank.
_BARE = re.compile(r"[^,\]}#\n]+")


class LostTrack(ValueError):
    """The text is not TOML from here on."""


class Lines:
    """The lines of a TOML text, counted from 1."""

    def __init__(self, places: Mapping[TomlPath, int]) -> None:
        self._places = places

    def line(self, path: TomlPath) -> int:
        """The line of `path`, or of the nearest table around it; 0 where that is the whole file."""
        while path:
            if path in self._places:
                return self._places[path]
            path = path[:-1]
        return 0


def locate(text: str) -> Lines:
    """Find the places in `text`."""
    scanner = _Scanner(text)
    try:
        scanner.document()
    except (LostTrack, RecursionError):
        # The caller's message is about something else; the lines found so far still serve it.
        return Lines(scanner.places)
    return Lines(scanner.places)


class _Scanner:
    def __init__(self, text: str) -> None:
        self.places: dict[TomlPath, int] = {}
        self._text = text
        self._at = 0
        self._line_starts = [match.end() for match in re.finditer("\n", text)]
        self._lengths: dict[TomlPath, int] = {}  # of the arrays of tables: [[these]]

    def document(self) -> None:
        table: TomlPath = ()
        while self._skip():
            if self._take("[["):
                table = self._header(array=True)
                self._expect("]]")
            elif self._take("["):
                table = self._header(array=False)
                self._expect("]")
            else:
                self._pair(table)

    def _header(self, *, array: bool) -> TomlPath:
        """The path that a header opens, the elements of arrays on its way included."""
        *before, (last, line) = self._dotted()
        path: TomlPath = ()
        for key, _ in before:
            path = self._into_last((*path, key))
            self.places.setdefault(path, line)
        path = (*path, last)
        if array:
            index = self._lengths.get(path, 0)
            self._lengths[path] = index + 1
            self.places.setdefault(path, line)
            path = (*path, index)
        self.places[path] = line
        return path

    def _into_last(self, path: TomlPath) -> TomlPath:
        length = self._lengths.get(path)
        return path if length is None else (*path, length - 1)

    def _pair(self, table: TomlPath) -> None:
        path = table
        for key, line in self._dotted():
            path = (*path, key)
            self.places.setdefault(path, line)
        self._expect("=")
        self._value(path)

    def _value(self, path: TomlPath) -> None:
        self._skip()
        if self._take("["):
            index = 0
            while self._skip() and not self._take("]"):
                self.places[(*path, index)] = self._line()
                self._value((*path, index))
                index += 1
                self._comma("]")
        elif self._take("{"):
            while self._skip() and not self._take("}"):
                self._pair(path)
                self._comma("}")
        else:
            self._match(_STRING if self._text[self._at : self._at + 1] in {'"', "'"} else _BARE)

    def _dotted(self) -> list[tuple[str, int]]:
        keys = [self._key()]
        while self._skip() and self._take("."):
            keys.append(self._key())
        return keys

    def _key(self) -> tuple[str, int]:
        self._skip()
        line = self._line()
        raw = self._match(_KEY)
        if raw[0] == '"':
            # tomllib reads the escapes, so that the key is spelt here as in its answer.
            try:
                return tomllib.loads(f"key = {raw}")["key"], line
            except tomllib.TOMLDecodeError as error:
                raise LostTrack(str(error)) from error
        return raw.strip("'"), line

    def _comma(self, end: str) -> None:
        self._skip()
        if not self._take(",") and not self._text.startswith(end, self._at):
            raise LostTrack(f"neither , nor {end} in line {self._line()}")

    def _skip(self) -> bool:
        """Pass blanks, line ends and comments; whether anything is left."""
        match = _SKIP.match(self._text, self._at)
        if match:
            self._at = match.end()
        return self._at < len(self._text)

    def _take(self, token: str) -> bool:
        if self._text.startswith(token, self._at):
            self._at += len(token)
            return True
        return False

    def _expect(self, token: str) -> None:
        self._skip()
        if not self._take(token):
            raise LostTrack(f"no {token} in line {self._line()}")

    def _match(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if not match:
            raise LostTrack(f"nothing to read in line {self._line()}")
        self._at = match.end()
        return match.group()

    def _line(self) -> int:
        return bisect_right(self._line_starts, self._at) + 1
