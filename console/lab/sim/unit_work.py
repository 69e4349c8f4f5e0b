"""An engine's change of a host's units, as an operation of the simulated machine. Pure.

    argv ──▶ sh, which reads a script of $1 bytes …      stdin ──▶ … the script, and then a tar of files

The script is the product's own (`actions/apply_units.sh`) and is not run here: what it does and says is
done in its stead. `tests/sim/contract_units.py` holds the two together, by the same changes on a real host
and on this.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from console.lab.sim import unit_text
from console.lab.sim.files import text_of
from console.lab.sim.machine import Machine
from console.lab.sim.unit_state import BadSetting, NoSuchUnit
from console.lab.sim.wire import Out

_FLEET = "/etc/quarterdeck/fleet"
_REVISION = "/run/quarterdeck/revision"
_ROOTS = ("/run", "/etc")
_DROP_IN = "80-quarterdeck.conf"
_OPENING = b"# Has a host's unit files and jobs be as an engine wants them"
#: What the script takes on a host that has little to do. Seconds.
_TAKES, _RELOAD_TAKES = 0.05, 0.15


def asked(argv: Sequence[str]) -> bool:
    """Whether a command line is such a change."""
    return tuple(argv[:2]) == ("sh", "-c") and len(argv) == 7 and 'head -c "$1"' in argv[2]


def inspected(script: str) -> bool:
    """Whether a script for the shell asks what a host has of a fleet's."""
    return "/quarterdeck/units/*" in script and "read -r fleet" in script


def inspection(machine: Machine, script: str) -> str:
    """What it prints, as far as it asks."""
    lines = []
    if "boot_id" in script:
        lines.append(f"on {text_of(machine, '/proc/sys/kernel/random/boot_id').decode()}")
    if 'echo "clock' in script:
        lines.append(f"clock {int(machine.uptime() * 100)} {machine.machine_id}\n")
    for root in _ROOTS:
        folder = f"{root}/quarterdeck/units/"
        for path in sorted(path for path in machine.files if path.startswith(folder)):
            lines.append(f"{root} {path.removeprefix(folder)} {_read(machine, path)}\n")
    return "".join(lines) + f"of {_read(machine, _FLEET)}\n"


class UnitWork:
    """The command that makes one; see `Service`."""

    def __init__(self, machine: Machine, argv: Sequence[str], out: Out, *, root: bool) -> None:
        self._machine = machine
        self._size = int(argv[4])
        self._fleet = argv[5]
        self._revision = int(argv[6])
        self._out = out
        self._root = root
        self._said = bytearray()

    def received(self, data: bytes) -> None:
        self._said += data

    def finished(self) -> None:
        script, tar = bytes(self._said[: self._size]), bytes(self._said[self._size :])
        if not script.startswith(_OPENING):
            self._out.complain(b"sh: 1: this script is not simulated\n")
            self._out.end(127)
            return
        self._machine.later(_TAKES, lambda: self._work(tar))

    def closed(self) -> None:
        """What was not said to its end is not done."""

    def _work(self, tar: bytes) -> None:
        if not self._root:
            self._end(["fault cannot write below /run and /etc"])
            return
        files = self._machine.files
        owner = _read(self._machine, _FLEET) or self._fleet
        files[_FLEET] = f"{owner}\n".encode()
        if owner != self._fleet:
            self._end([f"foreign {owner}"])
            return
        kept = int(_read(self._machine, _REVISION) or 0)
        if self._revision < kept:
            self._end([f"superseded {kept}"])
            return
        files[_REVISION] = f"{self._revision}\n".encode()
        try:
            change = _Change(self._machine, self._fleet, _unpacked(tar))
        except (tarfile.TarError, KeyError):
            self._end(["fault what was sent cannot be unpacked"])
            return
        change.files_first()
        self._machine.later(_RELOAD_TAKES if change.reload else 0, lambda: self._end(change.jobs_then()))

    def _end(self, lines: Sequence[str]) -> None:
        self._out.write("".join(f"{line}\n" for line in lines).encode())
        self._out.end()


@dataclass(frozen=True, slots=True)
class _Line:
    """One unit's line of the work."""

    unit: str
    verb: str
    job: str
    root: str
    template: str
    boot: bool
    install: bool


class _Change:
    """What is done to a host's units, in two steps: its files, and then its jobs."""

    def __init__(self, machine: Machine, fleet: str, sent: dict[str, bytes]) -> None:
        self._machine = machine
        self._fleet = fleet
        self._sent = sent
        self._work = [_line(line) for line in sent["work"].decode("utf-8", "replace").splitlines()]
        self._said: list[str] = []
        self._starts: list[str] = []
        self._stops: list[str] = []
        self._removed: list[str] = []
        self._written: list[_Line] = []
        #: Whether systemd is to read its files anew.
        self.reload = False

    def files_first(self) -> None:
        for line in self._work:
            unit, mine = line.unit, self._root_of(line.unit)
            if mine is not None:
                if line.verb == "write" and mine != line.root:
                    self._forget(unit, mine)
            elif line.verb == "remove":
                continue
            elif found := self._taken(line):
                self._said.append(f"refused {unit} {found} is there, and is not this fleet's")
                continue
            if line.verb == "write":
                self._write(line)
            elif line.verb == "remove":
                assert mine is not None
                self._forget(unit, mine)
            {"start": self._starts, "stop": self._stops}.get(line.job, []).append(unit)
        units = self._machine.units
        for unit in self._removed:
            if unit in units:
                units.reset_failed(unit)
        self.reload |= any(unit in units for unit in self._removed)

    def jobs_then(self) -> list[str]:
        """Have the jobs begin; what the script says in the end."""
        units = self._machine.units
        if self.reload:
            units.daemon_reload()
        for unit in self._stops:
            self._try(unit, "stop", units.stop)
        unstarted = {unit for unit in self._starts if not self._start(unit)}
        for line in self._written:
            if line.unit not in unstarted:
                self._put(f"{line.root}/quarterdeck/units/{line.unit}", self._sent[f"marks/{line.unit}"])
        return [*self._said, "end"]

    def _start(self, unit: str) -> bool:
        units = self._machine.units
        if unit in units:
            units.reset_failed(unit)
        if self._try(unit, "start", units.start):
            return True
        kind = units.written.get(unit)
        if kind is not None and kind.fault:
            self._said.append(f"refused {unit} {unit}: {kind.fault}")
        return False

    def _try(self, unit: str, verb: str, job: Callable[[str], int]) -> bool:
        try:
            job(unit)
        except NoSuchUnit:
            why = f"Unit {unit} not {'found' if verb == 'start' else 'loaded'}."
        except BadSetting:
            why = f"Unit {unit} has a bad unit file setting."
        else:
            return True
        self._said += [
            f"said Failed to {verb} {unit}: {why}",
            f"said See system logs and 'systemctl status {unit}' for details.",
        ]
        return False

    # -- files ------------------------------------------------------------------------------

    def _root_of(self, unit: str) -> str | None:
        """Below which of /run and /etc a unit of this fleet's is."""
        found = None
        for root in _ROOTS:
            if _read(self._machine, f"{root}/quarterdeck/units/{unit}").partition(" ")[0] == self._fleet:
                found = root
        return found

    def _taken(self, line: _Line) -> str:
        """The unit file of this name, or of its template's, that somebody else has."""
        machine = self._machine
        for folder in (*unit_text.FOLDERS, "/usr/lib/systemd/system"):
            for name in (line.unit, line.template):
                path = f"{folder}/{name}"
                boots = next((kind for kind in machine.units.kinds if kind.name == name), None)
                if path in machine.files or (boots and boots.load == "loaded" and boots.path == path):
                    return path
        return ""

    def _write(self, line: _Line) -> None:
        unit, folder = line.unit, f"{line.root}/systemd/system"
        mark = f"{line.root}/quarterdeck/units/{unit}"
        if mark not in self._machine.files:
            first = self._sent[f"marks/{unit}"].rpartition(b" ")[0]
            self._machine.files[mark] = first + b" loaded\n"
        changed = self._put(f"{folder}/{unit}", self._sent[f"units/{unit}"])
        drop_in = f"{folder}/{unit}.d/{_DROP_IN}"
        if (text := self._sent.get(f"drops/{unit}")) is not None:
            changed |= self._put(drop_in, text)
        elif self._machine.files.pop(drop_in, None) is not None:
            self.reload = True
        kind = unit_text.kind_of(unit, unit_text.text_of(self._machine.files, folder, unit), folder)
        units = self._machine.units
        self.reload |= line.install or (changed and unit in units)
        units.write(kind)
        for target in ({"multi-user.target"} if line.boot else set()) | set(kind.wanted_by):
            self._machine.files[f"{folder}/{target}.wants/{unit}"] = kind.path.encode()
        if not line.boot and "multi-user.target" not in kind.wanted_by:
            self._machine.files.pop(f"{folder}/multi-user.target.wants/{unit}", None)
        self._written.append(line)

    def _forget(self, unit: str, root: str) -> None:
        files, folder = self._machine.files, f"{root}/systemd/system"
        self.reload |= b"\n[Install]" in b"\n" + files.get(f"{folder}/{unit}", b"")
        gone = {f"{folder}/{unit}", f"{folder}/{unit}.d/{_DROP_IN}", f"{root}/quarterdeck/units/{unit}"}
        gone |= {path for path in files if path.startswith(folder) and path.endswith(f".wants/{unit}")}
        for path in gone:
            files.pop(path, None)
        self._machine.units.erase(unit)
        self._removed.append(unit)

    def _put(self, path: str, text: bytes) -> bool:
        """Have a file hold this; whether it did not."""
        changed = self._machine.files.get(path) != text
        self._machine.files[path] = text
        return changed


def _read(machine: Machine, path: str) -> str:
    """The first line of a file; nothing where it is not there."""
    return machine.files.get(path, b"").decode("utf-8", "replace").partition("\n")[0]


def _unpacked(tar: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as members:
        return {each.name: members.extractfile(each).read() for each in members}  # type: ignore[union-attr]


def _line(line: str) -> _Line:
    unit, verb, job, root, template, boot, install = line.split()
    return _Line(unit, verb, job, root, template, boot == "yes", install == "yes")
