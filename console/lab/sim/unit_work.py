"""An engine's change of a host's units, as an operation of the simulated machine. Pure.

What it does and says is as `actions/apply_units.sh` has it; see `root_scripts.py`. And what a host answers
that is asked what it has of a fleet's.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from console.lab.sim import lease, unit_text
from console.lab.sim.files import text_of
from console.lab.sim.machine import Machine
from console.lab.sim.unit_state import BadSetting, NoSuchUnit

_FLEET = "/etc/quarterdeck/fleet"
_REVISION = "/run/quarterdeck/revision"
_ROOTS = ("/run", "/etc")
_DROP_IN = "80-quarterdeck.conf"
#: What the script takes on a host that has little to do. Seconds.
_TAKES, _RELOAD_TAKES = 0.05, 0.15


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
            lines.append(f"{root} {path.removeprefix(folder)} {first_line(machine, path)}\n")
    return "".join(lines) + f"of {first_line(machine, _FLEET)}\n"


def work(machine: Machine, words: Sequence[str], tar: bytes, end: Callable[[Sequence[str]], None]) -> None:
    """Do it, and have `end` told what the script says.

    :param words: the fleet, and the engine's revision.
    """
    fleet, revision = words

    def begin() -> None:
        files = machine.files
        if (owner := claimed_by(machine, fleet)) != fleet:
            end([f"foreign {owner}"])
            return
        kept = max(revision_of(machine), lease.written(files)[0])
        if int(revision) < kept:
            end([f"superseded {kept}"])
            return
        files[_REVISION] = f"{revision}\n".encode()
        try:
            change = _Change(machine, fleet, _unpacked(tar))
        except (tarfile.TarError, KeyError):
            end(["fault what was sent cannot be unpacked"])
            return
        change.files_first()
        machine.later(_RELOAD_TAKES if change.reload else 0, lambda: end(change.jobs_then()))

    machine.later(_TAKES, begin)


def claimed_by(machine: Machine, fleet: str) -> str:
    """The fleet that a host is of; one that is of none becomes one of `fleet`."""
    owner = first_line(machine, _FLEET) or fleet
    machine.files[_FLEET] = f"{owner}\n".encode()
    return owner


def revision_of(machine: Machine) -> int:
    """Of the engine that has changed its units last; 0: none has."""
    return int(first_line(machine, _REVISION) or 0)


def first_line(machine: Machine, path: str) -> str:
    """The first line of a file; nothing where it is not there."""
    return machine.files.get(path, b"").decode("utf-8", "replace").partition("\n")[0]


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
            if first_line(self._machine, f"{root}/quarterdeck/units/{unit}").partition(" ")[0] == self._fleet:
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


def _unpacked(tar: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as members:
        return {each.name: members.extractfile(each).read() for each in members}  # type: ignore[union-attr]


def _line(line: str) -> _Line:
    unit, verb, job, root, template, boot, install = line.split()
    return _Line(unit, verb, job, root, template, boot == "yes", install == "yes")
