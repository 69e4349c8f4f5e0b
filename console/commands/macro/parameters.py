"""A macro's parameters: what kinds there are, and what a value of each may be. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from console.commands.values import Value, parse_duration
from console.errors import UsageError
from console.model.selector import Selector
from console.model.text import clean

_PARAM = re.compile(r"[a-z][a-z0-9_-]{0,30}")
#: As in the fleet file, so that a host's name can never be a glob or two names.
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
#: What systemd lets a name hold, and what globs are made of.
_UNIT = re.compile(r"[A-Za-z0-9:_.\\@*?\[\]!-]{1,256}")


def is_parameter_name(text: str) -> bool:
    return _PARAM.fullmatch(text) is not None


def _text(value: str) -> None:
    if "\0" in value:
        raise UsageError("it holds a NUL")


def _int(value: str) -> None:
    if not re.fullmatch(r"-?\d{1,12}", value):
        raise UsageError(f"not a whole number: {_shown(value)}")


def _duration(value: str) -> None:
    parse_duration(value)


def _selector(value: str) -> None:
    Selector.parse(value)


def _host(value: str) -> None:
    if not _HOST.fullmatch(value):
        raise UsageError(f"not a host's name: {_shown(value)}", hint="one name; several are a selector")


def _unit(value: str) -> None:
    if not _UNIT.fullmatch(value):
        raise UsageError(f"not a unit's name or glob: {_shown(value)}")


#: What a parameter's `type` can be; each check raises UsageError.
TYPES: Mapping[str, Callable[[str], None]] = {
    "text": _text,
    "int": _int,
    "duration": _duration,
    "selector": _selector,
    "host": _host,
    "unit": _unit,
    "choice": _text,
}


@dataclass(frozen=True, slots=True)
class MacroParameter:
    """One declared parameter. `default` None: it must be given."""

    name: str
    type: str = "text"
    description: str = ""
    default: str | None = None
    choices: tuple[str, ...] = ()

    def check(self, value: str) -> None:
        """:raises UsageError: it cannot be `value`."""
        if self.type == "choice" and value not in self.choices:
            raise UsageError(f"not one of {', '.join(self.choices)}: {_shown(value)}")
        TYPES[self.type](value)


def values_of(title: str, parameters: Sequence[MacroParameter], settings: Sequence[str]) -> dict[str, str]:
    """A value for each parameter, out of `NAME=VALUE` settings and the defaults.

    :raises UsageError: all that is wrong with them.
    """
    known = {parameter.name: parameter for parameter in parameters}
    values: dict[str, str] = {}
    faults: list[str] = []
    for setting in settings:
        name, _, value = setting.partition("=")
        if name not in known:
            faults.append(f"it has no parameter {name}")
        elif name in values:
            faults.append(f"{name} is given twice")
        else:
            values[name] = value
            try:
                known[name].check(value)
            except UsageError as error:
                faults.append(f"{name}: {error}")
    for parameter in parameters:
        if parameter.name not in values:
            if parameter.default is None:
                faults.append(f"{parameter.name} is missing (--set {parameter.name}=…)")
            else:
                values[parameter.name] = parameter.default
    if faults:
        takes = ", ".join(known) or "none"
        raise UsageError(f"{title}: {'; '.join(faults)}", hint=f"its parameters: {takes}")
    return values


def _setting(text: str) -> str:
    name, equals, _ = text.partition("=")
    if not equals or not is_parameter_name(name):
        raise UsageError(f"not a setting: {_shown(text)}", hint="NAME=VALUE")
    return text


SETTING: Value[str] = Value("NAME=VALUE", _setting)


def _shown(text: str) -> str:
    return repr(clean(text, 80))
