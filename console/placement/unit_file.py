"""systemd's unit files: read with line numbers, and written.

The source is systemd.syntax(7) and what systemd's own parser does (src/shared/conf-parser.c): a line that
ends in an odd number of backslashes goes on in the next one that is no comment, with a blank for the
backslash; blanks around names and values do not count; a key may stand many times. fleet read the same
files with go-systemd's `unit.Deserialize`, which refuses a section without its `]` and a line without
`=`, where systemd ignores them. We refuse them too: a line that counts for nothing is a misspelling.
Assignments before the first section are ignored by both, and told here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from console.model.text import clean

#: A longer text is no unit file, in characters. etcd takes values up to 1.5 MiB.
LIMIT = 256 * 1024

_COMMENT = ("#", ";")


@dataclass(frozen=True, slots=True)
class Option:
    """One assignment. `line` is where it begins, from 1; 0 for one that was made and not read."""

    section: str
    name: str
    value: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in a text. `line` counts from 1; 0 means the text as a whole."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class UnitFile:
    """What a unit file says.

    :param options: every assignment, in the order of the file.
    :param sections: each section that is opened, with the line where that is first done.
    :param faults: what cannot be read.
    :param ignored: what systemd will ignore.
    """

    options: tuple[Option, ...]
    sections: dict[str, int]
    faults: tuple[Fault, ...] = ()
    ignored: tuple[Fault, ...] = ()

    def of_section(self, section: str) -> tuple[Option, ...]:
        """The assignments of one section, wherever in the file it is opened."""
        return tuple(option for option in self.options if option.section == section)

    def values(self, section: str, name: str) -> tuple[str, ...]:
        """The values of a key that takes many: an empty assignment drops those before it."""
        return tuple(option.value for option in standing(self.of_section(section), name))

    @property
    def description(self) -> str | None:
        """The last `Description=`, as systemd takes it."""
        found = self.values("Unit", "Description")
        return found[-1] if found else None


def standing(options: Iterable[Option], name: str) -> tuple[Option, ...]:
    """The assignments of `name` that count: those since the last empty one."""
    kept: list[Option] = []
    for option in options:
        if option.name == name:
            if option.value:
                kept.append(option)
            else:
                kept.clear()
    return tuple(kept)


def parse(text: str) -> UnitFile:
    """Read a unit file. Never raises: what is wrong is in the result, all of it."""
    if len(text) > LIMIT:
        return UnitFile((), {}, (Fault(0, f"longer than {LIMIT // 1024} KiB; no unit file is"),))
    options: list[Option] = []
    sections: dict[str, int] = {}
    faults: list[Fault] = []
    ignored: list[Fault] = []
    section: str | None = None
    for number, line in _logical_lines(text):
        if line.startswith("["):
            if not line.endswith("]"):
                rest = line.partition("]")[2].strip()
                after = f"; {_shown(rest)} stands behind it" if rest else "; its ] is missing"
                faults.append(Fault(number, f"{_shown(line)} is not a section{after}"))
                continue
            section = line[1:-1]
            sections.setdefault(section, number)
            continue
        name, equals, value = line.partition("=")
        name = name.rstrip()
        if section is None:
            ignored.append(Fault(number, f"{_shown(line)} stands before the first section and is ignored"))
        elif not equals:
            faults.append(Fault(number, f"{_shown(line)} is not an assignment; accepted: Name=value"))
        elif not name:
            faults.append(Fault(number, f"{_shown(line)} has no name before the ="))
        else:
            options.append(Option(section, name, value.strip(), number))
    return UnitFile(tuple(options), sections, tuple(faults), tuple(ignored))


def serialise(options: Iterable[Option]) -> str:
    """A unit file with these assignments, in this order; `parse` finds the same ones in it."""
    lines: list[str] = []
    section: str | None = None
    for option in options:
        if option.section != section:
            section = option.section
            lines += ["", f"[{section}]"] if lines else [f"[{section}]"]
        lines.append(f"{option.name}={option.value}")
    return "".join(f"{line}\n" for line in lines)


def _logical_lines(text: str) -> Iterable[tuple[int, str]]:
    """Lines with their continuations joined, comments and empty ones left out, each with its first number."""
    begun = 0
    parts: list[str] = []
    # Not splitlines: a form feed or a Unicode line separator ends no line for systemd.
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        line = raw.removesuffix("\r").lstrip(" \t\r")
        if line.startswith(_COMMENT) or (not line and not parts):
            continue
        if not parts:
            begun = number
        # Two backslashes are one that is meant: only an odd one out goes on.
        if (len(line) - len(line.rstrip("\\"))) % 2:
            parts.append(line[:-1] + " ")
            continue
        parts.append(line)
        yield from _joined(begun, parts)
        parts = []
    yield from _joined(begun, parts)


def _joined(begun: int, parts: list[str]) -> Iterable[tuple[int, str]]:
    whole = "".join(parts).strip(" \t\r")
    if whole:
        yield begun, whole


def _shown(text: str) -> str:
    return f"'{clean(text, 60)}'"
