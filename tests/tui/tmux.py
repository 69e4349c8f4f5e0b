"""The console in a real terminal."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest


class Tmux:
    """A terminal of 80x24 with the console in it, on a tmux server of its own.

    :param options: of the console.
    """

    def __init__(self, socket: Path, config: Path, *options: str, **environ: str) -> None:
        self._tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]
        console = shlex.join([sys.executable, "-m", "console", "--config", str(config), *options])
        line = f"{console}; echo ended with $?; exec sleep 600"
        environ = {
            **os.environ,
            "TERM": "xterm-256color",
            "XDG_STATE_HOME": str(socket.parent),
            **environ,
        }
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
