"""Themes whose files change while the terminal runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from console.model.config import TerminalConfig
from console.tui import app as app_module
from console.tui.app import QuarterdeckApp
from console.tui.theme_watch import ThemeWatch
from console.tui.themes import shipped_folder
from tests.tui.small_fleet import SmallFleet, app_on, until
from tests.tui.test_app import shows


class Folder:
    """A user's folder of themes, and a watch on it."""

    def __init__(self, path: Path, theme: str | None = "mine") -> None:
        self.path = path
        self._clock = 0
        self.config = path / "fleet.toml"
        self.config.write_text(f'[fleet]\nname = "x"\n[terminal]\ntheme = "{theme}"\n')
        self.themes = path / "themes"
        self.themes.mkdir()
        self._terminal = TerminalConfig(theme=theme)

    def write(self, text: str, name: str = "mine.toml") -> None:
        """Write a file, later than the last time whatever the file system's clock does."""
        self._clock += 1
        path = self.themes / name
        path.write_text(text)
        os.utime(path, (self._clock, self._clock))

    def watch(self) -> ThemeWatch:
        return ThemeWatch([shipped_folder(), self.themes], self._terminal, self.config)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.write('[colors]\nbackground = "#000001"\n')
    return made


def ground(watch: ThemeWatch) -> str | None:
    return watch.themes[watch.theme].background


def test_nothing_is_read_while_nothing_changes(folder: Folder) -> None:
    watch = folder.watch()
    assert ground(watch) == "#000001"
    assert not watch.look()


def test_a_file_that_changes_is_taken_up(folder: Folder) -> None:
    watch = folder.watch()
    folder.write('[colors]\nbackground = "#000002"\n')
    assert watch.look()
    assert ground(watch) == "#000002"
    assert watch.problems == ()


def test_a_broken_one_is_told_once_with_its_line_and_the_theme_stays(folder: Folder) -> None:
    watch = folder.watch()
    folder.write('[colors]\nbackground = "blue"\n')
    assert watch.look()
    (problem,) = watch.problems
    assert problem.startswith(f'{folder.themes / "mine.toml"}:2: [colors] background: "blue" is not a colour')
    assert (watch.theme, ground(watch)) == ("mine", "#000001")
    folder.write('[colors]\nbackground = "#000003"\n', "other.toml")
    assert watch.look()
    assert watch.problems == (), "it was told already"
    assert watch.themes["other"].background == "#000003", "one that is broken does not stop the others"
    assert ground(watch) == "#000001"
    folder.write('[colors]\nbackground = "#000004"\n')
    assert watch.look()
    assert ground(watch) == "#000004"


def test_a_file_that_goes_is_told_and_another_theme_is_used(folder: Folder) -> None:
    watch = folder.watch()
    (folder.themes / "mine.toml").unlink()
    assert watch.look()
    assert watch.theme == "dark"
    (problem,) = watch.problems
    assert f"{folder.config}:4: [terminal] theme" in problem


def test_one_that_was_broken_from_the_start_is_taken_up_when_it_is_mended(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write("background")
    watch = folder.watch()
    assert watch.theme == "dark"
    assert [problem.partition(":")[0] for problem in watch.problems] == [
        str(folder.themes / "mine.toml"),
        str(folder.config),
    ]
    folder.write('[colors]\nbackground = "#000005"\n')
    assert watch.look()
    assert not watch.problems
    assert (watch.theme, ground(watch)) == ("mine", "#000005")


async def test_a_fleet_file_that_has_gone_is_a_note_and_no_crash(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_module, "THEMES_EVERY_S", 0.01)
    app = app_on(SmallFleet(), theme_watch=folder.watch())
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: app.main.shown is not None)
        folder.config.unlink()
        (folder.themes / "mine.toml").unlink()
        await shows((app, pilot), "fleet.toml")
        assert app.fault is None
        assert app.theme == "mine"


async def test_the_screen_changes_with_the_file_and_not_with_a_broken_one(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_module, "THEMES_EVERY_S", 0.01)
    monkeypatch.delenv("NO_COLOR", raising=False)
    watch = folder.watch()
    app = app_on(SmallFleet(), theme_watch=watch)

    def is_ground(color: str) -> bool:
        return app.main.styles.background.hex.lower() == color

    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: app.main.shown is not None and is_ground("#000001"))
        folder.write('[colors]\nbackground = "#000002"\n')
        await until(pilot, lambda: is_ground("#000002"))
        folder.write('\n\n[colors]\nbackground = "blue"\n')
        await shows((app, pilot), "mine.toml:4:")
        assert is_ground("#000002")
        assert isinstance(app, QuarterdeckApp)
        assert app.fault is None
