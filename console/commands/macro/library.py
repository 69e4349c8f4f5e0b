"""Where macros are found: the user's own, the fleet's, and those that come with Quarterdeck.

The fleet's are kept in its etcd; a folder has them as they were last known (`fleet/memory.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from console.commands.macro.file import MacroFile, load_macro
from console.errors import ConfigError, UsageError
from console.fleet.config import config_home
from console.fleet.config_values import is_name

if TYPE_CHECKING:
    from console.commands.core import Core

SHIPPED = Path(__file__).parents[2] / "macros"


def own_folder(environ: Mapping[str, str]) -> Path:
    """The folder of the user's macros; it need not exist."""
    return config_home(environ) / "macros"


def macro_folders(core: Core) -> tuple[Path, ...]:
    """Where a macro is looked for by its name, the first that has it counting."""
    return (own_folder(core.environ), core.macros_path, SHIPPED)


def find_macro(name: str, folders: Sequence[Path], base: Path | None = None) -> Path:
    """The file of the macro that a line names: by its name, or a path that ends in `.toml` or has a slash.

    A macro of the user's hides one of the fleet's of the same name, and that a shipped one.

    :param folders: see `macro_folders`.
    :param base: the folder that relative paths start from.
    :raises UsageError: there is none of that name.
    """
    if "/" in name or name.endswith(".toml"):
        path = Path(name).expanduser()
        return path if base is None else base / path
    if is_name(name):
        for folder in folders:
            path = folder / f"{name}.toml"
            if path.exists():
                return path
    known = sorted({path.stem for folder in folders for path in folder.glob("*.toml")})
    near = get_close_matches(name, known, 1)
    raise UsageError(
        f"there is no macro {name!r}",
        hint=f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}; a file is a path",
    )


def all_macros(folders: Sequence[Path]) -> tuple[list[MacroFile], list[ConfigError]]:
    """Every macro that a name finds, by name; and what is wrong with those that cannot be read."""
    paths = {path.stem: path for folder in reversed(folders) for path in sorted(folder.glob("*.toml"))}
    macros: list[MacroFile] = []
    problems: list[ConfigError] = []
    for _, path in sorted(paths.items()):
        try:
            macros.append(load_macro(path))
        except ConfigError as error:
            problems.append(error)
    return macros, problems
