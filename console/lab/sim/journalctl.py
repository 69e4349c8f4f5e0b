"""journalctl on a host: its arguments, the entries they select, their export format. Pure but for `Follower`.

Understood are the options the console uses, with journalctl's meaning: -n, -r, -f, --since, --until,
--cursor, --after-cursor, --unit, --priority, --boot, --grep, --case-sensitive, --output-fields, -F, --header
and matches with `+`. A unit is found as journalctl finds it: what it wrote, and what systemd wrote about it.
A text is found by Python's expressions, not by PCRE2's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from console.lab.sim.journal import Entry, Writer, export, fields
from console.lab.sim.machine import Machine
from console.lab.sim.wire import Out

_ALONE = frozenset({"-q", "--no-pager", "-m", "--quiet", "--merge", "--no-tail", "-a", "--all"})


class BadArguments(Exception):
    """journalctl would not take these; its words."""


@dataclass
class Question:
    """What is asked. Times in microseconds of the host's clock."""

    fields: frozenset[str] | None = None
    lines: int | None = None
    backwards: bool = False
    follow: bool = False
    since: int | None = None
    until: int | None = None
    cursor: str | None = None
    after: bool = False
    boot: str | None = None
    priority: int | None = None
    values_of: str | None = None
    grep: str | None = None
    caseless: bool = False
    header: bool = False
    quiet: bool = False
    units: list[str] = field(default_factory=list)
    terms: list[dict[str, set[str]]] = field(default_factory=lambda: [{}])


def question(machine: Machine, argv: Sequence[str]) -> Question:
    """What these arguments ask. :raises BadArguments: they cannot be understood."""
    asked = Question()
    for word in argv[1:]:
        name, equals, value = word.partition("=")
        if word in _ALONE or name in ("-o", "--output") or word in ("export", "cat"):
            asked.quiet = asked.quiet or word == "cat" or value == "cat"
        elif word in ("-r", "--reverse"):
            asked.backwards = True
        elif word in ("-f", "--follow"):
            asked.follow = True
        elif word == "--header":
            asked.header = True
        elif word == "+":
            asked.terms.append({})
        elif not word.startswith("-") and equals:
            asked.terms[-1].setdefault(name, set()).add(value)
        elif not equals:
            raise BadArguments(f"unrecognized option '{word}'")
        else:
            _option(machine, asked, name, value)
    return asked


def _option(machine: Machine, asked: Question, name: str, value: str) -> None:
    match name:
        case "--output-fields":
            asked.fields = frozenset(value.split(","))
        case "--lines":
            asked.lines = None if value == "all" else int(value)
        case "--since":
            asked.since = _moment(machine, value)
        case "--until":
            asked.until = _moment(machine, value)
        case "--cursor" | "--after-cursor":
            asked.cursor, asked.after = value, name == "--after-cursor"
        case "--unit":
            asked.units.append(value)
        case "--priority":
            asked.priority = int(value)
        case "--boot":
            asked.boot = _boot(machine, value)
        case "--field":
            asked.values_of = value
        case "--grep":
            asked.grep = value
        case "--case-sensitive":
            asked.caseless = value == "no"
        case _:
            raise BadArguments(f"unrecognized option '{name}'")


def _moment(machine: Machine, text: str) -> int:
    """`@SECONDS`, or `-SECONDSs` before now, in microseconds."""
    if text.startswith("@"):
        return int(float(text[1:]) * 1_000_000)
    return machine.micros(machine.now) + int(float(text.removesuffix("s")) * 1_000_000)


def _boot(machine: Machine, text: str) -> str:
    """A boot by its id, or by how many boots it is before this one."""
    boots = machine.journal.boots()
    if len(text) == 32:
        if text not in boots:
            raise BadArguments(f"Data from the specified boot ({text}) is not available: No such boot ID")
        return text
    place = int(text or 0)
    index = place - 1 if place > 0 else len(boots) - 1 + place
    if not 0 <= index < len(boots):
        raise BadArguments(f"Data from the specified boot ({text}) is not available: No such boot ID")
    return boots[index]


def selected(machine: Machine, asked: Question) -> list[Entry]:
    """The entries asked for, in the order they are to be printed."""
    journal = machine.journal
    found: Iterable[Entry] = journal.entries
    if asked.cursor is not None:
        found = _from(journal.writer, found, asked.cursor, after=asked.after, back=asked.backwards)
    if asked.since is not None:
        found = (entry for entry in found if entry.time_us >= (asked.since or 0))
    if asked.until is not None:
        found = (entry for entry in found if entry.time_us <= (asked.until or 0))
    entries = [entry for entry in found if fits(journal.writer, entry, asked)]
    if asked.backwards:
        entries.reverse()
    if asked.lines is not None and not asked.follow:
        first = asked.backwards or asked.cursor is not None or asked.since is not None
        entries = (
            entries[: asked.lines] if first else entries[len(entries) - asked.lines :] if asked.lines else []
        )
    return entries


def _from(
    writer: Writer, entries: Iterable[Entry], place: str, *, after: bool, back: bool
) -> Iterable[Entry]:
    """Entries from a cursor on, or back; of one from elsewhere only its time counts, as in sd-journal."""
    parts = dict(part.partition("=")[::2] for part in place.split(";"))
    try:
        number, time = int(parts["i"], 16), int(parts["t"], 16)
    except (KeyError, ValueError):
        raise BadArguments("Failed to seek to cursor: Invalid argument") from None
    ours = parts.get("s") == writer.numbers_id
    for entry in entries:
        distance = entry.number - number if ours else entry.time_us - time
        if (distance < 0 if back else distance > 0) or (distance == 0 and not after):
            yield entry


def fits(writer: Writer, entry: Entry, asked: Question) -> bool:
    """Whether an entry passes the filters."""
    if asked.priority is not None and entry.priority > asked.priority:
        return False
    if asked.boot is not None and entry.boot_id != asked.boot:
        return False
    if asked.grep is not None:
        text = entry.message.decode("utf-8", "replace")
        if not re.search(asked.grep, text, re.IGNORECASE if asked.caseless else 0):
            return False
    if asked.units and not any(fnmatchcase(entry.unit, unit) for unit in asked.units):
        return False
    if asked.terms == [{}]:
        return True
    there = {name: value.decode("utf-8", "replace") for name, value in fields(writer, entry)}
    return any(all(there.get(name) in values for name, values in term.items()) for term in asked.terms)


def printed(machine: Machine, asked: Question) -> bytes:
    """What journalctl writes and then ends, or goes on to follow."""
    writer = machine.journal.writer
    if asked.header:
        return _header(machine)
    if asked.values_of is not None:
        found = {
            value
            for entry in machine.journal.entries
            for name, value in fields(writer, entry)
            if name == asked.values_of
        }
        return b"".join(value + b"\n" for value in sorted(found))
    entries = selected(machine, asked)
    if asked.quiet:
        return b"".join(entry.message + b"\n" for entry in entries)
    return b"".join(export(writer, entry, asked.fields) for entry in entries)


def _header(machine: Machine) -> bytes:
    """What there is to know of the one file that all is in, as far as the console looks at it."""
    entries = machine.journal.entries
    if not entries:
        return b""
    first, last = entries[0], entries[-1]
    return (
        f"File path: /var/log/journal/{machine.journal.writer.machine_id}/system.journal\n"
        f"Sequential number ID: {machine.journal.writer.numbers_id}\n"
        f"Head sequential number: {first.number} ({first.number:x})\n"
        f"Tail sequential number: {last.number} ({last.number:x})\n"
        f"Head realtime timestamp: {first.time_us} ({first.time_us:x})\n"
        f"Tail realtime timestamp: {last.time_us} ({last.time_us:x})\n"
        f"Entry objects: {len(entries)}\n\n"
    ).encode()


class Follower:
    """A running `journalctl -f`; see `Service`."""

    def __init__(self, machine: Machine, asked: Question, out: Out) -> None:
        self._journal = machine.journal
        self._asked = asked
        self._out = out
        out.write(printed(machine, asked))
        self._journal.heard.append(self._heard)

    def received(self, data: bytes) -> None:
        """It reads nothing."""

    def finished(self) -> None:
        """It goes on without stdin."""

    def closed(self) -> None:
        if self._heard in self._journal.heard:
            self._journal.heard.remove(self._heard)

    def _heard(self, entry: Entry) -> None:
        if fits(self._journal.writer, entry, self._asked):
            self._out.write(export(self._journal.writer, entry, self._asked.fields))
