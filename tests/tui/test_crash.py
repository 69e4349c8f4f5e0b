"""The whole program on a terminal of its own, and a fault in the middle of it."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

#: What breaks, as a line run before the program starts. The fault knows a password.
_FAULT = """
import sys
from console.hosts.secrets import Secret

def broken(*args, **options):
    password = Secret("sword" + "fish")
    raise RuntimeError(f"no such thing, password {password}")

async def broken_later(*args, **options):
    broken()
"""
FAULTS = {
    "a key": "from console.tui.screens.main import MainScreen; MainScreen.action_help = broken",
    "a worker": "from console.tui.shown.page import ShownPage; ShownPage._ask = broken_later",
    "what brings changes to the screen": "from console.tui.shown.log import ShownLog; ShownLog.take = broken",
    "what draws": "from console.tui.widgets.log_pane import LogPane; LogPane.render_line = broken",
}
#: What leads to each.
KEYS = {"a key": "?", "a worker": "i", "what brings changes to the screen": "L", "what draws": "L"}

_START = "from console.__main__ import main; sys.exit(main())"


class Terminal:
    """A pseudo-terminal of 80x24 with a program on it."""

    def __init__(self, argv: list[str], environ: dict[str, str]) -> None:
        self._ours, self._its = pty.openpty()
        termios.tcsetwinsize(self._its, (24, 80))
        self.modes = termios.tcgetattr(self._its)
        its = self._its
        self.process = subprocess.Popen(
            argv, stdin=its, stdout=its, stderr=its, env=environ, start_new_session=True
        )
        self.output = ""

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def until(self, wanted: str, seconds: float = 30) -> None:
        """Take what is written until `wanted` is."""
        self._read(seconds, lambda: wanted in self.output or self.process.poll() is not None)
        assert wanted in self.output, plain(self.output)

    def until_it_ends(self, seconds: float = 30) -> int:
        """Its exit code, once all that it has written is taken."""
        self._read(seconds, lambda: self.process.poll() is not None)
        self._read(0.0, lambda: False, all_there_is=True)
        return self.process.wait()

    def _read(self, seconds: float, enough: Callable[[], bool], *, all_there_is: bool = False) -> None:
        end = time.monotonic() + seconds
        while not enough():
            ready, _, _ = select.select([self._ours], [], [], 0.05)
            if ready:
                self.output += os.read(self._ours, 65536).decode(errors="replace")
            elif all_there_is:
                return
            elif time.monotonic() > end:
                pytest.fail(f"not in time; what was written:\n{plain(self.output)[-2000:]}")

    def modes_now(self) -> list[object]:
        return termios.tcgetattr(self._its)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._ours)
        os.close(self._its)


def plain(output: str) -> str:
    """What was written but for control sequences."""
    return re.sub(r"\x1b(\[[0-9;?<>=$]*[A-Za-z~]|[()][A-Z0-9]|[=>78]|\][^\x07]*\x07)", "", output)


class Started:
    """The program on a fleet of one host that nobody listens on."""

    def __init__(self, folder: Path, before: str = "") -> None:
        config = folder / "fleet.toml"
        config.write_text(
            '[fleet]\nname = "prod"\n'
            '[[host]]\nname = "web1"\naddress = "127.0.0.1"\nport = 1\nuser = "nobody"\n'
        )
        self.state = folder / "state"
        environ = {
            **os.environ,
            "TERM": "xterm-256color",
            "XDG_STATE_HOME": str(self.state),
            "XDG_CONFIG_HOME": str(folder / "config"),
        }
        environ.pop("NO_COLOR", None)
        script = f"{_FAULT}\n{before}\nsys.argv = ['quarterdeck', '--config', {str(config)!r}]\n{_START}"
        self.terminal = Terminal([sys.executable, "-c", script], environ)

    def reports(self) -> list[str]:
        return [path.read_text() for path in sorted(self.state.rglob("crash-*.txt"))]


@pytest.fixture
def close() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def assert_restored(terminal: Terminal) -> str:
    """The terminal is as it was; what was written since, on the screen it gives back."""
    output = terminal.output
    assert output.rindex("\x1b[?1049l") > output.rindex("\x1b[?1049h"), "the other screen is left"
    assert output.rindex("\x1b[?25h") > output.rindex("\x1b[?25l"), "the cursor is shown"
    for mode in ("1000", "1003", "1015", "1006"):
        assert output.rindex(f"\x1b[?{mode}l") > output.rindex(f"\x1b[?{mode}h"), f"mouse mode {mode} is off"
    assert output.rindex("\x1b[?2004l") > output.rindex("\x1b[?2004h"), "a paste is no bracket any more"
    assert terminal.modes_now() == terminal.modes, "lines are edited and echoed again"
    return plain(output[output.rindex("\x1b[?1049l") :])


@pytest.mark.parametrize("where", FAULTS)
def test_a_fault_gives_the_terminal_back_and_leaves_a_report_without_secrets(
    where: str, tmp_path: Path, close: list[Terminal]
) -> None:
    started = Started(tmp_path, FAULTS[where])
    terminal = started.terminal
    close.append(terminal)
    terminal.until("▸")
    terminal.press(KEYS[where])
    assert terminal.until_it_ends() == 1
    left = assert_restored(terminal)
    assert "a fault of Quarterdeck's own: RuntimeError; a report is in " in left
    assert "Traceback" not in plain(terminal.output)
    (report,) = started.reports()
    assert "RuntimeError: no such thing, password Secret(****)" in report
    assert ", in broken\n" in report, "where it happened"
    assert "swordfish" not in report + terminal.output


def test_ended_from_outside_it_gives_the_terminal_back(tmp_path: Path, close: list[Terminal]) -> None:
    started = Started(tmp_path)
    terminal = started.terminal
    close.append(terminal)
    terminal.until("▸")
    os.kill(terminal.process.pid, signal.SIGTERM)
    assert terminal.until_it_ends() == 130
    assert "Traceback" not in assert_restored(terminal)
    assert started.reports() == []


def test_quit_by_its_key_it_gives_the_terminal_back(tmp_path: Path, close: list[Terminal]) -> None:
    started = Started(tmp_path)
    terminal = started.terminal
    close.append(terminal)
    terminal.until("▸")
    terminal.press("q")
    assert terminal.until_it_ends() == 0
    assert assert_restored(terminal).strip() == ""
