"""Telling a host to go down."""

from __future__ import annotations

from typing import Literal

from console.errors import HostFailure, Unreachable
from console.hosts.transport import Transport
from console.model.text import clean


async def go_down(transport: Transport, verb: Literal["reboot", "poweroff"]) -> None:
    """Have systemd do it, in good order. It is not waited for.

    :raises HostError: it would not.
    """
    try:
        said = await transport.run(("systemctl", "--no-ask-password", verb), privileged=True)
    except Unreachable:
        return  # it went down before it had answered; if it did not, that is seen by its not going
    # Killed in the shutdown that it asked for itself, it has a code of its own.
    if said.code > 0:
        raise HostFailure(f"systemctl {verb}: {clean(said.complaint, 200)}", host=transport.host)
