"""A wind of a host's lease, as an operation of the simulated machine. Pure.

What it compares, writes and says is as `actions/wind_lease.sh` has it; see `root_scripts.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from console.lab.sim import lease, unit_text
from console.lab.sim.files import text_of
from console.lab.sim.machine import Machine
from console.lab.sim.unit_state import BadSetting, NoSuchUnit
from console.lab.sim.unit_work import claimed_by, first_line, revision_of

#: What the script takes. Seconds.
_TAKES = 0.03


def work(machine: Machine, words: Sequence[str], said: bytes, end: Callable[[Sequence[str]], None]) -> None:
    """Do it, and have `end` told what the script says.

    :param words: the fleet, the engine's revision, the boot that it is for, and the deadline.
    :param said: the units that it names, and those that it asks about.
    """
    fleet, revision, boot, deadline = words
    machine.later(
        _TAKES, lambda: end([*_wind(machine, fleet, int(revision), boot, int(deadline), said), "end"])
    )


def _wind(machine: Machine, fleet: str, revision: int, boot: str, deadline: int, said: bytes) -> list[str]:
    if (owner := claimed_by(machine, fleet)) != fleet:
        return [f"foreign {owner}"]
    up = int(machine.uptime() * 100)
    here = text_of(machine, "/proc/sys/kernel/random/boot_id").decode().strip()
    clock = f"{up} {here} {machine.machine_id}"
    if boot != here:
        return [f"rebooted {clock}"]
    kept, until = lease.written(machine.files)
    if revision < (newest := max(kept, revision_of(machine))):
        return [f"superseded {newest}"]
    if revision == kept and deadline <= until:
        return [f"overtaken {clock}"]
    if deadline <= up:
        return [f"late {clock}"]
    asked = [line.split(" ", 1) for line in said.decode("utf-8", "replace").splitlines()]
    holds, drops = ([unit for word, unit in asked if word == wanted] for wanted in ("hold", "drop"))
    machine.files[lease.LEASE] = lease.text_of(revision, deadline, holds)
    if holds:
        _install(machine)
        _start_what_had_stopped(machine, fleet, holds)
    else:
        _take_away(machine)
    return [f"wound {clock}", *(f"down {unit}" for unit in drops if _is_down(machine, unit))]


def _install(machine: Machine) -> None:
    machine.files[lease.SCRIPT] = b"# 1\n"
    machine.files[lease.UNIT_FILE] = lease.UNIT_TEXT.encode()
    folder = lease.UNIT_FILE.rpartition("/")[0]
    machine.units.write(unit_text.kind_of(lease.SERVICE, lease.UNIT_TEXT, folder))


def _start_what_had_stopped(machine: Machine, fleet: str, holds: Sequence[str]) -> None:
    """Where the lease had run out: what was launched has stopped with it."""
    if not _is_down(machine, lease.SERVICE):
        return
    for unit in holds:
        mark = first_line(machine, f"{lease.FOLDER}/units/{unit}")
        if mark.startswith(f"{fleet} ") and mark.endswith(" launched"):
            with suppress(NoSuchUnit, BadSetting):
                machine.units.start(unit)


def _take_away(machine: Machine) -> None:
    if lease.SERVICE in machine.units:
        machine.units.stop(lease.SERVICE)
    machine.units.erase(lease.SERVICE)
    for path in (lease.UNIT_FILE, lease.SCRIPT):
        machine.files.pop(path, None)


def _is_down(machine: Machine, unit: str) -> bool:
    try:
        return machine.units.peek(unit).active in ("inactive", "failed")
    except NoSuchUnit:
        return True
