"""The lines that were typed, kept from one start to the next."""

from __future__ import annotations

import os
from pathlib import Path

_KEPT = 500


class LineHistory:
    """Lines in the order in which they were last entered, each once.

    A line may hold what only its user should read, so the file is theirs alone. Two terminals at once
    each add to it; what one has entered, the other has after its next start.

    :param folder: the state folder; None: nothing is kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self._path = folder / "typed-lines" if folder is not None else None
        self._lines: dict[str, None] = {}
        #: Why lines are not kept; told once.
        self.problem: str | None = None
        self._read()

    @property
    def lines(self) -> tuple[str, ...]:
        """The newest last."""
        return tuple(self._lines)

    def add(self, line: str) -> None:
        """Keep a line that was entered."""
        line = line.strip()
        self._lines.pop(line, None)
        self._lines[line] = None
        self.problem = None
        if self._path is None or not line.isprintable():
            return
        try:
            with open(os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a") as file:
                file.write(f"{line}\n")
        except OSError as error:
            self._give_up(error)

    def _read(self) -> None:
        if self._path is None:
            return
        try:
            found = self._path.read_text("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return
        except OSError as error:
            self._give_up(error)
            return
        newest = [*dict.fromkeys(reversed([line for line in found if line.isprintable()]))][:_KEPT]
        self._lines = dict.fromkeys(reversed(newest))
        if len(found) > 2 * _KEPT:
            self._rewrite()

    def _rewrite(self) -> None:
        assert self._path is not None
        new = self._path.with_suffix(f".{os.getpid()}")
        try:
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.writelines(f"{line}\n" for line in self._lines)
            new.replace(self._path)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.problem = f"typed lines are not kept: {self._path}: {error.strerror}"
        self._path = None
