"""The terminal in a real terminal, on real hosts: from what is wrong to the line that says why, and out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.lab.lab import Lab
from tests.tui.tmux import Tmux


@pytest.fixture
def terminal(lab: Lab, tmp_path: Path) -> Iterator[Tmux]:
    opened = Tmux(tmp_path / "tmux", asyncio.run(lab.status()).config)
    try:
        opened.until("› watch")
        yield opened
    finally:
        opened.close()


def test_from_the_failing_unit_to_its_log_and_out_leaving_nothing(terminal: Tmux) -> None:
    terminal.until("failing.service")
    terminal.press("/")
    terminal.until("filter: text")
    terminal.press("failing.s")
    terminal.press("Enter")
    terminal.until("/failing.s")
    terminal.press("l")
    shown = terminal.until("cannot open volume")
    assert "› failing.service › logs" in shown
    terminal.press("q")
    terminal.until("› watch")
    terminal.press("q")
    terminal.until("ended with 0")
    assert [line for line in terminal.children() if "console" in line or "ssh" in line] == []


def test_a_host_without_power_is_unreachable_on_the_screen_and_comes_back(
    breakable: Lab, terminal: Tmux
) -> None:
    terminal.press("H")
    terminal.until("› hosts")
    terminal.until("4 ● live")
    asyncio.run(breakable.kill("docker2"))
    shown = terminal.until("1 ✖ unreachable", 20)
    assert "3 ● live" in shown
    asyncio.run(breakable.start("docker2"))
    terminal.until("4 ● live", 60)
