"""What a macro's line can be besides a command: `wait` and `assert`. Pure.

wait 10s
assert unit web@* active --on role=web within 60s
assert unit web@* not failed
assert container api running,healthy within 2m
assert host web1 live within 5m
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.commands.values import format_duration, parse_duration
from console.errors import UsageError
from console.model.container import Container
from console.model.host import Host
from console.model.selector import (
    NamePatterns,
    Selector,
    container_in_state,
    host_in_state,
    is_glob,
    state_words,
    unit_in_state,
)
from console.model.state import Source, State
from console.model.unit import Unit

if TYPE_CHECKING:
    from console.fleet.model import FleetModel

NOUNS = ("unit", "container", "host")
_FORM = "assert unit|container|host NAME… [not] STATE [--on SELECTOR] [within DURATION]"


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for so many seconds."""

    seconds: float

    def __str__(self) -> str:
        return f"wait {format_duration(self.seconds)}"


@dataclass(frozen=True, slots=True)
class Assertion:
    """Something that must be so, now or within so many seconds.

    :param states: any of them will do; none of them must be, if `negated`.
    """

    noun: str
    patterns: tuple[str, ...]
    states: frozenset[str]
    negated: bool = False
    on: Selector | None = None
    within: float = 0.0

    def __str__(self) -> str:
        claim = [*self.patterns, *(["not"] if self.negated else []), ",".join(sorted(self.states))]
        options = [f"--on={self.on}"] if self.on else []
        options += ["within", format_duration(self.within)] if self.within else []
        if any(word.startswith("-") or word == "within" for word in claim):
            return shlex.join(["assert", self.noun, *options, "--", *claim])
        return shlex.join(["assert", self.noun, *claim, *options])


def parse_statement(words: Sequence[str]) -> Wait | Assertion | None:
    """The statement that `words` are; None where they are a command's.

    :raises UsageError: what is wrong with it.
    """
    match list(words):
        case ["wait", duration]:
            return Wait(parse_duration(duration))
        case ["wait", *_]:
            raise UsageError("wait: say how long, and nothing else", hint="wait 10s")
        case ["assert", *rest]:
            return _assertion(rest)
    return None


def _assertion(words: list[str]) -> Assertion:
    on: Selector | None = None
    within = 0.0
    left: list[str] = []
    behind = False
    at = iter(words)
    for word in at:
        if behind:
            left.append(word)
        elif word == "--":
            behind = True
        elif word == "--on" or word.startswith("--on="):
            on = Selector.parse(word[5:] if "=" in word else _next(at, "--on needs a SELECTOR"))
        elif word == "within":
            within = parse_duration(_next(at, "within needs a DURATION"))
        elif word.startswith("-") and word != "-":
            raise UsageError(f"assert: no option {word}", hint=_FORM)
        else:
            left.append(word)
    if not left or left[0] not in NOUNS:
        raise UsageError("assert: say of what", hint=_FORM)
    noun, *names = left
    if not names:
        raise UsageError(f"assert {noun}: say what it must be", hint=_FORM)
    *names, states = names
    negated = bool(names) and names[-1] == "not"
    if negated:
        names.pop()
    if not names and noun != "host":
        raise UsageError(f"assert {noun}: say which, and what it must be", hint=_FORM)
    if "" in names:
        raise UsageError(f"assert {noun}: a name is empty", hint=_FORM)
    return Assertion(noun, tuple(names), state_words(states), negated, on, within)


def _next(words: Iterator[str], otherwise: str) -> str:
    word = next(words, None)
    if word is None:
        raise UsageError(f"assert: {otherwise}", hint=_FORM)
    return word


def unmet(assertion: Assertion, model: FleetModel, hosts: Iterable[Host]) -> list[str]:
    """What of the assertion does not hold, a sentence each; none if it does.

    What cannot be seen is not known to hold. A thing that one host lacks is no fault as long as
    another has it.

    :param hosts: the selected ones.
    """
    match assertion.noun:
        case "host":
            return list(_hosts(assertion, hosts))
        case "unit":
            return list(_things(assertion, model, hosts, Source.UNITS))
        case _:
            return list(_things(assertion, model, hosts, Source.CONTAINERS))


def _hosts(assertion: Assertion, hosts: Iterable[Host]) -> Iterator[str]:
    selector = Selector.parse(",".join(assertion.patterns)) if assertion.patterns else None
    chosen = [host for host in hosts if selector is None or selector.matches_host(host)]
    for host in chosen:
        if host_in_state(host, assertion.states) is assertion.negated:
            yield f"{host.name} is {host.state.value}"
    missing = selector.unknown_names(chosen) if selector else ()
    yield from (f"there is no host {name}" for name in missing)
    if not chosen and not missing:
        yield "no host matches"


def _things(assertion: Assertion, model: FleetModel, hosts: Iterable[Host], source: Source) -> Iterator[str]:
    found: set[str] = set()
    unseen = False
    for host in hosts:
        status = host.sources.get(source)
        if host.state is not State.LIVE or status is None:
            unseen = True
            yield f"{host.name} is {host.state.value}"
        elif status.state is State.ABSENT:
            continue
        elif status.state is not State.LIVE:
            unseen = True
            yield f"{host.name}: {source.value} are {status.state.value}"
        else:
            for thing in model.units(host.name) if source is Source.UNITS else model.containers(host.name):
                matching = [one for one in assertion.patterns if _matches(one, thing)]
                found.update(matching)
                if matching and _in_state(thing, assertion.states) is assertion.negated:
                    yield f"{host.name}/{thing.name} is {_says(thing)}"
    if unseen:
        return
    for pattern in assertion.patterns:
        # Nothing that is not there can be in a state; that nothing is in it needs nothing to be there.
        if pattern not in found and not (assertion.negated and is_glob(pattern)):
            yield f"there is no {assertion.noun} {pattern}"


def _matches(pattern: str, thing: Unit | Container) -> bool:
    named = NamePatterns((pattern,))
    return named.matches_unit(thing.name) if isinstance(thing, Unit) else named.matches_container(thing)


def _in_state(thing: Unit | Container, states: frozenset[str]) -> bool:
    if isinstance(thing, Unit):
        return unit_in_state(thing, states)
    return container_in_state(thing, states)


def _says(thing: Unit | Container) -> str:
    if isinstance(thing, Unit):
        return f"{thing.active} ({thing.sub})"
    return f"{thing.state}, {thing.health}" if thing.health else thing.state
