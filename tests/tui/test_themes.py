"""Themes: what is shipped can be read by everyone, and what a user writes is checked."""

from __future__ import annotations

import os
import re
import tomllib
from itertools import product
from pathlib import Path

import pytest
from rich.color import Color, ColorSystem
from textual.app import App
from textual.theme import Theme

from console.errors import Problem
from console.model.config import TerminalConfig
from console.tui.themes import COLORS, VARIABLES, choose, load_themes, shipped_folder, stamp
from console.tui.tones import DEFAULT_VARIABLES

ROOT = Path(__file__).parents[2]
THEMES, PROBLEMS = load_themes([shipped_folder()])
RGB = [theme for theme in THEMES.values() if not theme.ansi]

TEXTS = ("foreground", "tone-good", "tone-warn", "tone-bad", "tone-faint", "heading")
GROUNDS = ("background", "surface", "panel", "row-cursor", "row-marked", "header")
HOSTS = ("host-0", "host-1", "host-2", "host-3")
PAIRS = (
    *product(TEXTS, GROUNDS),
    *product(HOSTS, ("background", "row-cursor")),
    ("match-text", "match"),
    ("header-text", "header"),
    ("badge-text", "badge"),
    ("alert-text", "alert"),
    *product(
        ("text-muted", "text-error", "text-success", "text-warning"), ("surface", "panel", "panel-lighten-1")
    ),
    ("block-cursor-foreground", "block-cursor-background"),
)

#: Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
BLINDNESS = {
    "protan": ((0.1523, 1.0526, -0.2049), (0.1145, 0.7863, 0.0992), (-0.0039, -0.0481, 1.0520)),
    "deutan": ((0.3673, 0.8606, -0.2280), (0.2801, 0.6725, 0.0474), (-0.0118, 0.0429, 0.9689)),
    "tritan": ((1.2555, -0.0767, -0.1788), (-0.0784, 0.9308, 0.1476), (0.0047, 0.6914, 0.3039)),
}


def linear(color: str) -> tuple[float, ...]:
    parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return tuple(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)


def contrast(one: str, other: str) -> float:
    """The contrast of WCAG 2.1, from 1 to 21."""
    light, dark = sorted(
        (sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear(x), strict=True)) for x in (one, other)),
        reverse=True,
    )
    return (light + 0.05) / (dark + 0.05)


def with_256(color: str) -> str:
    """What Rich, and so Textual, writes for a colour where the terminal shows 256 of them."""
    return Color.parse(color).downgrade(ColorSystem.EIGHT_BIT).get_truecolor().hex


def lab(rgb: tuple[float, ...]) -> tuple[float, float, float]:
    rows = ((0.4125, 0.3576, 0.1804), (0.2127, 0.7152, 0.0722), (0.0193, 0.1192, 0.9503))
    white = (0.9505, 1.0, 1.0888)
    xyz = (sum(m * c for m, c in zip(row, rgb, strict=True)) / w for row, w in zip(rows, white, strict=True))
    x, y, z = (v ** (1 / 3) if v > 216 / 24389 else (24389 / 27 * v + 16) / 116 for v in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def difference(one: str, other: str, kind: str) -> float:
    """How far apart two colours are to a colour-blind eye (CIE76; 2 is just seen)."""

    def seen(color: str) -> tuple[float, float, float]:
        light = linear(color)
        mixed = (sum(m * c for m, c in zip(row, light, strict=True)) for row in BLINDNESS[kind])
        return lab(tuple(min(1.0, max(0.0, part)) for part in mixed))

    return float(sum((a - b) ** 2 for a, b in zip(seen(one), seen(other), strict=True)) ** 0.5)


def colors(theme: Theme) -> dict[str, str]:
    return theme.to_color_system().generate() | theme.variables


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    folder = tmp_path / "themes"
    folder.mkdir()
    return folder


def load(folder: Path, text: str, file: str = "mine.toml") -> tuple[dict[str, Theme], list[Problem]]:
    (folder / file).write_text(text)
    return load_themes([shipped_folder(), folder])


class TestShipped:
    def test_all_are_there_and_right(self) -> None:
        assert not PROBLEMS
        assert set(THEMES) == {
            "dark", "light", "high-contrast", "okabe-ito-dark", "okabe-ito-light", "ansi-dark", "ansi-light",
            "production",
        }  # fmt: skip

    @pytest.mark.parametrize("path", sorted(shipped_folder().glob("*.toml")), ids=lambda path: path.stem)
    def test_each_says_everything_itself(self, path: Path) -> None:
        said = tomllib.loads(path.read_text())
        assert said["name"] == path.stem
        assert set(said["colors"]) == set(COLORS.keys)
        assert set(said["variables"]) == set(VARIABLES.keys)

    @pytest.mark.parametrize("theme", RGB, ids=lambda theme: theme.name)
    def test_every_text_can_be_read_on_every_ground(self, theme: Theme) -> None:
        known = colors(theme)
        poor = {(a, b): contrast(known[a], known[b]) for a, b in PAIRS if contrast(known[a], known[b]) < 4.5}
        assert not poor

    @pytest.mark.parametrize("theme", RGB, ids=lambda theme: theme.name)
    def test_so_can_it_with_256_colours(self, theme: Theme) -> None:
        known = colors(theme)
        poor = {
            (a, b): few for a, b in PAIRS if (few := contrast(with_256(known[a]), with_256(known[b]))) < 4.5
        }
        assert not poor

    @pytest.mark.parametrize("theme", RGB, ids=lambda theme: theme.name)
    def test_the_row_of_the_cursor_and_marked_ones_stand_out_with_256_colours(self, theme: Theme) -> None:
        known = colors(theme)
        ground, *rows = (with_256(known[name]) for name in ("background", "row-cursor", "row-marked"))
        assert len({*rows}) == 2
        assert all(contrast(row, ground) >= 1.15 for row in rows)

    @pytest.mark.parametrize("theme", RGB, ids=lambda theme: theme.name)
    def test_no_two_hosts_colours_are_one_and_none_is_a_tone(self, theme: Theme) -> None:
        known = colors(theme)
        tones = [known[tone] for tone in ("tone-warn", "tone-bad")]
        for seen in (str, with_256):
            assert len({seen(known[host]) for host in HOSTS}) == len(HOSTS)
            assert not {seen(known[host]) for host in HOSTS} & set(map(seen, tones))

    def test_high_contrast_is_7_to_1(self) -> None:
        known = colors(THEMES["high-contrast"])
        for text, ground in product(TEXTS, ("background", "surface", "panel", "header")):
            assert contrast(known[text], known[ground]) >= 7

    @pytest.mark.parametrize("theme", RGB, ids=lambda theme: theme.name)
    def test_the_row_of_the_cursor_and_marked_ones_stand_out(self, theme: Theme) -> None:
        known = colors(theme)
        assert contrast(known["row-cursor"], known["background"]) >= 1.2
        assert contrast(known["row-marked"], known["background"]) >= 1.2

    @pytest.mark.parametrize("kind", BLINDNESS)
    @pytest.mark.parametrize("name", ["okabe-ito-dark", "okabe-ito-light"])
    def test_the_tones_of_the_pair_differ_to_every_eye(self, name: str, kind: str) -> None:
        known = colors(THEMES[name])
        good, warn, bad = (known[tone] for tone in ("tone-good", "tone-warn", "tone-bad"))
        pairs = ((good, warn), (good, bad), (warn, bad))
        assert min(difference(a, b, kind) for a, b in pairs) >= 15
        assert min(difference(with_256(a), with_256(b), kind) for a, b in pairs) >= 15

    @pytest.mark.parametrize("name", ["ansi-dark", "ansi-light"])
    def test_the_terminals_own_colours_are_all_that_the_ansi_themes_use(self, name: str) -> None:
        said = tomllib.loads((shipped_folder() / f"{name}.toml").read_text())
        used = {**said["colors"], **said["variables"]}
        assert not [value for value in used.values() if value.startswith("#")]
        # With no colour at all the row of the cursor is still seen.
        assert said["variables"]["row-cursor-style"] == "reverse"

    def test_production_is_not_mistaken_for_another(self) -> None:
        header = colors(THEMES["production"])["header"]
        others = [colors(theme)["header"] for theme in RGB if theme.name != "production"]
        red, green, blue = linear(header)
        assert red > 5 * max(green, blue)
        assert header not in others

    async def test_textual_takes_each(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("NO_COLOR", raising=False)

        class Console(App[None]):
            CSS = "Screen { background: $header; color: $tone-faint; text-style: $row-cursor-style; }"

            def get_theme_variable_defaults(self) -> dict[str, str]:
                return DEFAULT_VARIABLES

        app = Console()
        async with app.run_test() as pilot:
            for theme in THEMES.values():
                app.register_theme(theme)
                app.theme = theme.name
                await pilot.pause()
                if not theme.ansi:
                    assert app.screen.styles.background.hex.lower() == theme.variables["header"]

    def test_a_wheel_holds_them_where_they_are_looked_for(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())
        (source, target), *more = project["tool"]["hatch"]["build"]["targets"]["wheel"][
            "force-include"
        ].items()
        assert not more
        assert (ROOT / source).resolve() == shipped_folder().resolve()
        assert target == "console/themes"

    def test_the_page_names_each_and_every_key(self) -> None:
        text = (ROOT / "docs/themes.md").read_text()
        words = set(re.findall(r"[a-z][a-z0-9-]+", text))
        assert words >= {*THEMES, *VARIABLES.keys, *COLORS.keys}


class TestOwn:
    def test_it_says_only_what_differs(self, mine: Path) -> None:
        themes, problems = load(mine, 'base = "light"\n[variables]\ntone-bad = "#8B0000"\n')
        assert not problems
        assert themes["mine"].variables["tone-bad"] == "#8b0000"
        assert themes["mine"].variables["tone-good"] == THEMES["light"].variables["tone-good"]
        assert (themes["mine"].dark, themes["mine"].background) == (False, THEMES["light"].background)

    def test_without_a_base_it_starts_from_dark_or_light(self, mine: Path) -> None:
        assert load(mine, "")[0]["mine"].background == THEMES["dark"].background
        assert load(mine, "dark = false")[0]["mine"].background == THEMES["light"].background

    def test_it_can_take_the_place_of_a_shipped_one(self, mine: Path) -> None:
        themes, problems = load(mine, 'name = "dark"\nbase = "dark"\n[colors]\nbackground = "#000000"\n')
        assert not problems
        assert themes["dark"].background == "#000000"
        assert themes["dark"].panel == THEMES["dark"].panel

    @pytest.mark.parametrize(
        ("text", "line", "said", "accepted"),
        [
            ("nam = 'x'", 1, 'unknown key "nam" (did you mean name?)', "name, base, dark, ansi, [colors]"),
            ("base = 'drak'", 1, 'base: there is no theme "drak"', "production"),
            ("dark = 'yes'", 1, 'dark: "yes" is neither true nor false', "true or false"),
            ("name = 'a b'", 1, 'name: "a b" cannot be a name', "A-Z a-z"),
            ("[colors]\nforegroud = '#ffffff'", 2, "(did you mean foreground?)", "primary, secondary"),
            ("[colors]\ntone-bad = '#ffffff'", 2, "(it is a key of [variables])", "primary"),
            ("[colors]\npanel = 'red'", 2, '[colors] panel: "red" is not a colour', '"#rrggbb"'),
            ("\n[variables]\nmatch = '#fff'", 3, '[variables] match: "#fff" is not a colour', '"#rrggbb"'),
            ("[variables]\nmatch = 'ansi_red'", 2, "needs ansi = true", '"#rrggbb"'),
            ("[variables]\nmatch-style = 'blink'", 2, '"blink" is not a text style', "bold dim"),
            ("[variables]\nmatch-style = 'none bold'", 2, "is not a text style", "bold dim"),
            ("colors = 5", 1, "[colors]: 5 is not a table", "primary"),
            ("[colors", 1, "not TOML", ""),
        ],
    )
    def test_what_is_wrong_is_told_with_its_line_and_the_rest_is_loaded(
        self, mine: Path, text: str, line: int, said: str, accepted: str
    ) -> None:
        themes, (problem,) = load(mine, text)
        assert set(themes) == set(THEMES)
        assert (problem.file, problem.line) == (mine / "mine.toml", line)
        assert said in problem.text
        assert accepted in problem.text.partition("accepted")[2]

    def test_two_files_cannot_be_the_same_theme(self, mine: Path) -> None:
        load(mine, 'name = "x"', "a.toml")
        themes, (problem,) = load(mine, 'name = "x"\n[colors]\npanel = "#000000"', "b.toml")
        assert problem.file.name == "b.toml"
        assert themes["x"].panel == THEMES["dark"].panel

    def test_a_folder_that_is_not_there_is_no_problem(self, tmp_path: Path) -> None:
        assert load_themes([shipped_folder(), tmp_path / "none"])[1] == []

    def test_a_changed_file_is_seen(self, mine: Path) -> None:
        load(mine, "")
        before = stamp([mine])
        assert stamp([mine]) == before
        os.utime(mine / "mine.toml", ns=(1, 1))
        changed = stamp([mine])
        (mine / "mine.toml").unlink()
        assert len({before, changed, stamp([mine])}) == 3


class TestChoice:
    def test_the_fleets_file_says_which(self, tmp_path: Path) -> None:
        assert choose(TerminalConfig(theme="light"), tmp_path, THEMES) == ("light", None)

    def test_else_the_terminal_does(self, tmp_path: Path) -> None:
        assert choose(TerminalConfig(), tmp_path, THEMES, color_system="truecolor") == ("dark", None)
        assert choose(TerminalConfig(), tmp_path, THEMES, color_system="standard") == ("ansi-dark", None)

    def test_without_colour_it_is_one_that_can_be_seen_without(self, tmp_path: Path) -> None:
        assert choose(TerminalConfig(theme="light"), tmp_path, THEMES, no_color=True)[0] == "ansi-dark"

    def test_one_that_is_not_there_is_told_with_its_line(self, tmp_path: Path) -> None:
        path = tmp_path / "fleet.toml"
        path.write_text('[fleet]\nname = "x"\n[terminal]\nmouse = true\ntheme = "drak"\n')
        name, problem = choose(TerminalConfig(theme="drak"), path, THEMES)
        assert name == "dark"
        assert problem
        assert str(problem).startswith(f'{path}:5: [terminal] theme: there is no theme "drak"')
