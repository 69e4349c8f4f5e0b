"""A command run on a host to its end, with what it said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from console.errors import AccessRefused, HostFailure
from console.hosts.become import refused_by_sudo

if TYPE_CHECKING:
    from console.actions.hands import Hands
    from console.hosts.transport import Transport

#: So much of what a command writes is kept, in bytes; the rest is counted out, and the command goes on.
KEPT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did on a host.

    :param code: None where it could not be run, or has not ended; `error` says why.
    :param container: the container it ran in, where it did.
    :param stderr: the end of it.
    :param truncated: whether it wrote more to stdout than is kept.
    """

    host: str
    code: int | None
    stdout: bytes = b""
    stderr: bytes = b""
    truncated: bool = False
    container: str | None = None
    error: str | None = None


async def run_to_end(
    transport: Transport,
    argv: Sequence[str],
    *,
    within: float | None,
    privileged: bool = False,
    heard: Callable[[bytes], None] | None = None,
) -> Ran:
    """Run `argv`, with nothing on its stdin.

    :param within: seconds it may take; None: as long as it wants.
    :param heard: takes what it writes to stdout, as it comes; nothing of it is kept then.
    :raises HostError: it could not be run, or has not ended.
    """
    kept = bytearray()
    truncated = False
    try:
        async with asyncio.timeout(within), transport.stream(argv, privileged=privileged) as reading:
            while chunk := await reading.read():
                if heard is not None:
                    heard(chunk)
                    continue
                room = KEPT - len(kept)
                truncated = truncated or len(chunk) > room
                kept += chunk[:room]
            end = await reading.wait()
    except TimeoutError:
        raise HostFailure(
            f"{argv[0]} has not ended within {within:g} s, and may go on",
            host=transport.host,
            hint="give it longer with --within",
        ) from None
    if privileged and (reason := refused_by_sudo(end)):
        raise AccessRefused(reason, host=transport.host)
    # One that a signal ended has a code as a shell gives it: 128 and the signal.
    code = end.code if end.code >= 0 else 128 - end.code
    return Ran(transport.host, code, bytes(kept), end.stderr, truncated)


@dataclass(frozen=True, slots=True)
class HostCommand:
    """Runs a command on a host; it has failed if its exit code is not 0.

    :param heard: takes what it did, also where it failed.
    """

    argv: tuple[str, ...]
    sudo: bool
    within: float
    heard: Callable[[Ran], None] = field(repr=False, compare=False)

    async def check(self, hands: Hands) -> str | None:
        """What a command finds is its own affair."""
        return None

    async def do(self, hands: Hands) -> str:
        ran = await run_to_end(hands.transport, self.argv, within=self.within, privileged=self.sudo)
        self.heard(ran)
        if ran.code != 0:
            raise HostFailure(f"exit code {ran.code}", host=hands.host)
        return "exit code 0"
