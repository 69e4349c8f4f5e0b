"""Work of an updater's in a unit of its own, as an operation of the simulated machine. Pure.

    argv ──▶ a script that begins the work, or finds it ──▶ its log as it grows, and how it ended

The script is the product's own (`console/updates/work.py`) and is not run here: what it does and says is done
in its stead. `tests/sim/contract_updates.py` holds the two together.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import partial

from console.lab.sim import update_scripts, updaters_cli
from console.lab.sim.catalog import UnitKind
from console.lab.sim.deployments import STAGING_TAKES, CannotBe
from console.lab.sim.files import Printed
from console.lab.sim.machine import Machine
from console.lab.sim.wire import Out

_BEGINS = "systemd-run --quiet --collect --unit="
_FOLDER = "/run/systemd/transient"
#: What systemd takes to begin it. Seconds.
_BEGINS_AFTER = 0.1
#: So often a download says how far it is.
_SAID = 4


def asked(argv: Sequence[str]) -> bool:
    """Whether a command line begins such work."""
    return tuple(argv[:2]) == ("sh", "-c") and len(argv) == 10 and _BEGINS in argv[2]


class UpdateWork:
    """Who follows the work; see `Service`. It goes on without them."""

    def __init__(self, machine: Machine, argv: Sequence[str], out: Out, *, root: bool) -> None:
        *_, what, program, _, unit, folder, seen = argv
        self._machine = machine
        self._out = out
        self._files = _Files(folder)
        self._told = 0
        if not root:
            out.complain(b"sh: 1: Permission denied\n")
            out.end(1)
            return
        running = machine.works.get(unit)
        if running is None and not (seen and self._has_ended(what)):
            running = machine.works[unit] = Work(machine, unit, self._files, what, program)
        elif running is not None and self._files.read(machine, "what") != f"{what}\n":
            out.write(f"\x1ebusy\n{self._files.read(machine, 'what')}".encode())
            out.end()
            return
        if running is None:
            self.tell()
        else:
            running.followers.append(self)

    def _has_ended(self, what: str) -> bool:
        machine, files = self._machine, self._files
        return files.read(machine, "what") == f"{what}\n" and files.path("ended") in machine.files

    def tell(self) -> None:
        """Say what has been said since, and how it has ended if it has."""
        machine, files = self._machine, self._files
        log = files.read(machine, "log")
        self._out.write(log[self._told :].encode())
        self._told = len(log)
        if files.path("ended") in machine.files:
            self._out.write(f"\x1eended\n{files.read(machine, 'ended')}".encode())
            self._out.end()

    def received(self, data: bytes) -> None:
        """It is asked nothing."""

    def finished(self) -> None:
        """It says on."""

    def closed(self) -> None:
        for work in self._machine.works.values():
            if self in work.followers:
                work.followers.remove(self)


class _Files:
    """Where the work is kept, below /run: what it is, its log, how it ended."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def path(self, name: str) -> str:
        return f"{self._folder}/{name}"

    def read(self, machine: Machine, name: str) -> str:
        return machine.files.get(self.path(name), b"").decode("utf-8", "replace")


class Work:
    """Commands one after the other, up to the first that fails."""

    def __init__(self, machine: Machine, unit: str, files: _Files, what: str, program: str) -> None:
        self.followers: list[UpdateWork] = []
        self._machine = machine
        self._unit = unit
        self._files = files
        self._commands = _commands(program)
        machine.files[files.path("what")] = f"{what}\n".encode()
        machine.files[files.path("log")] = b""
        machine.files.pop(files.path("ended"), None)
        kind = UnitKind(
            unit, f"Quarterdeck: {what}", "inactive", "dead", start_takes=_BEGINS_AFTER / 2, folder=_FOLDER
        )
        machine.units.write(kind)
        machine.units.start(unit)
        machine.later(_BEGINS_AFTER, self._next)

    def _next(self) -> None:
        while self._commands:
            argv = self._commands.pop(0)
            try:
                version = updaters_cli.fetched(self._machine, argv)
            except CannotBe as error:
                self._say(f"error: {error}\n")
                self._end(1)
                return
            if version is not None:
                self._fetch(version)
                return
            done = _run(self._machine, argv)
            self._say(f"{done.out if isinstance(done.out, str) else done.out.decode()}{done.err}")
            if done.code:
                self._end(done.code)
                return
        self._end(0)

    def _fetch(self, version: str) -> None:
        machine = self._machine
        assert machine.deployments is not None
        takes = STAGING_TAKES / machine.speed
        for step in range(1, _SAID + 1):
            percent = 100 * step // _SAID
            text = f"Receiving objects: {percent}% ({10 * percent}/1000) 2.1 MB/s\r"
            machine.later(takes * step / (_SAID + 1), partial(self._say, text))
        machine.deployments.stage(version, machine.later, takes)
        machine.later(takes, self._fetched)

    def _fetched(self) -> None:
        self._say("200 metadata, 800 content objects fetched; 20480 KiB transferred in 1 seconds\n")
        self._next()

    def _say(self, text: str) -> None:
        self._machine.files[self._files.path("log")] += text.encode()
        self._tell()

    def _end(self, code: int) -> None:
        self._machine.files[self._files.path("ended")] = f"{code}\n".encode()
        self._machine.units.ended(self._unit)
        del self._machine.works[self._unit]
        self._tell()

    def _tell(self) -> None:
        for follower in tuple(self.followers):
            follower.tell()


def _run(machine: Machine, argv: Sequence[str]) -> Printed:
    """A command of the work, as root."""
    if argv[0] in updaters_cli.PROGRAMS:
        return updaters_cli.run(machine, argv, root=True)
    said = update_scripts.answer(machine, argv, root=True)
    return said if said is not None else Printed(code=127, err=f"sh: 1: {argv[0]}: not found\n")


def _commands(program: str) -> list[list[str]]:
    """The commands of a program that joins them by `&&`."""
    commands: list[list[str]] = [[]]
    for word in shlex.split(program):
        if word == "&&":
            commands.append([])
        else:
            commands[-1].append(word)
    return [command for command in commands if command]
