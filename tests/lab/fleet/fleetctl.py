"""fleetctl's lines as fleet's own functional tests typed them, run by our console on real hosts.

What came of a line is asked of the hosts, past the console and the engine (`Placing`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tests.cli.services_fleet import Console
from tests.lab.fleet.placing import WAIT_S, Placing
from tests.lab.waiting import patience

#: What nearly all of fleet's fixtures run.
_LOOP = 'ExecStart=/bin/bash -c "while true; do echo Hello, World!; sleep 1; done"'

#: Lines that change something, and so have to be confirmed.
_WRITES = frozenset({"submit", "load", "start", "stop", "restart", "unload", "destroy", "ssh", "host"})


def unit(*options: str, runs: str = _LOOP, unit: str = "", install: str = "") -> str:
    """A unit file as fleet's users wrote them: `options` stand in its `[X-Fleet]`."""
    text = f"[Unit]\nDescription=Test Unit\n{unit}\n[Service]\n{runs}\n"
    if install:
        text += f"\n[Install]\n{install}\n"
    return text + "".join(["\n[X-Fleet]\n", *(f"{option}\n" for option in options)] if options else [])


@dataclass(frozen=True)
class Fleetctl:
    """Runs lines on a fleet that has an engine, in a folder of unit files.

    :param placing: the fleet, with an engine that leads.
    """

    placing: Placing
    console: Console

    def __call__(self, *words: str, code: int = 0) -> str:
        """Run a line, which waits at most as long as fleet did on an idle machine; what it prints."""
        agreed = ["--yes"] if words[0] in _WRITES else []
        at = words.index("--") if "--" in words else len(words)
        line = [*words[:at], *agreed, "--timeout", f"{patience(WAIT_S):.0f}s", *words[at:]]
        return asyncio.run(self.console.run(*line, code=code)).stdout

    def rows(self, *words: str) -> list[list[str]]:
        """What a list prints without its titles, or a command on a host, in words."""
        titles = ["--no-legend"] if words[0].startswith("list-") else []
        return [line.split() for line in self(*words[:1], *titles, *words[1:]).splitlines()]

    def write(self, name: str, *options: str, text: str | None = None) -> str:
        """A unit file in the folder; its name."""
        (self.console.folder / name).write_text(unit(*options) if text is None else text)
        return name

    def start(self, name: str, *options: str, code: int = 0) -> str:
        """Write a unit file and start it; its name."""
        self("start", self.write(name, *options), code=code)
        return name

    def where(self, pattern: str) -> dict[str, str]:
        """The host of each unit that is active, of which there must be one each."""
        found = self.placing.active(pattern)
        assert all(len(there) == 1 for there in found.values()), found
        return {name: there[0] for name, there in found.items()}
