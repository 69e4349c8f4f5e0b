"""A rollout of real hosts, looked at in a real terminal, and paused from there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.lab.lab import Lab
from tests.lab.conftest import lab_of
from tests.lab.rolling import PATIENCE_S, QUICK, Rolling, made_anew
from tests.tui.tmux import Tmux

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def atomic() -> Iterator[Lab]:
    with lab_of({"atomic": 2}, "rollouts-") as made:
        yield made


@pytest.fixture
def two(atomic: Lab, endpoint: str, tmp_path: Path) -> Iterator[Rolling]:
    """Two hosts on 1.0."""
    made_anew(atomic, {"atomic": 2})
    made = Rolling.of(atomic, endpoint, tmp_path)
    yield made
    made.close()


@pytest.fixture
def terminal(two: Rolling, tmp_path: Path) -> Iterator[Tmux]:
    """The console on them, of 80x24."""
    folder = tmp_path / "terminal"
    folder.mkdir()
    made = Tmux(folder / "tmux", two.config)
    yield made
    made.close()


def test_hosts_are_seen_to_move_and_one_key_pauses_before_the_next(two: Rolling, terminal: Tmux) -> None:
    terminal.until("2 hosts", PATIENCE_S)
    terminal.press("R")
    terminal.until("no rollout yet")

    two.start("host", "update", "--to=1.1", "--on=*", "--max-unavailable=1", *QUICK, "--yes")
    terminal.until("● running", PATIENCE_S)
    terminal.press("Enter")
    terminal.until("0 of 2 done")
    terminal.until("b 1 reboot", PATIENCE_S)
    terminal.press("p")
    terminal.until("running → paused once 1 under way")
    terminal.press("y", "Enter")
    terminal.until("esc closes")
    terminal.press("Escape")
    terminal.until("▲ paused", PATIENCE_S)
    terminal.until("1 of 2 done", PATIENCE_S)
    terminal.until("nothing more begins")
    assert sorted(two.versions().values()) == ["1.0", "1.1"]
    assert two.shown()["state"] == "paused"

    terminal.press("O")
    shown = terminal.until("VERSION")
    assert "1.1" in shown
    assert "1.0" in shown
