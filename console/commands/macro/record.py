"""Recording: commands that were run, written down as a macro of the same lines.

What is written are the commands themselves, with their selectors, and not the rows that were on
the screen: replayed, they are about what those selectors mean then.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from console.commands.command import Command
from console.commands.grammar import format_command
from console.commands.macro.expand import runs_in_a_macro
from console.commands.macro.library import own_folder
from console.commands.macro.template import escape
from console.errors import UsageError
from console.fleet.config_values import NAMES_ACCEPTED, is_name


class Recorder:
    """What an operator does, becoming a macro. One recording at a time.

        recorder.start("evening")
        recorder.note(command)          # each command that was run
        path = recorder.stop()          # …/macros/evening.toml

    :param folder: where macros are written; made when the first one is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name: str | None = None
        self._lines: list[str] = []

    @classmethod
    def of_user(cls, environ: Mapping[str, str]) -> Recorder:
        """Writes into the user's own folder of macros."""
        return cls(own_folder(environ))

    @property
    def name(self) -> str | None:
        """The macro that is being recorded; None: none is."""
        return self._name

    @property
    def lines(self) -> tuple[str, ...]:
        """What was recorded so far."""
        return tuple(self._lines)

    def start(self, name: str) -> None:
        """:raises UsageError: the name cannot be one, is taken, or another is being recorded."""
        if self._name is not None:
            raise UsageError(f"{self._name} is being recorded already", hint="stop it first")
        _free(self._folder, name)
        self._name, self._lines = name, []

    def note(self, command: Command) -> bool:
        """Take `command` down; whether it is one that a macro can hold."""
        if self._name is None or not runs_in_a_macro(command):
            return False
        self._lines.append(escaped_line(format_command(command)))
        return True

    def drop(self) -> None:
        """Forget what is being recorded."""
        self._name, self._lines = None, []

    def stop(self, at: datetime | None = None) -> Path:
        """Write the macro down and end the recording.

        :param at: when it was recorded, for its description.
        :raises UsageError: nothing was recorded, or it cannot be written; the recording ends all the same.
        """
        if self._name is None:
            raise UsageError("nothing is being recorded")
        name, lines = self._name, self._lines
        self.drop()
        return write_macro(self._folder, name, lines, at)


def write_macro(folder: Path, name: str, lines: Sequence[str], at: datetime | None = None) -> Path:
    """A new macro in `folder`.

    :param lines: as `escaped_line` makes them.
    :raises UsageError: there are no lines, the name cannot be one or is taken, or it cannot be written.
    """
    path = _free(folder, name)
    if not lines:
        raise UsageError(f"{name}: nothing was run that a macro could hold")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(macro_text(name, lines, at))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    return path


def macro_text(name: str, lines: Sequence[str], at: datetime | None = None) -> str:
    """A macro of some lines, as the text of its file."""
    when = f" on {at:%Y-%m-%d %H:%M} UTC" if at else ""
    steps = "".join(f"  {_quoted(line)},\n" for line in lines)
    return f"name = {_quoted(name)}\ndescription = {_quoted('Recorded' + when)}\nsteps = [\n{steps}]\n"


def escaped_line(line: str) -> str:
    """A line of the grammar as a macro has to have it."""
    return shlex.join(escape(word) for word in shlex.split(line))


def _free(folder: Path, name: str) -> Path:
    if not is_name(name):
        raise UsageError(f"not a macro's name: {name[:80]!r}", hint=NAMES_ACCEPTED)
    path = folder / f"{name}.toml"
    if path.exists():
        raise UsageError(f"there is a macro {name} already", hint=f"another name, or remove {path}")
    return path


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's, but for DEL, which TOML wants escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
