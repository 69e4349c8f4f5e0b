"""What a command is given: here, whether it may write."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.commands.core import Core
from console.commands.grammar import Globals


def core(text: str | None, folder: Path, *, read_only: bool = False, yes: bool = False) -> Core:
    path = folder / "fleet.toml"
    if text is not None:
        path.write_text(text)
    return Core(Globals(config=path, read_only=read_only, yes=yes), environ={})


def test_the_fleets_own_file_makes_a_console_read_only_and_is_named(tmp_path: Path) -> None:
    why = core("[fleet]\nread_only = true\n", tmp_path).read_only()
    assert why == f"[fleet] read_only in {tmp_path}/fleet.toml"


def test_no_flag_lifts_what_the_file_says(tmp_path: Path) -> None:
    assert core("[fleet]\nread_only = true\n", tmp_path, yes=True).read_only()


def test_a_fleet_that_does_not_say_so_may_be_written(tmp_path: Path) -> None:
    assert core("[fleet]\nread_only = false\n", tmp_path).read_only() is None


def test_the_flag_is_told_before_the_file_is_read(tmp_path: Path) -> None:
    assert core(None, tmp_path, read_only=True).read_only() == "--read-only"


@pytest.mark.parametrize("text", [None, "[fleet]\nread_only = 'yes'\n"])
def test_with_no_fleet_to_read_nothing_is_refused_before_it_is_needed(
    tmp_path: Path, text: str | None
) -> None:
    assert core(text, tmp_path).read_only() is None
