"""What a host has of ours, read as the SSH user: whose it is, which it is, and the marks of its units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.errors import HostFailure
from console.model.text import clean
from console.placement.mark import Mark, Root, read_mark

if TYPE_CHECKING:
    from console.hosts.transport import Transport

#: No program but the shell is run for it, however many units there are.
_SCRIPT = (
    'read -r boot </proc/sys/kernel/random/boot_id; echo "on $boot";'
    " read -r machine </etc/machine-id; read -r up _ </proc/uptime;"
    ' echo "clock ${up%.*}${up#*.} ${machine:--}";'
    " for root in /run /etc; do for file in $root/quarterdeck/units/*; do"
    ' [ -f "$file" ] && read -r mark <"$file" && printf "%s %s %s\\n" "$root" "${file##*/}" "$mark";'
    ' done; done; [ ! -e /etc/quarterdeck/fleet ] || read -r fleet </etc/quarterdeck/fleet; echo "of $fleet"'
)

#: More units than any host has.
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Inspected:
    """What a host has.

    :param fleet: the id of the fleet that it is of; None if it is of none yet.
    :param marks: of all units that bear one, by name.
    :param boot: the id of its boot, by which one machine is known under two names; None if it has none.
    :param uptime: in hundredths of a second; None if it does not say.
    :param machine: the machine-id.
    """

    fleet: str | None
    marks: dict[str, Mark]
    boot: str | None = None
    uptime: int | None = None
    machine: str = ""


async def inspect(transport: Transport) -> Inspected:
    """:raises HostError: the host does not say."""
    said = await transport.run(("sh", "-c", _SCRIPT, "quarterdeck"))
    return read_inspection(said.stdout.decode("utf-8", "replace"), transport.host)


def read_inspection(said: str, host: str) -> Inspected:
    """:raises HostFailure: that is no whole answer."""
    lines = said.splitlines()
    if not lines or not lines[-1].startswith("of") or len(lines) > _MOST:
        raise HostFailure("it does not say what it has of the fleet's", host=host)
    marks: dict[str, Mark] = {}
    boot, uptime, machine = None, None, ""
    for line in lines[:-1]:
        root, _, rest = line.partition(" ")
        if root == "on":
            boot = clean(rest, 80) or None
        elif root == "clock":
            said_uptime, _, said_machine = rest.partition(" ")
            if said_uptime.isascii() and said_uptime.isdigit() and len(said_uptime) < 19:
                uptime, machine = int(said_uptime), clean(said_machine, 80)
        unit, _, text = rest.partition(" ")
        place: Root | None = "/run" if root == "/run" else "/etc" if root == "/etc" else None
        if place is not None and (mark := read_mark(text, place)) is not None:
            marks[unit] = mark
    return Inspected(clean(lines[-1].removeprefix("of").strip(), 80) or None, marks, boot, uptime, machine)
