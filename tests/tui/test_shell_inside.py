"""A shell from inside the terminal: it has the screen for as long as it runs, and gives it back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.tmux import Tmux

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Tmux]:
    config = tmp_path / "fleet.toml"
    config.write_text('[[host]]\nname = "here"\ntransport = "local"\nbecome = "none"\n')
    opened = Tmux(tmp_path / "tmux", config, SHELL="/bin/sh", PS1="next? ")
    try:
        opened.until("› watch")
        yield opened
    finally:
        opened.close()


def test_a_letter_opens_a_shell_and_its_end_gives_the_screen_back(terminal: Tmux, tmp_path: Path) -> None:
    terminal.press("H")
    terminal.until("› hosts")
    terminal.press("a")
    terminal.until("shell")
    terminal.press("s")
    terminal.until("next?")
    terminal.press('echo on""e $TERM; stty size', "Enter")
    shown = terminal.until("24 80")
    assert "one " in shown
    assert "› hosts" not in shown, "nothing is painted over the shell"
    terminal.press("exit 3", "Enter")
    terminal.until("esc closes")
    terminal.press("Escape")
    terminal.until("› hosts")
    terminal.press("q")
    terminal.press("q")
    terminal.until("ended with 0")
    lines = (tmp_path / "quarterdeck" / "audit.jsonl").read_text().splitlines()
    ends = [entry for entry in map(json.loads, lines) if entry["phase"] == "end"]
    assert [(entry["line"], entry["outcome"]) for entry in ends] == [("host shell here", "failed")]
