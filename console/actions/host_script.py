"""Shell scripts of ours run on a host by its root, in one privileged call, with nothing left behind.

argv ──▶ sh, a line that reads …          stdin ──▶ … the script, then what it works on
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from console.errors import AccessRefused
from console.hosts.become import refused_by_sudo

if TYPE_CHECKING:
    from console.actions.hands import Hands
    from console.hosts.transport import Completed

#: Reads so much of its input as a script, and leaves the rest to that. `head` reads no byte more than it is
#: to give; a shell that read the script itself would.
LOADER = 'script=$(head -c "$1") && shift && eval "$script"'


async def run_script(
    hands: Hands, name: str, args: tuple[str, ...], stdin: bytes, timeout: float
) -> Completed:
    """Run the script `name` of this folder there.

    :param args: its `$1` and on.
    :param stdin: what it reads.
    :raises HostError: it did not come to its end within `timeout` seconds, or sudo says no.
    """
    script = _script(name)
    ended = await hands.transport.run(
        ("sh", "-c", LOADER, "quarterdeck", str(len(script)), *args),
        stdin=script + stdin,
        timeout=timeout,
        privileged=True,
    )
    if reason := refused_by_sudo(ended):
        raise AccessRefused(reason, host=hands.host)
    return ended


def turned_away(
    host: str, *, fleet: str, foreign: str | None, superseded: int | None
) -> AccessRefused | None:
    """What a host means that says whose it is, or who came after us; None if it says neither."""
    if foreign is not None:
        return AccessRefused(
            f"it is of the fleet {foreign}, and this is {fleet}",
            host=host,
            hint="remove /etc/quarterdeck/fleet there if that fleet is no more",
        )
    if superseded is not None:
        return AccessRefused(
            f"an engine that was elected later (at {superseded}) has changed it",
            host=host,
            hint="after a restore of etcd, remove /run/quarterdeck/revision and /run/quarterdeck/lease there",
        )
    return None


@cache
def _script(name: str) -> bytes:
    return Path(__file__).with_name(name).read_bytes()
