"""The themes of the folders as they are now: a file that changes is taken up while the terminal runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from console.model.config import TerminalConfig
from console.tui.themes import Loaded, choose, read_themes, stamp


class ThemeWatch:
    """Holds all themes, the name of the one to use, and what is wrong with the files.

    :param terminal: says which theme is wanted; `config` is the file that it stands in.
    :param color_system: Rich's word for what the terminal can do.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        terminal: TerminalConfig,
        config: Path,
        *,
        no_color: bool = False,
        color_system: str | None = None,
    ) -> None:
        self._folders = folders
        self._terminal = terminal
        self._config = config
        self._no_color = no_color
        self._color_system = color_system
        self._told: frozenset[str] = frozenset()
        self._stamp = stamp(folders)
        self._take(read_themes(folders))

    def look(self) -> bool:
        """Read the folders again if a file of theirs changed, came or went; whether that is so.

        `problems` then has those that are new.
        """
        now = stamp(self._folders)
        if now == self._stamp:
            return False
        self._stamp = now
        self._take(self._mend(read_themes(self._folders)))
        return True

    def _mend(self, loaded: Loaded) -> Loaded:
        """A theme whose file has become wrong stays as it was."""
        broken = {problem.file for problem in loaded.problems}
        kept = {name: path for name, path in self._loaded.files.items() if path in broken}
        themes = {name: self._loaded.themes[name] for name in kept}
        return Loaded({**loaded.themes, **themes}, {**loaded.files, **kept}, loaded.problems)

    def _take(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self.themes = loaded.themes
        self.theme, problem = choose(
            self._terminal,
            self._config,
            loaded.themes,
            no_color=self._no_color,
            color_system=self._color_system,
        )
        found = [str(each) for each in (*loaded.problems, problem) if each is not None]
        self.problems: tuple[str, ...] = tuple(each for each in found if each not in self._told)
        self._told = frozenset(found)
