"""An engine in a process of its own, for tests that kill and freeze it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.waiting import patience


@dataclass
class EngineProcess:
    """One that was begun.

    :param log: where all goes that it says.
    """

    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def begin(cls, argv: Sequence[str], log: Path, state: Path) -> EngineProcess:
        """:param state: the folder that it keeps its state in."""
        with log.open("wb") as into:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=into,
                stderr=into,
                env={**os.environ, "XDG_STATE_HOME": str(state)},
            )
        return cls(process, log)

    @property
    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")

    @property
    def lives(self) -> bool:
        return self.process.poll() is None

    @property
    def elected(self) -> int:
        """At which revision it was elected last, as it tells; 0: never."""
        said = [line for line in self.said.splitlines() if "elected at " in line]
        return int(said[-1].rpartition("elected at ")[2]) if said else 0

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """As a power cut does."""
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """As systemd does; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=patience(20))
