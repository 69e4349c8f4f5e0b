"""Telling a host to go down."""

from __future__ import annotations

from typing import Literal

from console.errors import HostFailure, Refused, Unreachable
from console.hosts.transport import Transport
from console.model.text import clean

_ANOTHER_BOOT = 90
#: $1: the boot. What was on its way for long finds another one, and leaves it alone.
_REBOOT_FROM = f"""
[ "$(cat /proc/sys/kernel/random/boot_id)" = "$1" ] || exit {_ANOTHER_BOOT}
exec systemctl --no-ask-password reboot
"""


async def reboot_from(transport: Transport, boot: str) -> None:
    """Have it reboot, in good order, if it still is in this boot (random(4)). It is not waited for.

    :raises Refused: it is in another one.
    :raises HostError: it would not.
    """
    await _told(transport, "reboot", ("sh", "-c", _REBOOT_FROM, "sh", boot))


async def go_down(transport: Transport, verb: Literal["reboot", "poweroff"]) -> None:
    """Have systemd do it, in good order. It is not waited for.

    :raises HostError: it would not.
    """
    await _told(transport, verb, ("systemctl", "--no-ask-password", verb))


async def _told(transport: Transport, verb: str, argv: tuple[str, ...]) -> None:
    try:
        said = await transport.run(argv, privileged=True)
    except Unreachable:
        return  # it went down before it had answered; if it did not, that is seen by its not going
    if said.code == _ANOTHER_BOOT:
        raise Refused("it has rebooted meanwhile", host=transport.host)
    # Killed in the shutdown that it asked for itself, it has a code of its own.
    if said.code > 0:
        raise HostFailure(f"systemctl {verb}: {clean(said.complaint, 200)}", host=transport.host)
