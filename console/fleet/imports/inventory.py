"""An Ansible inventory as it is read: groups, their hosts with ranges written out, their variables."""

from __future__ import annotations

import itertools
import math
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from console.errors import Problem

_RANGE = re.compile(r"\[(\w*):(\w+)(?::(\d{1,9}))?\]", re.ASCII)
_PORT = re.compile(r"(?P<host>(?:[^:\[\]]|\[[^\]]*\])+):(?P<port>\d{1,5})")

#: More hosts than this behind one name are a mistyped range.
_MOST_HOSTS = 10_000


class BadRange(ValueError):
    """A range in a host's name that cannot be written out."""


@dataclass(slots=True)
class Group:
    """One group as it is being read."""

    hosts: dict[str, dict[str, str]] = field(default_factory=dict)
    children: dict[str, None] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Inventory:
    """Groups by name, in the order of the file, and what is wrong with it."""

    path: Path
    groups: dict[str, Group] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def group(self, name: str) -> Group:
        return self.groups.setdefault(name, Group())

    def wrong(self, line: int, text: str) -> None:
        self.problems.append(Problem(self.path, line, text))

    def add_host(self, group: str, pattern: str, variables: Mapping[str, str]) -> None:
        """Put every host that `pattern` names into `group`.

        :raises BadRange: it names none, or too many.
        """
        own = dict(variables)
        if match := _PORT.fullmatch(pattern):
            pattern = match["host"]
            own.setdefault("ansible_port", match["port"])
        for name in expand(pattern):
            self.group(group).hosts.setdefault(name, {}).update(own)


def expand(pattern: str) -> list[str]:
    """Every name that `web[01:03]`, `db-[a:c]` or `n[0:10:5]` stands for.

    :raises BadRange: the range ends before it starts, mixes letters and digits, or is too long.
    """
    parts = _RANGE.split(pattern)
    texts = parts[::4]
    choices = [_range(*parts[at : at + 3]) for at in range(1, len(parts), 4)]
    if math.prod(map(len, choices)) > _MOST_HOSTS:
        raise BadRange(f"more than {_MOST_HOSTS} hosts")
    return [
        texts[0] + "".join(map("".join, zip(chosen, texts[1:], strict=True)))
        for chosen in itertools.product(*choices)
    ]


def _range(first: str, last: str, step: str | None) -> list[str]:
    stride = int(step) if step else 1
    if not stride:
        raise BadRange("a step of 0")
    if (first.isdigit() or not first) and last.isdigit() and max(len(first), len(last)) <= 9:
        padded = len(first) > 1 and first.startswith("0")
        if padded and len(first) != len(last):
            raise BadRange(f"{first} and {last} are not of the same length")
        numbers = range(int(first or "0"), int(last) + 1, stride)
        if len(numbers) > _MOST_HOSTS:
            raise BadRange(f"more than {_MOST_HOSTS} hosts")
        chosen = [str(number).zfill(len(first) if padded else 0) for number in numbers]
    elif len(first) == len(last) == 1 and first.isalpha() and last.isalpha():
        letters = string.ascii_letters
        chosen = list(letters[letters.index(first) : letters.index(last) + 1 : stride])
    else:
        raise BadRange(f"{first}:{last} is no range of numbers or letters")
    if not chosen:
        raise BadRange(f"{first}:{last} ends before it starts")
    return chosen
