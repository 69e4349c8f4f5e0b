"""Names of units: what is one, templates and their instances, and the specifiers for parts of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from console.model.text import clean

#: What fleet took a name to be at most (api/units.go, from systemd of its day), in characters.
NAME_MAX = 256

#: Every type fleet accepted. systemd dropped busname and snapshot; it will say so in its own words.
TYPES = (
    "service",
    "socket",
    "busname",
    "target",
    "snapshot",
    "device",
    "mount",
    "automount",
    "swap",
    "timer",
    "path",
    "slice",
    "scope",
)

#: The types whose settings reach processes, by the section that holds them (systemd.resource-control(5)).
CGROUP_SECTIONS = {
    "service": "Service",
    "socket": "Socket",
    "mount": "Mount",
    "swap": "Swap",
    "slice": "Slice",
    "scope": "Scope",
}

_CHARACTER = re.compile(r"[A-Za-z0-9:\-_.\\@]")
_SPECIFIER = re.compile("%(.?)", re.DOTALL)
_KNOWN_SPECIFIERS = "nNpi"


@dataclass(frozen=True)
class UnitName:
    """A unit's name and its parts: `web@3.service` is `web`, `3` and `service`.

    The instance is what stands behind the first `@`; None for a unit without one, empty for a template.
    """

    full: str

    @cached_property
    def name(self) -> str:
        """Without its type: `web@3`."""
        return self.full.rpartition(".")[0]

    @cached_property
    def type(self) -> str:
        return self.full.rpartition(".")[2]

    @cached_property
    def prefix(self) -> str:
        return self.name.partition("@")[0]

    @cached_property
    def instance(self) -> str | None:
        _, at, instance = self.name.partition("@")
        return instance if at else None

    @property
    def is_template(self) -> bool:
        return self.instance == ""

    @property
    def template(self) -> str | None:
        """The template it is an instance of, `web@.service`; None if there is no `@` in it."""
        return None if self.instance is None else f"{self.prefix}@.{self.type}"

    def instantiate(self, instance: str) -> str:
        """The name of one instance of this template."""
        return f"{self.prefix}@{instance}.{self.type}"


def name_fault(name: str) -> str | None:
    """Why `name` cannot be a unit's, in fleet's words (api/units.go, ValidateName); None if it can."""
    if not name:
        return "unit name cannot be empty"
    if len(name) > NAME_MAX:
        return f"unit name exceeds maximum length ({NAME_MAX})"
    front, dot, suffix = name.rpartition(".")
    if not dot:
        return 'unit name must contain "."'
    if not suffix:
        return 'unit name cannot end in "."'
    if suffix not in TYPES:
        return f'invalid unit type: "{clean(suffix, 40)}"'
    for char in front:
        if not _CHARACTER.match(char):
            return f"invalid character {clean(char)!r} in unit name"
    if name.startswith("@"):
        return 'unit name cannot start in "@"'
    if not front:
        # fleet let `.service` pass, and systemd refused it on the host.
        return "unit name cannot be a type alone"
    return None


def expand(text: str, unit: UnitName) -> str:
    """`text` with the specifiers fleet knew, one after the other as it did (job/job.go, unitPrintf).

    `%n` is the full name, `%N` the name without its type, `%p` the prefix, `%i` the instance. Others stay as
    they are: fleet left `%H` and `%m` alone, and the host is not known before the instance is placed.
    """
    if "%" not in text:
        return text
    text = text.replace("%n", unit.full).replace("%N", unit.name)
    return text.replace("%p", unit.prefix).replace("%i", unit.instance or "")


def unknown_specifier(text: str) -> str | None:
    """The first specifier in `text` that stands for nothing here, such as `%H`."""
    for found in _SPECIFIER.finditer(text):
        if not found[1] or found[1] not in _KNOWN_SPECIFIERS:
            return found[0]
    return None
