"""A macro's file: TOML to a checked `MacroFile`, with every fault at its line.

`docs/macros.md` is the user's page of the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from console.commands.macro.parameters import TYPES, MacroParameter, is_parameter_name
from console.commands.macro.template import Word, references, split_line
from console.errors import ConfigError, Problem, UsageError
from console.fleet import config_values as values
from console.fleet.config import parse_toml, read_text
from console.fleet.config_values import Converter, rejected, shown
from console.fleet.toml_tables import Table, TableReader

#: A macro is written by people; a file beyond these is something else.
MAX_BYTES = 1024**2
MAX_STEPS = 1000


class OnError(StrEnum):
    """What becomes of a macro whose step did not come out as intended."""

    STOP = "stop"
    CONTINUE = "continue"
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class StepText:
    """One step as it is written: its words with the parameters' names still in them.

    :param on_error: where the step says it itself.
    :param line: where it stands in the file, from 1.
    """

    text: str
    words: tuple[Word, ...]
    on_error: OnError | None
    line: int


@dataclass(frozen=True, slots=True)
class MacroFile:
    """A macro as its file has it."""

    path: Path
    name: str
    description: str
    parameters: tuple[MacroParameter, ...]
    steps: tuple[StepText, ...]
    on_error: OnError = OnError.STOP

    @property
    def title(self) -> str:
        return f"macro {self.name}"


def _line(value: object, base: Path) -> str:
    if not isinstance(value, str):
        raise rejected(f"{shown(value)} is not a string", "a line")
    if not value.strip():
        raise rejected("it is empty", "a line")
    return value


def _default(value: object, base: Path) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise rejected(f"{shown(value)} is not a string", "a string, or a whole number")
    return str(value)


def _choices(value: object, base: Path) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        raise rejected(f"{shown(value)} is not a list of strings", 'an array such as ["a", "b"]')
    return tuple(value)


_ON_ERROR: Converter[Any] = values.one_of(*(one.value for one in OnError))
_TOP = Table(
    "a macro",
    {
        "name": values.name,
        "description": values.string,
        "on_error": _ON_ERROR,
        "params": lambda value, base: value,
        "steps": lambda value, base: value,
    },
    required=("steps",),
)
_PARAMETER = Table(
    "a parameter",
    {
        "type": values.one_of(*TYPES),
        "description": values.string,
        "default": _default,
        "choices": _choices,
    },
)
_STEP = Table("a step", {"run": _line, "wait": _line, "assert": _line, "on_error": _ON_ERROR})
_WHAT = ("run", "wait", "assert")


def load_macro(path: Path) -> MacroFile:
    """Read and check a macro's file.

    :raises ConfigError: every problem of the file, in the order of its lines.
    """
    try:
        size = path.stat().st_size
    except OSError:
        size = 0  # reading it says what is wrong
    if size > MAX_BYTES:
        raise ConfigError((Problem(path, 0, f"longer than {MAX_BYTES // 1024} KiB: not a macro"),))
    return parse_macro(read_text(path, missing="there is no such macro"), path)


def parse_macro(text: str, path: Path) -> MacroFile:
    """Check the text of the macro that stands at `path`.

    :raises ConfigError: every problem of the text, in the order of its lines.
    """
    file = _File(path, text, parse_toml(text, path), {})
    macro = file.macro()
    file.check()
    return macro


class _File(TableReader):
    """One pass over a parsed macro."""

    def macro(self) -> MacroFile:
        """The checked file; meaningless if there were problems."""
        top = self.values(_TOP, (), self.data)
        parameters = self._parameters(top.get("params", {}))
        steps = self._steps(top.get("steps", []), {parameter.name for parameter in parameters})
        return MacroFile(
            self.path,
            top.get("name") or self.path.stem,
            top.get("description", ""),
            parameters,
            steps,
            OnError(top.get("on_error", OnError.STOP)),
        )

    def _parameters(self, tables: object) -> tuple[MacroParameter, ...]:
        if not isinstance(tables, dict):
            self.note(("params",), "params: accepted: a table with a table for each parameter")
            return ()
        return tuple(self._parameter(name, table) for name, table in tables.items())

    def _parameter(self, name: str, table: object) -> MacroParameter:
        path = ("params", name)
        title = f"parameter {shown(name)}"
        if not is_parameter_name(name):
            self.note(path, f"{title}: accepted: up to 31 of a-z 0-9 _ -, the first a letter")
        found = self.values(_PARAMETER, path, table, title)
        parameter = MacroParameter(name, **found)
        if (parameter.type == "choice") is not bool(parameter.choices):
            if not isinstance(table, dict) or "choices" not in table or parameter.choices:
                self.note(path, f'{title}: accepted: choices with type = "choice", and with no other')
        elif parameter.default is not None:
            try:
                parameter.check(parameter.default)
            except UsageError as error:
                self.note((*path, "default"), f"{title}: default: {error}")
        return parameter

    def _steps(self, steps: object, known: set[str]) -> tuple[StepText, ...]:
        if not isinstance(steps, list):
            self.note(("steps",), f"steps: {shown(steps)} is not an array; accepted: lines, and tables")
            return ()
        if not steps and "steps" in self.data:
            self.note(("steps",), "steps: there are none")
        if len(steps) > MAX_STEPS:
            self.note(("steps",), f"steps: {len(steps)} of them; accepted: {MAX_STEPS} at most")
            return ()
        found = (self._step(index, step, known) for index, step in enumerate(steps))
        return tuple(step for step in found if step is not None)

    def _step(self, index: int, step: object, known: set[str]) -> StepText | None:
        path = ("steps", index)
        title = f"step {index + 1}"
        on_error = None
        if isinstance(step, dict):
            right = self.values(_STEP, path, step, title)
            on_error = OnError(right["on_error"]) if "on_error" in right else None
            what = [key for key in _WHAT if key in step]
            if len(what) != 1:
                self.note(path, f"{title}: accepted: one of run, wait, assert")
                return None
            if what[0] not in right:
                return None
            text = right[what[0]]
            text = text if what[0] == "run" else f"{what[0]} {text}"
        elif isinstance(step, str) and step.strip():
            text = step
        else:
            self.note(path, f"{title}: {shown(step)} is not a step; accepted: a line, or a table")
            return None
        try:
            words = split_line(text)
        except UsageError as error:
            self.note(path, f"{title}: {error}")
            return None
        for name in sorted(references(words) - known):
            self.note(path, f"{title}: there is no parameter {name}{_known(known)}")
        return StepText(text, words, on_error, self.line(path))


def _known(names: set[str]) -> str:
    return f"; there are {', '.join(sorted(names))}" if names else ""
