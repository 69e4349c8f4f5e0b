"""The selector language: which hosts, units and containers a line is about.

    role=web,zone!=b        terms joined by commas, all of which must hold
    web1,web2,db*           names and globs: any of them
    web*,zone=a             both

The keys `name os version state driver` are the console's own and come before labels of the same
name; `label.os=` always means the label. Everything is case-sensitive. Globs are those of the
shell (`*`, `?`, `[a-c]`, `[!a]`), in names and in values, and without escapes: a backslash is
itself, as it is in unit names. A text that is equal to the pattern always matches it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from console.errors import UsageError
from console.model.container import Container
from console.model.host import Host
from console.model.text import clean
from console.model.unit import Unit

#: Keys that mean a fact about the host and not a label.
BUILT_IN_KEYS = ("name", "os", "version", "state", "driver")

_LABEL_PREFIX = "label."
_ACCEPTED = "a selector is terms joined by commas: NAME, GLOB*, key=value, key!=value"

#: ID-VARIANT_ID of os-release, to the short name people use for it.
_SHORT_OS_NAMES = {"fedora-coreos": "fcos"}

#: systemd.unit(5): what a name can end in; anything else is a service whose suffix was left out.
_UNIT_TYPES = frozenset(
    ("automount", "device", "mount", "path", "scope", "service", "slice", "socket", "swap", "target", "timer")
)

#: A bracket of a glob, where `!` is at home.
_BRACKET = re.compile(r"\[[^\]]*\]")

#: What makes a pattern a glob.
_GLOBBING = frozenset("*?[")

#: How much of an id a pattern must give to mean a container by it: what lists show.
_ID_PREFIX = 12


def is_glob(pattern: str) -> bool:
    """Whether `pattern` can match a text other than itself."""
    return not _GLOBBING.isdisjoint(pattern)


def glob_matches(pattern: str, text: str) -> bool:
    """Whether `text` is `pattern`, or the glob `pattern` matches all of it."""
    return text == pattern or (is_glob(pattern) and fnmatchcase(text, pattern))


@dataclass(frozen=True, slots=True)
class NameTerm:
    """A bare name or glob."""

    pattern: str

    def matches(self, host: Host) -> bool:
        return glob_matches(self.pattern, host.name)

    def __str__(self) -> str:
        return self.pattern


@dataclass(frozen=True, slots=True)
class KeyTerm:
    """`key=value`, or `key!=value` where `negated`; a host without the key is unequal to any value."""

    key: str
    value: str
    negated: bool = False

    def matches(self, host: Host) -> bool:
        found = any(glob_matches(self.value, text) for text in key_values(host, self.key))
        return found is not self.negated

    def __str__(self) -> str:
        return f"{self.key}{'!=' if self.negated else '='}{self.value}"


@dataclass(frozen=True, slots=True)
class Selector:
    """A parsed selector; `parse` is the only way to one, so it has at least one term."""

    terms: tuple[NameTerm | KeyTerm, ...]

    @classmethod
    def parse(cls, text: str) -> Selector:
        """The selector that `text` spells. Blanks around terms, keys and values do not count.

        :raises UsageError: the term that cannot be read, and what is accepted.
        """
        if not text.strip():
            raise UsageError("the selector is empty", hint=_ACCEPTED)
        return cls(tuple(_term(part.strip(), text) for part in text.split(",")))

    def format(self) -> str:
        """The selector as text; `parse` makes the same selector of it."""
        return ",".join(str(term) for term in self.terms)

    def __str__(self) -> str:
        return self.format()

    def matches_host(self, host: Host) -> bool:
        names = [term for term in self.terms if isinstance(term, NameTerm)]
        if names and not any(term.matches(host) for term in names):
            return False
        return all(term.matches(host) for term in self.terms if isinstance(term, KeyTerm))

    def unknown_names(self, hosts: Iterable[Host]) -> tuple[str, ...]:
        """The plain names in it that none of `hosts` bears: a misspelling, most likely."""
        known = {host.name for host in hosts}
        return tuple(
            term.pattern
            for term in self.terms
            if isinstance(term, NameTerm) and not is_glob(term.pattern) and term.pattern not in known
        )


@dataclass(frozen=True, slots=True)
class NamePatterns:
    """Names and globs of units or of containers, any of which may match; none at all match everything."""

    patterns: tuple[str, ...] = ()

    @classmethod
    def parse(cls, words: Iterable[str]) -> NamePatterns:
        """One pattern a word.

        :raises UsageError: a word is empty.
        """
        patterns = tuple(words)
        if "" in patterns:
            raise UsageError("a name is empty", hint="give a name or a glob such as 'web*'")
        return cls(patterns)

    def matches_unit(self, name: str) -> bool:
        """As systemctl reads it: a plain name without a unit's suffix means the service."""
        return not self.patterns or any(
            glob_matches(pattern, name) or (not _has_unit_type(pattern) and name == f"{pattern}.service")
            for pattern in self.patterns
        )

    def full_unit_names(self) -> tuple[str, ...]:
        """The units meant by those patterns that are plain names."""
        return tuple(
            pattern if _has_unit_type(pattern) else f"{pattern}.service"
            for pattern in self.patterns
            if not is_glob(pattern)
        )

    def matches_container(self, container: Container) -> bool:
        """By any of its names, or by its id from the 12th character on, as lists show it."""
        return not self.patterns or any(
            any(glob_matches(pattern, name) for name in (container.name, *container.names))
            or (len(pattern) >= _ID_PREFIX and container.id.startswith(pattern))
            for pattern in self.patterns
        )


def state_words(text: str) -> frozenset[str]:
    """The words of `--state failed,activating`. Which words exist is systemd's and docker's to say.

    :raises UsageError: a word between two commas is missing.
    """
    words = [word.strip() for word in text.split(",")]
    if "" in words:
        raise UsageError(
            f"a word is missing in the states {_shown(text)}",
            hint="join states with single commas: failed,activating",
        )
    return frozenset(words)


def host_in_state(host: Host, words: Collection[str]) -> bool:
    """Whether the host's state is one of `words`; no words are no condition."""
    return not words or host.state.value in words


def unit_in_state(unit: Unit, words: Collection[str]) -> bool:
    """Whether the unit's load, active, sub or health is one of `words`; no words are no condition."""
    return not words or any(word in words for word in (unit.load, unit.active, unit.sub, unit.health.value))


def container_in_state(container: Container, words: Collection[str]) -> bool:
    """Whether the container's state or health is one of `words`; no words are no condition."""
    return (
        not words or container.state in words or (container.health is not None and container.health in words)
    )


def _term(part: str, whole: str) -> NameTerm | KeyTerm:
    if not part:
        raise UsageError(f"a term is missing in {_shown(whole)}", hint=_ACCEPTED)
    before, equals, value = (piece.strip() for piece in part.partition("="))
    if not equals:
        return _name_term(part)
    negated = before.endswith("!")
    key = before.removesuffix("!").rstrip()
    if not key.removeprefix(_LABEL_PREFIX):
        raise UsageError(f"{_shown(part)} has no key before the {'!=' if negated else '='}", hint=_ACCEPTED)
    if any(char in "!*?[" or char.isspace() for char in key):
        raise UsageError(
            f"{_shown(key)} in {_shown(part)} is not a key",
            hint="a key is one of " + ", ".join(BUILT_IN_KEYS) + ", or a label's; globs go in values",
        )
    if not value:
        raise UsageError(
            f"{_shown(part)} has no value", hint=f"to ask whether a label is set, write {key}=* or {key}!=*"
        )
    if value.startswith("="):
        raise UsageError(f"{_shown(part)} has one = too many", hint="write key=value or key!=value")
    return KeyTerm(key, value, negated)


def _name_term(part: str) -> NameTerm:
    if "!" in _BRACKET.sub("", part):
        raise UsageError(
            f"{_shown(part)} is not a name", hint="to leave some out, write name!=NAME or key!=value"
        )
    if part.rfind("[") > part.rfind("]"):
        raise UsageError(
            f"{_shown(part)} has a [ without its ]", hint="write web[1-3], or name the hosts one by one"
        )
    return NameTerm(part)


def key_values(host: Host, key: str) -> tuple[str, ...]:
    """What the host answers to `key`: nothing where it lacks it, more than one where it has several names."""
    facts = host.facts
    match key:
        case "name":
            return (host.name,)
        case "state":
            return (host.state.value,)
        case "os":
            return _os_names(facts.os, facts.variant)
        case "version":
            return (facts.version,) if facts.version is not None else ()
        case "driver":
            return (host.driver,) if host.driver is not None else ()
        case _:
            label = host.labels.get(key.removeprefix(_LABEL_PREFIX))
            return (label,) if label is not None else ()


def _os_names(name: str | None, variant: str | None) -> tuple[str, ...]:
    """`fedora`; with a variant `fedora-coreos` too, and the short name where there is one."""
    if name is None:
        return ()
    if not variant:
        return (name,)
    full = f"{name}-{variant}"
    short = _SHORT_OS_NAMES.get(full)
    return (name, full, short) if short else (name, full)


def _has_unit_type(pattern: str) -> bool:
    return pattern.rpartition(".")[2] in _UNIT_TYPES and "." in pattern


def _shown(text: str) -> str:
    return f"'{clean(text, 80)}'"
