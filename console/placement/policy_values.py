"""What a value in `[X-Quarterdeck]` may be: one converter a kind.

A converter takes the text behind the `=` and the unit it is about, and returns what the policy holds, or
raises `Rejected` with what is wrong and what is accepted.
"""

from __future__ import annotations

import re

from console.errors import UsageError
from console.model.selector import KeyTerm, NameTerm, Selector, is_glob
from console.model.text import clean
from console.placement.policy import AnyOf, Preference, QoS
from console.placement.unit_name import TYPES, UnitName, name_fault, unknown_specifier

_TRUE = frozenset({"1", "yes", "y", "true", "t", "on"})  # systemd.syntax(7)
_FALSE = frozenset({"0", "no", "n", "false", "f", "off"})
_CPU = re.compile(r"(\d{1,6})(?:\.(\d{1,3}))?|(\d{1,9})m")
_MEMORY = re.compile(r"(\d{1,18})([KMGT]?)B?", re.IGNORECASE)
_SIZES = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}")  # as the fleet file has them
_HOST = re.compile(r"[A-Za-z0-9%][A-Za-z0-9._%-]{0,62}")
_WEIGHT = re.compile(r"([+-]?\d{1,4})\s+(.+)", re.DOTALL)
_DEFAULT_WEIGHT = 50
_MOST_REPLICAS = 10_000
SELF = "self"


class Rejected(ValueError):
    """A value cannot be accepted; the message says what is."""

    def __init__(self, wrong: str, accepted: str) -> None:
        super().__init__(f"{wrong}; accepted: {accepted}")


def shown(text: str) -> str:
    return f"'{clean(text, 60)}'"


def printable(text: str) -> None:
    """:raises Rejected: a terminal would act on it where it is shown."""
    if not text.replace("\t", " ").isprintable():
        raise Rejected(f"{shown(text)} holds a control character", "printable text")


def boolean(text: str, unit: UnitName) -> bool:
    word = text.lower()
    if word not in _TRUE and word not in _FALSE:
        raise Rejected(f"{shown(text)} is neither yes nor no", "yes or no")
    return word in _TRUE


def replicas(text: str, unit: UnitName) -> int:
    return _integer(text, 0, _MOST_REPLICAS)


def max_per_host(text: str, unit: UnitName) -> int:
    return _integer(text, 1, _MOST_REPLICAS)


def priority(text: str, unit: UnitName) -> int:
    return _integer(text, 0, 100)


def qos(text: str, unit: UnitName) -> QoS:
    try:
        return QoS(text)
    except ValueError:
        raise Rejected(f"{shown(text)} is not a class", ", ".join(QoS)) from None


def cpu(text: str, unit: UnitName) -> int:
    """Cores (`2`, `0.5`) or thousandths of one (`250m`), to thousandths."""
    found = _CPU.fullmatch(text)
    if not found:
        raise Rejected(f"{shown(text)} is not a number of cores", "cores such as 2 or 0.5, or 250m")
    if found[3] is not None:
        return int(found[3])
    return int(found[1]) * 1000 + int((found[2] or "").ljust(3, "0"))


def memory(text: str, unit: UnitName) -> int:
    """Bytes, with K, M, G, T of 1024 as systemd has them."""
    found = _MEMORY.fullmatch(text)
    if not found:
        raise Rejected(f"{shown(text)} is not a size", "bytes, or 512M, 2G (powers of 1024)")
    return int(found[1]) * _SIZES[found[2].upper()]


def host(text: str, unit: UnitName) -> str:
    _specifiers(text)
    if not _HOST.fullmatch(text):
        raise Rejected(f"{shown(text)} cannot be a host", "the name of one host, or its machine-id")
    return text


def require(text: str, unit: UnitName) -> tuple[AnyOf, ...]:
    """A selector; each of its terms must hold, and one of its names."""
    _specifiers(text)
    try:
        selector = Selector.parse(text)
    except UsageError as error:
        raise Rejected(error.message, error.hint or "a selector such as role=web,zone!=b") from None
    names = tuple(term for term in selector.terms if isinstance(term, NameTerm))
    keys = [term for term in selector.terms if isinstance(term, KeyTerm)]
    if any(term.key == "state" for term in keys):
        raise Rejected(
            f"{shown(text)} asks for a state, which comes and goes",
            "labels, name, os, version, driver; only live hosts take anything",
        )
    return (*((names,) if names else ()), *((term,) for term in keys))


def prefer(text: str, unit: UnitName) -> Preference:
    """A selector, with a weight in front of it if it is not to be 50."""
    found = _WEIGHT.fullmatch(text)
    weight, selector = (int(found[1]), found[2]) if found else (_DEFAULT_WEIGHT, text)
    if not -100 <= weight <= 100 or not weight:
        raise Rejected(f"{weight} is no weight", "-100 to 100 and not 0, then a selector: 80 disk=ssd")
    return Preference(weight, require(selector, unit))


def labels(text: str, unit: UnitName) -> tuple[str, ...]:
    found = text.split()
    for label in found:
        if not _LABEL.fullmatch(label):
            raise Rejected(f"{shown(label)} cannot be a label's name", "labels such as zone, apart by blanks")
    return tuple(found)


def near(text: str, unit: UnitName) -> tuple[tuple[str, ...], ...]:
    """For each word the patterns it stands for; `self` stands as it is."""
    _specifiers(text)
    return tuple((SELF,) if word == SELF else patterns(word, unit) for word in text.split())


def apart(text: str, unit: UnitName) -> tuple[str, ...]:
    _specifiers(text)
    return tuple(
        pattern
        for word in text.split()
        for pattern in (own_patterns(unit) if word == SELF else patterns(word, unit))
    )


def replaces(text: str, unit: UnitName) -> tuple[str, ...]:
    if SELF in text.split():
        raise Rejected("a service cannot replace itself", "other services; a new revision needs no Replaces=")
    return apart(text, unit)


def patterns(word: str, unit: UnitName) -> tuple[str, ...]:
    """The globs of instances that a service's name stands for.

    `db` is `db.service` and every instance of `db@.service`; a template is all its instances; a full name
    or a glob is itself.
    """
    if name_fault(f"{_plain(word)}.service"):
        raise Rejected(f"{shown(word)} cannot name a service", "names or globs of units, or self")
    other = UnitName(word)
    if other.type in TYPES and "." in word:
        return (other.instantiate("*"),) if other.is_template else (word,)
    if is_glob(word):
        return (word,)
    if "@" in word:
        return (f"{word}.service",) if not word.endswith("@") else (f"{word}*.service",)
    return (f"{word}.service", f"{word}@*.service")


def own_patterns(unit: UnitName) -> tuple[str, ...]:
    """What `self` stands for in a unit's own file."""
    return (unit.instantiate("*"),) if unit.is_template else (unit.full,)


def _plain(word: str) -> str:
    """The word with each specifier, and each character that makes a glob, taken for a letter."""
    return re.sub(r"%[nNpi]|[*?\[\]!]", "x", word)


def _specifiers(text: str) -> None:
    if found := unknown_specifier(text):
        why = "the host is not known before an instance is placed" if found in {"%H", "%m"} else "unknown"
        raise Rejected(f"{shown(found)} cannot stand here: {why}", "%n, %N, %p and %i")


def _integer(text: str, low: int, high: int) -> int:
    accepted = f"a whole number from {low} to {high}"
    if not re.fullmatch(r"-?\d{1,12}", text):
        raise Rejected(f"{shown(text)} is not a whole number", accepted)
    if not low <= int(text) <= high:
        raise Rejected(f"{int(text)} is out of range", accepted)
    return int(text)
