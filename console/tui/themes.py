"""Themes from TOML files: the shipped ones, and the user's in their configuration folder.

A file holds a theme's name, whether it is dark, its `[colors]` (Textual's) and its `[variables]` (ours,
`console/tui/tones.py`). A theme of the user's needs to say only what differs from its `base`.
`docs/themes.md` is the user's page of the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.theme import BUILTIN_THEMES, Theme

import console
from console.errors import ConfigError, Problem
from console.fleet.config import config_home, parse_toml, read_text
from console.fleet.config_values import Converter, Rejected, boolean, name, rejected, shown, string
from console.fleet.toml_lines import locate
from console.fleet.toml_tables import Table, TableReader
from console.model.config import TerminalConfig
from console.tui.tones import DEFAULT_COLORS, DEFAULT_STYLES

#: What a theme is without a base.
DARK, LIGHT = "dark", "light"
#: For terminals of 16 colours, and where no colour may be written.
PLAIN = "ansi-dark"

_RGB = re.compile(r"#[0-9A-Fa-f]{6}")
_ANSI_COLORS = frozenset(
    f"ansi_{bright}{color}"
    for bright in ("", "bright_")
    for color in ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
) | {"ansi_default"}
_STYLES = frozenset({"none", "bold", "dim", "italic", "underline", "reverse"})


def _color(value: object, base: Path) -> str:
    accepted = '"#rrggbb", or with ansi = true a colour such as "ansi_default" or "ansi_bright_blue"'
    text = string(value, base, accepted)
    if not _RGB.fullmatch(text) and text not in _ANSI_COLORS:
        raise rejected(f"{shown(text)} is not a colour", accepted)
    return text.lower()


def _style(value: object, base: Path) -> str:
    accepted = f"words of {' '.join(sorted(_STYLES))}"
    words = string(value, base, accepted).split()
    if not _STYLES.issuperset(words) or ("none" in words and len(words) > 1):
        raise rejected(f"{shown(value)} is not a text style", accepted)
    return " ".join(words)


COLORS = Table(
    "[colors]",
    dict.fromkeys(
        (
            "primary",
            "secondary",
            "accent",
            "success",
            "warning",
            "error",
            "foreground",
            "background",
            "surface",
            "panel",
        ),
        _color,
    ),
)
VARIABLES = Table(
    "[variables]", {**dict.fromkeys(DEFAULT_COLORS, _color), **dict.fromkeys(DEFAULT_STYLES, _style)}
)
_TABLES = {"colors": COLORS, "variables": VARIABLES}
_TOP: Mapping[str, Converter[Any]] = {"name": name, "base": name, "dark": boolean, "ansi": boolean}

#: Variables of Textual's own widgets (the palette, dialogs, input lines) to the colour they are to have.
_TEXTUALS = {
    "text-muted": "tone-faint",
    "text-disabled": "tone-faint",
    "foreground-muted": "tone-faint",
    "foreground-disabled": "tone-faint",
    "text-primary": "heading",
    "text-secondary": "heading",
    "text-accent": "heading",
    "text-success": "tone-good",
    "text-warning": "tone-warn",
    "text-error": "tone-bad",
    "block-cursor-background": "row-cursor",
    "block-cursor-foreground": "foreground",
    "block-cursor-text-style": "row-cursor-style",
    "block-cursor-blurred-background": "row-cursor",
    "block-cursor-blurred-foreground": "foreground",
    "block-cursor-blurred-text-style": "row-cursor-style",
    "panel-lighten-1": "panel",
    "border": "accent",
    "border-blurred": "tone-faint",
}
#: With the terminal's own colours a selection has those that Textual gives it.
_RGB_ONLY = {
    "input-selection-background": "row-cursor",
    "input-selection-foreground": "foreground",
    "screen-selection-background": "row-cursor",
    "screen-selection-foreground": "foreground",
}


@dataclass(frozen=True, slots=True)
class _Look:
    """A theme as files say it."""

    name: str
    dark: bool
    ansi: bool
    colors: Mapping[str, str]
    variables: Mapping[str, str]

    def theme(self) -> Theme:
        known = {**DEFAULT_COLORS, **DEFAULT_STYLES, **self.colors, **self.variables}
        others = _TEXTUALS if self.ansi else {**_TEXTUALS, **_RGB_ONLY}
        textuals = (
            dict(BUILTIN_THEMES[f"ansi-{'dark' if self.dark else 'light'}"].variables) if self.ansi else {}
        )
        textuals |= {variable: known[source] for variable, source in others.items()}
        colors: dict[str, Any] = dict(self.colors)
        return Theme(
            name=self.name,
            dark=self.dark,
            ansi=self.ansi,
            variables={**textuals, **DEFAULT_COLORS, **DEFAULT_STYLES, **self.variables},
            **colors,
        )


def shipped_folder() -> Path:
    """Where our own themes are: beside the package in a checkout, inside it when installed."""
    package = Path(console.__file__).parent
    inside = package / "themes"
    return inside if inside.is_dir() else package.parent / "themes"


def theme_folders(environ: Mapping[str, str]) -> tuple[Path, Path]:
    """The shipped themes' folder and the user's, which need not exist."""
    return shipped_folder(), config_home(environ) / "themes"


@dataclass(frozen=True, slots=True)
class Loaded:
    """Themes by name, the file of each, and what is wrong with those that cannot be used."""

    themes: Mapping[str, Theme]
    files: Mapping[str, Path]
    problems: tuple[Problem, ...]


def load_themes(folders: Sequence[Path]) -> tuple[dict[str, Theme], list[Problem]]:
    """All themes, by name, and what is wrong with those that cannot be used (`read_themes`)."""
    loaded = read_themes(folders)
    return dict(loaded.themes), list(loaded.problems)


def read_themes(folders: Sequence[Path]) -> Loaded:
    """All themes of the folders.

    A later folder's theme takes the place of an earlier one's of that name. A file with a problem is
    left out whole.
    """
    looks: dict[str, _Look] = {}
    files: dict[str, Path] = {}
    problems: list[Problem] = []
    for folder in folders:
        found: dict[str, _Look] = {}
        for path in sorted(folder.glob("*.toml")):
            try:
                look = _read(path, looks)
            except ConfigError as error:
                problems.extend(error.problems)
                continue
            if look.name in found:
                problems.append(
                    Problem(path, 0, f'another file of the folder is the theme "{look.name}" already')
                )
                continue
            found[look.name] = look
            files[look.name] = path
        looks |= found
    return Loaded({look.name: look.theme() for look in looks.values()}, files, tuple(problems))


def stamp(folders: Sequence[Path]) -> frozenset[tuple[str, int]]:
    """What differs once a theme's file has changed, come or gone."""
    return frozenset(_stamps(folders))


def choose(
    terminal: TerminalConfig,
    config: Path,
    themes: Mapping[str, Theme],
    *,
    no_color: bool = False,
    color_system: str | None = None,
) -> tuple[str, Problem | None]:
    """The name of the theme to use, and what is wrong with the one asked for.

    :param config: the fleet's file, which `terminal` stands in.
    :param color_system: Rich's word for what the terminal can do (`App.console.color_system`).
    """
    default = PLAIN if color_system in ("standard", "windows") else DARK
    wanted = terminal.theme
    if wanted is not None and wanted not in themes:
        line = locate(read_text(config)).line(("terminal", "theme"))
        there = ", ".join(sorted(themes))
        text = f"[terminal] theme: there is no theme {shown(wanted)} that can be used; accepted: {there}"
        return (PLAIN if no_color else default), Problem(config, line, text)
    return (PLAIN if no_color else wanted or default), None


def _stamps(folders: Sequence[Path]) -> Iterator[tuple[str, int]]:
    for folder in folders:
        for path in folder.glob("*.toml"):
            try:
                yield str(path), path.stat().st_mtime_ns
            except FileNotFoundError:
                continue  # gone since it was listed, which is a change as well


def _read(path: Path, bases: Mapping[str, _Look]) -> _Look:
    """One file. :raises ConfigError: every problem of it, with its line."""
    text = read_text(path)
    reader = TableReader(path, text, parse_toml(text, path), _TABLES)
    reader.top(_TOP)
    said: dict[str, Any] = {}
    for key, convert in _TOP.items():
        if key in reader.data:
            try:
                said[key] = convert(reader.data[key], path)
            except Rejected as error:
                reader.rejected((key,), key, error)
    base = _base(reader, said, bases)
    look = _Look(
        name=said.get("name", path.stem),
        dark=said.get("dark", base.dark),
        ansi=said.get("ansi", base.ansi),
        colors={**base.colors, **reader.table(COLORS, "colors")},
        variables={**base.variables, **reader.table(VARIABLES, "variables")},
    )
    if "name" not in said:
        try:
            name(look.name, path)
        except Rejected as error:
            reader.rejected((), "the file's name", error)
    if not look.ansi:
        _check_rgb(reader, look)
    for key in COLORS.keys:
        if key not in look.colors and not reader.problems:
            reader.note(("colors",), f"[colors]: {key} is missing, and there is no base to take it from")
    reader.check()
    return look


def _base(reader: TableReader, said: Mapping[str, Any], bases: Mapping[str, _Look]) -> _Look:
    wanted = said.get("base", DARK if said.get("dark", True) else LIGHT)
    if wanted in bases:
        return bases[wanted]
    if "base" in said:
        there = ", ".join(bases) or "none here"
        reader.note(("base",), f"base: there is no theme {shown(wanted)} to start from; accepted: {there}")
    return _Look("", said.get("dark", True), False, {}, {})


def _check_rgb(reader: TableReader, look: _Look) -> None:
    for title, values in (("colors", look.colors), ("variables", look.variables)):
        for key, value in values.items():
            if value.startswith("ansi_"):
                reader.note(
                    (title, key), f'[{title}] {key}: "{value}" needs ansi = true; accepted here: "#rrggbb"'
                )
