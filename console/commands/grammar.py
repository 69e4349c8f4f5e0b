"""One grammar for argv, `:` lines and macros: words to a command, and a command back to its line.

    NOUN VERB ARGUMENT… --option VALUE --option=VALUE -n VALUE --switch -- REST…

Options may stand anywhere before `--`. What follows `--` belongs to the command that declares a
rest; for one that does not, it is arguments, so that names with a leading dash can be written
(`unit show -- -.mount`). Pure: nothing here reads a file or the environment.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from console.commands.command import Command, Parameter, Shape
from console.commands.registry import Registry
from console.commands.values import DURATION, PATH, TEXT, Value, choice
from console.errors import UsageError

C = TypeVar("C", bound=Command)


@dataclass(frozen=True)
class Globals:
    """What can be said with every command, and is about how it is run, not what it does."""

    config: Path | None = None
    fleet: str | None = None
    output: str = "table"
    timeout: float = 20.0
    read_only: bool = False
    batch: bool = False
    plan: bool = False
    yes: bool = False
    engine: bool = False
    color: str = "auto"
    help: bool = False
    version: bool = False


def _global(name: str, value: Value[Any], text: str, short: str | None = None) -> Parameter:
    default = getattr(Globals(), name)
    shape = Shape.SWITCH if default is False else Shape.OPTION
    return Parameter(name, shape, value, text, False, False, short, default)


GLOBALS: tuple[Parameter, ...] = (
    _global("config", PATH, "the fleet's file (default: $QUARTERDECK_CONFIG, then the user's config folder)"),
    _global("fleet", TEXT, "a fleet by name, from fleets/NAME.toml"),
    _global("output", choice("table", "json", "yaml"), "how results are written to stdout", "-o"),
    _global("timeout", DURATION, "how long to wait for hosts that have not answered (default 20s)"),
    _global("read_only", TEXT, "refuse every write, for as long as this runs"),
    _global("batch", TEXT, "never ask for anything"),
    _global("plan", TEXT, "print what a write would do, and do nothing"),
    _global("yes", TEXT, "do not ask for confirmation", "-y"),
    _global("engine", TEXT, "run an engine meanwhile: in the terminal, and while `service …` waits"),
    _global("color", choice("auto", "always", "never"), "colours on a terminal"),
    _global("help", TEXT, "what can be said here", "-h"),
    _global("version", TEXT, "the version, and nothing else"),
)


def options_of(command: type[Command] | None) -> tuple[Parameter, ...]:
    """What can be said after a command's name: its own parameters, and the global ones that it leaves.

    A command may use a global option's word for something of its own (`log context --fleet`); the global
    one then goes before the command's name.
    """
    own = command.parameters() if command else ()
    flags = {parameter.flag for parameter in own}
    return (*own, *(parameter for parameter in GLOBALS if parameter.flag not in flags))


@dataclass(frozen=True)
class Line:
    """A line understood. `topic` is what help was asked about, where it was."""

    command: Command | None
    globals: Globals = field(default_factory=Globals)
    topic: tuple[str, ...] = ()


def parse_line(text: str, registry: Registry) -> Line:
    """A line as typed or as it stands in a macro, with the shell's quotes.

    :raises UsageError: what is wrong, and with which word.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"cannot read the line: {error}".lower()) from None
    return parse(words, registry)


def parse(words: Sequence[str], registry: Registry) -> Line:
    """Words to a command and how to run it.

    :raises UsageError: what is wrong, and with which word.
    """
    head, tail = _split_rest(words)
    given: dict[str, Any] = {}
    # The command is named by the first one or two words that are not global options.
    names, others = _leading_names(head, given, registry)
    if not names:
        return Line(None, _globals(given), topic=())
    found = registry.find(names)
    if found is None:
        if given.get("help") or "--help" in others or "-h" in others:
            given["help"] = True
            return Line(None, _globals(given), topic=names)
        raise _unknown_command(names, registry)
    cls, used = found
    left = [*names[used:], *others]
    if "--help" in left or "-h" in left:
        given["help"] = True
    if given.get("help"):
        return Line(None, _globals(given), topic=cls.words)
    command = _read(cls, left, tail, given)
    return Line(command, _globals(given))


def format_command(command: Command) -> str:
    """The line that `parse_line` reads back as `command`."""
    words: list[str] = [*command.words]
    arguments: list[str] = []
    after: list[str] | None = None
    for parameter in command.parameters():
        value = getattr(command, parameter.name)
        match parameter.shape:
            case Shape.ARGUMENT:
                arguments += value if parameter.many else [] if value is None else [value]
            case Shape.REST:
                after = list(value) if value else None
            case Shape.SWITCH:
                words += [parameter.flag] if value else []
            case Shape.OPTION:
                values = value if parameter.many else () if value == parameter.default else (value,)
                for one in values:
                    words.append(f"{parameter.flag}={parameter.value.format(one)}")
    if any(word.startswith("-") and word != "-" for word in arguments):
        after, arguments = arguments, []
    words[len(command.words) : len(command.words)] = arguments
    if after is not None:
        words += ["--", *after]
    return shlex.join(words)


def _split_rest(words: Sequence[str]) -> tuple[list[str], list[str] | None]:
    if "--" not in words:
        return list(words), None
    at = list(words).index("--")
    return list(words[:at]), list(words[at + 1 :])


def _leading_names(
    words: list[str], given: dict[str, Any], registry: Registry
) -> tuple[tuple[str, ...], list[str]]:
    """Global options up to the command's name, then the name's words, then all that is left."""
    names: list[str] = []
    at = iter(enumerate(words))
    for index, word in at:
        if word.startswith("-"):
            if names:
                return tuple(names), words[index:]
            parameter, value = _flag(word, GLOBALS, "quarterdeck")
            given[parameter.name] = _value_of(parameter, value, (text for _, text in at))
            continue
        names.append(word)
        if registry.find(tuple(names)) and len(names) >= registry.longest(names[0]):
            return tuple(names), words[index + 1 :]
        if len(names) == 2:
            return tuple(names), words[index + 1 :]
    return tuple(names), []


def _read(cls: type[C], words: list[str], tail: list[str] | None, given: dict[str, Any]) -> C:
    """Build the command from the words after its name; global options among them go to `given`."""
    parameters = cls.parameters()
    flags = [p for p in parameters if p.shape in (Shape.OPTION, Shape.SWITCH)]
    values: dict[str, Any] = {}
    arguments: list[str] = []
    name = " ".join(cls.words)
    at = iter(words)
    for word in at:
        if not word.startswith("-") or word == "-":
            arguments.append(word)
            continue
        parameter, inline = _spelled(cls, word, (*flags, *GLOBALS), name)
        value = _value_of(parameter, inline, at)
        if parameter.flag in cls.taken:
            continue
        target = values if parameter in flags else given
        if parameter.many:
            target[parameter.name] = (*target.get(parameter.name, ()), value)
        else:
            target[parameter.name] = value
    rest_of = next((p for p in parameters if p.shape is Shape.REST), None)
    if tail is not None:
        if rest_of:
            values[rest_of.name] = tuple(tail)
        else:
            arguments += tail
    if rest_of and rest_of.required and not values.get(rest_of.name):
        raise UsageError(f"{name}: nothing after `--`", hint=f"{name} … -- {rest_of.value.metavar}")
    _place(name, [p for p in parameters if p.shape is Shape.ARGUMENT], arguments, values)
    return cls(**values)


def _place(name: str, places: list[Parameter], arguments: list[str], values: dict[str, Any]) -> None:
    """Give each argument its place."""
    for parameter in places:
        if parameter.many:
            values[parameter.name] = tuple(_checked(parameter, word) for word in arguments)
            arguments = []
        elif arguments:
            values[parameter.name] = _checked(parameter, arguments.pop(0))
        if parameter.required and not values.get(parameter.name):
            raise UsageError(f"{name}: {parameter.value.metavar} is missing", hint=parameter.help)
    if arguments:
        raise UsageError(f"{name}: one word too many: {arguments[0]!r}", hint=f"see `{name} --help`")


def _checked(parameter: Parameter, word: str) -> Any:
    if not word:
        raise UsageError(f"{parameter.value.metavar} is empty")
    return parameter.value.parse(word)


def _spelled(
    cls: type[Command], word: str, known: Sequence[Parameter], name: str
) -> tuple[Parameter, str | None]:
    """As `_flag`, with the spellings that fleetctl had."""
    flag, equals, inline = word.partition("=")
    if (shape := cls.taken.get(flag)) is not None:
        return Parameter(flag[2:], shape, TEXT, "", False, False, None, None), inline if equals else None
    return _flag(cls.spellings.get(flag, flag) + equals + inline, known, name)


def _flag(word: str, known: Sequence[Parameter], name: str) -> tuple[Parameter, str | None]:
    """The parameter that `word` names, and the value after its `=`."""
    flag, equals, inline = word.partition("=")
    for parameter in known:
        if flag in (parameter.flag, parameter.short):
            return parameter, inline if equals else None
    from console.commands.fleetctl_words import INSTEAD

    near = get_close_matches(flag, [p.flag for p in known], n=1)
    hint = f"did you mean {near[0]}?" if near else f"see `{name} --help`"
    raise UsageError(f"{name}: no option {flag}", hint=INSTEAD.get(flag, hint))


def _value_of(parameter: Parameter, inline: str | None, words: Iterator[str]) -> Any:
    if parameter.shape is Shape.SWITCH:
        if inline not in (None, "true", "false"):
            raise UsageError(f"{parameter.flag} takes no value")
        return inline != "false"
    text = inline if inline is not None else next(words, None)
    if text is None:
        raise UsageError(f"{parameter.flag} needs a {parameter.value.metavar}")
    try:
        return parameter.value.parse(text)
    except UsageError as error:
        raise UsageError(f"{parameter.flag}: {error.message}", hint=error.hint) from None


def _globals(given: dict[str, Any]) -> Globals:
    return Globals(**{known.name: given[known.name] for known in fields(Globals) if known.name in given})


def _unknown_command(names: tuple[str, ...], registry: Registry) -> UsageError:
    verbs = registry.verbs(names[0])
    if verbs and len(names) == 1:
        return UsageError(f"{names[0]}: which verb?", hint=f"one of {', '.join(verbs)}")
    if verbs:
        near = get_close_matches(names[1], verbs, n=1)
        hint = f"did you mean {names[0]} {near[0]}?" if near else f"one of {', '.join(verbs)}"
        return UsageError(f"{names[0]}: no verb {names[1]!r}", hint=hint)
    near = get_close_matches(names[0], registry.nouns(), n=1)
    hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(registry.nouns())}"
    return UsageError(f"no command {names[0]!r}", hint=hint)
