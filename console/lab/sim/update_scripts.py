"""Small scripts for a shell by which a host is updated: known by their words, done in their stead. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from console.lab.sim import facts, updaters_cli
from console.lab.sim.files import Printed
from console.lab.sim.machine import Machine

_PINNED = "/var/lib/quarterdeck/pinned"
_ANOTHER_BOOT = 90
#: Between a host's word that it reboots and its going down. Seconds.
GOES_DOWN_AFTER = 0.3


def answer(machine: Machine, argv: Sequence[str], *, root: bool) -> Printed | None:
    """What such a script comes to; None: it is none of these."""
    match argv:
        case ["sh", "-c", script] if "command -v $program" in script:
            return Printed(facts.updaters(machine))
    if not root:
        return None
    match argv:
        case ["sh", "-c", script, "sh", boot] if "exec systemctl --no-ask-password reboot" in script:
            if boot != machine.boot_uuid:
                return Printed(code=_ANOTHER_BOOT)
            machine.later(GOES_DOWN_AFTER, machine.reboot)
            return Printed()
        case ["sh", "-c", script, "sh", index, _, _] if 'ostree admin set-default "$1"' in script:
            return updaters_cli.run(machine, ["ostree", "admin", "set-default", index], root=True)
        case ["sh", "-c", script, "sh", identity] if f'printf "%s\\n" "$1" > {_PINNED}' in script:
            machine.files[_PINNED] = f"{identity}\n".encode()
            return Printed()
    code = machine.guard.run(argv)
    return None if code is None else Printed(code=code)
