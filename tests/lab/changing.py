"""Writes from the command line, as a script makes them, with a state folder of their own."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from console.cli.main import main
from console.model.text import clean
from tests.lab.truth import Truth


@dataclass(frozen=True)
class Done:
    """What a run wrote."""

    stdout: str
    stderr: str


@dataclass(frozen=True)
class Writer:
    """The command line on the lab, as somebody who may write."""

    truth: Truth
    state: Path

    def argv(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "console.cli.main", "--config", str(self.truth.config.path), *words]

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, "XDG_STATE_HOME": str(self.state)}

    def run(self, *words: str, code: int = 0, **environ: str) -> Done:
        """One run, with nobody at a terminal; it must end with `code`.

        In this process: the half second that a new one takes to import would be most of the test.
        """
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, {**self.environ, **environ}),
            mock.patch("console.cli.ask.terminal_there", return_value=False),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            ended = main(self.argv(*words)[3:])
        assert ended == code, (words, ended, out.getvalue(), err.getvalue())
        return Done(out.getvalue(), err.getvalue())

    def write(self, *words: str, code: int = 0) -> dict[str, tuple[str, str]]:
        """A confirmed write: status and detail by target."""
        done = self.run(*words, "--yes", "-o", "json", code=code)
        results = json.loads(done.stdout) if done.stdout.strip() else []
        return {result["target"]: (result["status"], result["detail"]) for result in results}

    def plan(self, *words: str) -> dict[str, Any]:
        """The plan of a write."""
        found = json.loads(self.run(*words, "--plan", "-o", "json").stdout)
        assert isinstance(found, dict)
        return found

    def last(self) -> dict[str, Any]:
        """The newest audit record."""
        (record,) = json.loads(self.run("audit", "show", "-o", "json").stdout)
        assert isinstance(record, dict)
        return record

    def undo_last(self) -> dict[str, tuple[str, str]]:
        return self.write("audit", "undo", self.last()["id"])

    def typed(self, words: Sequence[str], answer: str) -> tuple[int, str]:
        """A write at a terminal: the plan is shown, the answer typed; exit code and all that was shown."""
        child, terminal = pty.fork()
        if child == 0:
            os.environ.update(self.environ)
            argv = self.argv(*words)
            os.execv(argv[0], argv)
        shown = b""
        answered = False
        while True:
            try:
                more = os.read(terminal, 65536)
            except OSError:
                break
            if not more:
                break
            shown += more
            if not answered and b"anything else: no" in shown:
                answered = True
                os.write(terminal, answer.encode() + b"\n")
        os.close(terminal)
        _, status = os.waitpid(child, 0)
        assert answered, shown
        return os.waitstatus_to_exitcode(status), " ".join(map(clean, shown.decode().split()))

    def start(self, words: Sequence[str]) -> subprocess.Popen[str]:
        """A run that is not waited for, which Ctrl-C reaches as from a terminal."""
        return subprocess.Popen(
            self.argv(*words),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environ,
            preexec_fn=interruptible,
        )


def interruptible() -> None:
    """Also where the tests themselves were started with SIGINT ignored, as in the background of a shell."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
