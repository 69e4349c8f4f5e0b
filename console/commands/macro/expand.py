"""A macro and its parameters' values to a script: every line understood, nested macros opened up.

A script is what is run: a flat list of steps, each with the place where it is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from console.commands.command import Command, Kind
from console.commands.grammar import Globals, format_command, parse
from console.commands.macro.file import MacroFile, OnError, StepText, load_macro
from console.commands.macro.library import find_macro
from console.commands.macro.parameters import values_of
from console.commands.macro.statements import Assertion, Wait, parse_statement
from console.commands.macro.template import fill
from console.errors import ConfigError, Problem, UsageError

if TYPE_CHECKING:
    from console.commands.registry import Registry

#: How deep macros may stand in macros, and how many steps they may come to.
MAX_DEPTH = 8
MAX_SCRIPT = 5000

#: After so many problems no more are looked for.
_ENOUGH = 100

#: Commands that do not end by themselves, or want a person at the keys.
_ENDLESS = frozenset(
    {
        ("log", "follow"),
        ("audit", "tail"),
        ("macro", "record"),
        ("container", "exec"),
        ("container", "top"),
        ("host", "shell"),
    }
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step, understood.

    :param place: `FILE:LINE`, where it is written.
    """

    what: Command | Wait | Assertion
    on_error: OnError
    place: str

    @property
    def line(self) -> str:
        """As the grammar writes it."""
        return format_command(self.what) if isinstance(self.what, Command) else str(self.what)

    @property
    def writes(self) -> bool:
        return isinstance(self.what, Command) and self.what.kind is Kind.WRITE


@dataclass(frozen=True, slots=True)
class Script:
    """A macro that can be run."""

    macro: MacroFile
    steps: tuple[Step, ...]


def runs_in_a_macro(command: Command) -> bool:
    """Whether it ends by itself, with nobody at the keys."""
    goes_on = getattr(command, "watch", False) or getattr(command, "follow", False)
    return command.words not in _ENDLESS and not (command.endless or goes_on)


def expand(macro: MacroFile, settings: Sequence[str], registry: Registry, folders: Sequence[Path]) -> Script:
    """Understand a macro whole.

    :param settings: `NAME=VALUE` for its parameters.
    :raises UsageError: the settings do not fit its parameters.
    :raises ConfigError: every line that cannot be run, of it and of the macros it runs.
    """
    values = values_of(macro.title, macro.parameters, settings)
    work = _Expansion(registry, folders)
    steps = tuple(work.steps(macro, values, (macro.path.resolve(),)))
    if work.problems:
        raise ConfigError(tuple(dict.fromkeys(work.problems)))
    return Script(macro, steps)


class _Expansion:
    def __init__(self, registry: Registry, folders: Sequence[Path]) -> None:
        self.problems: list[Problem] = []
        self._registry = registry
        self._folders = folders
        self._files: dict[Path, MacroFile] = {}
        self._count = 0

    def steps(self, macro: MacroFile, values: Mapping[str, str], inside: tuple[Path, ...]) -> Iterator[Step]:
        for number, written in enumerate(macro.steps, 1):
            if self._count > MAX_SCRIPT or len(self.problems) > _ENOUGH:
                return
            try:
                yield from self._step(macro, written, values, inside)
            except UsageError as error:
                self.problems.append(Problem(macro.path, written.line, f"step {number}: {error}"))
            except ConfigError as error:
                self.problems.extend(error.problems)

    def _step(
        self, macro: MacroFile, written: StepText, values: Mapping[str, str], inside: tuple[Path, ...]
    ) -> Iterator[Step]:
        from console.commands.macro.run import MacroRun

        words = fill(written.words, values)
        what: Command | Wait | Assertion = parse_statement(words) or self._command(words)
        on_error = written.on_error or macro.on_error
        if isinstance(what, MacroRun):
            if written.on_error is not None:
                raise UsageError("on_error of a macro that is run here stands in that macro")
            yield from self._nested(what, macro, inside)
            return
        self._count += 1
        if self._count > MAX_SCRIPT:
            raise UsageError(f"more than {MAX_SCRIPT} steps in all")
        yield Step(what, on_error, f"{macro.path}:{written.line}")

    def _command(self, words: Sequence[str]) -> Command:
        line = parse(words, self._registry)
        if line.command is None:
            raise UsageError("not a command", hint="a line is one command, `wait` or `assert`")
        if line.globals != Globals():
            raise UsageError(
                "an option about how it is run has no place in a macro", hint="say it to the run"
            )
        command = line.command
        if not runs_in_a_macro(command):
            raise UsageError(
                f"{' '.join(command.words)} does not end by itself, or wants somebody at the keys"
            )
        return command

    def _nested(self, run: Command, macro: MacroFile, inside: tuple[Path, ...]) -> Iterator[Step]:
        from console.commands.macro.run import MacroRun

        assert isinstance(run, MacroRun)
        if run.from_ is not None:
            raise UsageError("--from has no place in a macro")
        path = find_macro(run.macro, self._folders, macro.path.parent).resolve()
        if path in inside:
            names = [*(one.stem for one in inside[inside.index(path) :]), path.stem]
            raise UsageError(f"it runs itself: {' → '.join(names)}")
        if len(inside) >= MAX_DEPTH:
            raise UsageError(f"macros in macros more than {MAX_DEPTH} deep")
        if path not in self._files:
            self._files[path] = load_macro(path)
        inner = self._files[path]
        yield from self.steps(inner, values_of(inner.title, inner.parameters, run.set_), (*inside, path))
