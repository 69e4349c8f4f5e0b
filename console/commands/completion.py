"""What can come next on a line, from the registry. Pure: names of hosts and the like are told by `Known`.

It forgives what is wrong elsewhere on the line: completion helps while a line is not right yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from console.commands.command import Command, Parameter, Shape
from console.commands.grammar import GLOBALS, options_of
from console.commands.registry import Registry
from console.model.selector import BUILT_IN_KEYS


@dataclass(frozen=True, slots=True)
class Candidate:
    """A word that can stand there; one that ends with `=` goes on."""

    text: str
    help: str = ""


#: What there is of a kind of value, by its metavar (`HOST`, `SELECTOR`), on a line of these words.
Known = Callable[[str, Sequence[str]], Iterable[Candidate]]


#: Hosts: their names and labels.
Labelled = Iterable[tuple[str, Mapping[str, str]]]


@dataclass(slots=True)
class _Line:
    """The words ahead, as far as they can be understood."""

    command: type[Command] | None = None
    names: tuple[str, ...] = ()
    arguments: int = 0
    waiting: Parameter | None = None  # an option whose value comes next
    rest: bool = False  # `--` was said
    used: frozenset[str] = frozenset()


def names(hosts: Labelled) -> Iterator[Candidate]:
    """These hosts, with their labels beside them."""
    for name, labels in hosts:
        yield Candidate(name, ",".join(_said(labels)))


def terms(hosts: Labelled) -> Iterator[Candidate]:
    """What a selector over these hosts can say: names, labels, keys."""
    hosts = list(hosts)
    yield from names(hosts)
    yield from map(Candidate, sorted({term for _, labels in hosts for term in _said(labels)}))
    yield from (Candidate(f"{key}=") for key in BUILT_IN_KEYS)


def _said(labels: Mapping[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in labels.items()]


def complete(words: Sequence[str], typed: str, registry: Registry, known: Known) -> list[Candidate]:
    """The words that can stand where `typed` is, those that begin with it.

    :param words: those before it, without the program's name.
    """
    line = _understood(words, registry)
    found = list(_candidates(line, words, typed, registry, known))
    return [one for one in found if one.text.startswith(typed)]


def _candidates(
    line: _Line, words: Sequence[str], typed: str, registry: Registry, known: Known
) -> Iterator[Candidate]:
    if line.waiting is not None:
        yield from _values(line.waiting, words, typed, known)
    elif typed.startswith("-") and not line.rest:
        flag, equals, value = typed.partition("=")
        if not equals:
            yield from _flags(line)
        elif parameter := _flag(flag, line.command):
            for one in _values(parameter, words, value, known):
                yield Candidate(f"{flag}={one.text}", one.help)
    elif line.command is None:
        yield from _names(line.names, registry)
    else:
        yield from _arguments(line, words, typed, known)


def _understood(words: Sequence[str], registry: Registry) -> _Line:
    line = _Line()
    used: set[str] = set()
    at = iter(words)
    for word in at:
        if word == "--" and not line.rest:
            line.rest = True
        elif line.rest or not word.startswith("-") or word == "-":
            _take(line, word, registry)
        elif parameter := _flag(word.partition("=")[0], line.command):
            if not parameter.many:
                used.add(parameter.flag)
            if parameter.shape is Shape.OPTION and "=" not in word and next(at, None) is None:
                line.waiting = parameter
    line.used = frozenset(used)
    return line


def _take(line: _Line, word: str, registry: Registry) -> None:
    if line.command is not None:
        line.arguments += 1
        return
    line.names = (*line.names, word)
    found = registry.find(line.names)
    if found and len(line.names) >= registry.longest(line.names[0]):
        line.command, named = found
        line.arguments = len(line.names) - named


def _flag(flag: str, command: type[Command] | None) -> Parameter | None:
    for parameter in options_of(command):
        if parameter.shape in (Shape.OPTION, Shape.SWITCH) and flag in (parameter.flag, parameter.short):
            return parameter
    return None


def _flags(line: _Line) -> Iterator[Candidate]:
    for parameter in options_of(line.command):
        if parameter.shape is Shape.SWITCH and parameter.flag not in line.used:
            yield Candidate(parameter.flag, parameter.help)
        elif parameter.shape is Shape.OPTION and parameter.flag not in line.used:
            yield Candidate(f"{parameter.flag}=", parameter.help)


def _names(names: tuple[str, ...], registry: Registry) -> Iterator[Candidate]:
    """Nouns, and verbs of a noun; other names of a command count."""
    seen: set[str] = set()
    for command in registry:
        for full in (command.words, *command.aliases):
            if full[: len(names)] == names and len(full) > len(names) and full[len(names)] not in seen:
                word = full[len(names)]
                seen.add(word)
                yield Candidate(word, command.summary() if len(full) == len(names) + 1 else "")


def _arguments(line: _Line, words: Sequence[str], typed: str, known: Known) -> Iterator[Candidate]:
    assert line.command is not None
    places = [p for p in line.command.parameters() if p.shape is Shape.ARGUMENT]
    if line.rest and any(p.shape is Shape.REST for p in line.command.parameters()):
        return  # a command of the host's own
    place = line.arguments
    if places and (place < len(places) or places[-1].many):
        yield from _values(places[min(place, len(places) - 1)], words, typed, known)


def _values(parameter: Parameter, words: Sequence[str], typed: str, known: Known) -> Iterator[Candidate]:
    if parameter.value.choices:
        yield from (Candidate(choice) for choice in parameter.value.choices)
        return
    # A selector's terms stand side by side; the last one is being typed.
    head = typed[: typed.rfind(",") + 1] if parameter.value.metavar == "SELECTOR" else ""
    metavar = "FLEET" if parameter in GLOBALS and parameter.name == "fleet" else parameter.value.metavar
    for one in known(metavar, words):
        yield Candidate(head + one.text, one.help)
