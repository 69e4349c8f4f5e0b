"""Somebody at a terminal, who opens a shell; here on this machine, so that no host is needed."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.cli.interactive import write_raw


class Person:
    """Sits at a terminal of 101 by 33 characters."""

    def __init__(self, folder: Path, *words: str) -> None:
        config = folder / "fleet.toml"
        config.write_text('[[host]]\nname = "here"\ntransport = "local"\nbecome = "none"\n')
        self.state = folder / "state"
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.slave, (33, 101))
        self.before = termios.tcgetattr(self.slave)
        self.shown = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "console.cli.main", "--config", str(config), *words],
            stdin=self.slave,
            stdout=self.slave,
            stderr=subprocess.PIPE,
            env={
                **os.environ,
                "TERM": "vt100",
                "SHELL": "/bin/sh",
                "PS1": "next? ",
                "XDG_STATE_HOME": str(self.state),
            },
            start_new_session=True,
            preexec_fn=_take_terminal,
        )

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def until(self, wanted: str) -> None:
        """Wait until it is shown."""
        end = time.monotonic() + 60
        while wanted.encode() not in self.shown:
            assert time.monotonic() < end, self.shown
            if select.select([self.master], [], [], 0.1)[0]:
                self.shown += os.read(self.master, 65536)
            else:
                assert self.process.poll() is None, self.shown
        self.shown = self.shown.partition(wanted.encode())[2]

    def ended(self) -> int:
        _, err = self.process.communicate(timeout=60)
        assert b"Traceback" not in err, err
        return self.process.returncode

    def records(self) -> list[dict[str, Any]]:
        lines = (self.state / "quarterdeck" / "audit.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def terminal_is_as_before(self) -> bool:
        return bool(termios.tcgetattr(self.slave) == self.before)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        os.close(self.master)
        os.close(self.slave)


def _take_terminal() -> None:
    """In the child: its stdin becomes the terminal that it is controlled by."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    sitting = Person(tmp_path, "host", "shell", "here")
    yield sitting
    sitting.close()


def test_a_shell_is_joined_and_its_exit_code_is_ours(person: Person) -> None:
    person.type('echo one""two $TERM; stty size\n')
    person.until("onetwo vt100")
    person.until("33 101")
    assert not person.terminal_is_as_before(), "keys go through one by one"
    person.type("exit 9\n")
    assert person.ended() == 9
    assert person.terminal_is_as_before()
    begin, end = person.records()
    assert (begin["line"], begin["phase"]) == ("host shell here", "begin")
    assert (end["outcome"], end["results"][0]["detail"]) == ("failed", "exit code 9")


def test_ctrl_c_is_for_the_shell(person: Person) -> None:
    # Not by a shell: dash forgets a ^C that comes between its fork and its exec.
    person.type(f"""{sys.executable} -c 'import time; print("wait" + "ing"); time.sleep(1000)'\n""")
    person.until("waiting")
    person.type("\x03")
    person.until("next? ")  # what is typed ahead of it, the shell may forget
    person.type('echo still""here; exit\n')
    person.until("stillhere")
    assert person.ended() in (0, 130)  # what the last command of the shell gave
    assert person.terminal_is_as_before()


def test_the_size_of_the_window_travels(person: Person) -> None:
    person.type('echo on""e\n')
    person.until("one")
    termios.tcsetwinsize(person.slave, (44, 99))
    person.type('while test "$(stty size)" != "44 99"; do sleep 0.1; done; echo re""sized; exit 0\n')
    person.until("resized")
    assert person.ended() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_however_it_is_ended_the_terminal_is_given_back(person: Person, number: signal.Signals) -> None:
    person.type('echo on""e\n')
    person.until("one")
    person.process.send_signal(number)
    assert person.ended() == 130
    assert person.terminal_is_as_before()
    assert person.records()[-1]["outcome"] == "interrupted"


def test_what_a_command_writes_goes_on_byte_for_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="utf-8"))
    write_raw(b"\x00\xff\x1b[31m\t\r\n")
    assert written.getvalue() == b"\x00\xff\x1b[31m\t\r\n"


def test_no_terminal_acts_on_what_a_command_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", Screen(written, encoding="utf-8"))
    write_raw(b"one\x1b]52;c;evil\x07\ntwo\x1b[2J\xff\n")
    assert written.getvalue().decode() == "one\ntwo�\n"
