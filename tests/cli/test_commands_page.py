"""The page of commands says what the registry says."""

from __future__ import annotations

from pathlib import Path

from console.cli.commands_page import page


def test_the_page_of_commands_is_not_stale() -> None:
    written = (Path(__file__).parents[2] / "docs/commands.md").read_text(encoding="utf-8")
    assert written == page(), "stale: python -m console.cli.commands_page > docs/commands.md"
