"""A guard on a simulated host, which takes it back from a version that nobody confirms.

The product's scripts (`console/updates/guard.py`) are not run here: what they leave on a host, and what
systemd makes of that, is done in their stead. `tests/sim/contract_updates.py` holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from console.lab.sim.unit_text import kind_of

if TYPE_CHECKING:
    from console.lab.sim.machine import Machine

FOLDER = "/var/lib/quarterdeck/guard"
_TIMER, _SERVICE = "quarterdeck-guard.timer", "quarterdeck-guard.service"
_UNITS = "/etc/systemd/system"
_WANTED = f"{_UNITS}/sysinit.target.wants/{_TIMER}"
_LONGER = f"/run/systemd/system/{_TIMER}.d/longer.conf"
_ANOTHER_BOOT, _NO_GUARD = 9, 8
_FROM_BOOT = re.compile(r"^OnStartupSec=(\d+)", re.MULTILINE)
_FROM_NOW = re.compile(r"^OnActiveSec=(\d+)", re.MULTILINE)


class Guard:
    """That of one host, through all its boots; made with it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._waits = 0  # grows with each wait that begins or ends: an older one comes to nothing

    # -- the scripts ------------------------------------------------------------------------

    def run(self, argv: Sequence[str]) -> int | None:
        """Do what such a script of root's does: its exit code. None: it is none of these."""
        match argv:
            case ["unshare", "--mount", "sh", "-c", script, "sh", *words] if f"{FOLDER}/home.new" in script:
                return self._arm(words)
            case ["sh", "-c", script, "sh", name, longer] if f"systemctl restart {_TIMER}" in script:
                return self._prolong(name, longer)
            case ["sh", "-c", script, "sh", name] if f"systemctl stop {_TIMER}" in script:
                return self._disarm(name)
        return None

    def _arm(self, words: Sequence[str]) -> int:
        boot, name, _, etc, run, service, timer = words
        machine = self._machine
        if boot != machine.boot_uuid:
            return _ANOTHER_BOOT
        if etc != "/etc" or machine.deployments is None:
            return 1  # only what is staged is guarded here
        machine.files |= {
            f"{FOLDER}/name": f"{name}\n".encode(),
            f"{FOLDER}/run": run.encode(),
            f"{FOLDER}/home": f"{machine.deployments.running.id}\n".encode(),
            f"{_UNITS}/{_SERVICE}": service.encode(),
            f"{_UNITS}/{_TIMER}": timer.encode(),
            _WANTED: b"",
        }
        machine.files.pop(f"{FOLDER}/fired", None)
        return 0

    def _prolong(self, name: str, longer: str) -> int:
        machine = self._machine
        if self._read("name") != name or not self._read("home") or f"{_UNITS}/{_TIMER}" not in machine.files:
            return _NO_GUARD
        machine.files[_LONGER] = longer.encode()
        machine.units.write(kind_of(_TIMER, machine.files[f"{_UNITS}/{_TIMER}"].decode(), _UNITS))
        machine.units.daemon_reload()
        machine.units.restart(_TIMER)
        self._wait(_FROM_NOW, longer)
        return 0

    def _disarm(self, name: str) -> int:
        machine, units = self._machine, self._machine.units
        if self._read("name") != name:
            return 0
        self._waits += 1
        for path in [path for path in machine.files if _is_ours(path)]:
            del machine.files[path]
        if _TIMER in units and units.peek(_TIMER).active == "active":
            units.stop(_TIMER)
        for unit in (_TIMER, _SERVICE):
            units.erase(unit)
        units.daemon_reload()
        return 0

    # -- systemd ----------------------------------------------------------------------------

    def booted(self) -> None:
        """The host has booted: the timer counts, where there is one."""
        self._waits += 1
        timer = self._machine.files.get(f"{_UNITS}/{_TIMER}")
        if timer is not None and self._read("home"):
            self._wait(_FROM_BOOT, timer.decode())

    def _wait(self, setting: re.Pattern[str], text: str) -> None:
        self._waits += 1
        waits = self._waits

        def due() -> None:
            if waits == self._waits:
                self._fire()

        if found := setting.search(text):
            self._machine.later(float(found[1]), due)

    def _fire(self) -> None:
        """Nothing in the version from which it was armed."""
        machine, home = self._machine, self._read("home")
        deployments = machine.deployments
        if deployments is None or not home or deployments.running.id == home:
            return
        if deployments.go_back_to(home):
            machine.files[f"{FOLDER}/fired"] = f"{int(machine.wall())}\n".encode()
            machine.reboot()

    def _read(self, name: str) -> str:
        return self._machine.files.get(f"{FOLDER}/{name}", b"").decode("utf-8", "replace").strip()


def _is_ours(path: str) -> bool:
    return path.startswith(f"{FOLDER}/") or path in (
        f"{_UNITS}/{_TIMER}",
        f"{_UNITS}/{_SERVICE}",
        _WANTED,
        _LONGER,
    )
