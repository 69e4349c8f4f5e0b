"""The terminal in a real terminal, on real hosts: from what is wrong to the line that says why, and out."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.lab.lab import Lab


class Tmux:
    """A terminal of 80x24 with the console in it, on a tmux server of its own."""

    def __init__(self, socket: Path, config: Path) -> None:
        self._tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]
        line = f"{sys.executable} -m console --config {config}; echo ended with $?; exec sleep 600"
        environ = {**os.environ, "TERM": "xterm-256color", "XDG_STATE_HOME": str(socket.parent)}
        environ.pop("NO_COLOR", None)
        argv = [*self._tmux, "new-session", "-d", "-x", "80", "-y", "24", line]
        subprocess.run(argv, check=True, env=environ)

    def press(self, *keys: str) -> None:
        subprocess.run([*self._tmux, "send-keys", *keys], check=True)

    def screen(self) -> str:
        shown = subprocess.run([*self._tmux, "capture-pane", "-p"], check=True, capture_output=True)
        return shown.stdout.decode()

    def until(self, wanted: str, seconds: float = 30) -> str:
        """The screen once it shows `wanted`."""
        end = time.monotonic() + seconds
        while wanted not in (screen := self.screen()):
            if time.monotonic() > end:
                pytest.fail(f"{wanted!r} is not on the screen:\n{screen}")
            time.sleep(0.1)
        return screen

    def children(self) -> list[str]:
        """Command lines of what still runs in the terminal."""
        pane = [*self._tmux, "display-message", "-p", "#{pane_pid}"]
        pid = subprocess.run(pane, check=True, capture_output=True, text=True).stdout.strip()
        found = subprocess.run(["pgrep", "-a", "-s", pid], capture_output=True, text=True, check=False)
        return found.stdout.splitlines()

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=True)


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
