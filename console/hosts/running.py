"""A command run to its end, the same for every transport."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

from console.errors import Absent, AccessRefused, HostFailure, Unreachable
from console.hosts.become import refused_by_sudo
from console.hosts.transport import Completed, Reading


async def collect(
    host: str,
    program: str,
    running: AbstractAsyncContextManager[Reading],
    *,
    timeout: float,
    limit: int,
    privileged: bool,
) -> Completed:
    """Everything `running` writes, and how it ended; see `Transport.run` for what it raises."""
    out = bytearray()
    try:
        async with asyncio.timeout(timeout), running as reading:
            while chunk := await reading.read():
                out += chunk
                if len(out) > limit:
                    raise HostFailure(f"{program} wrote more than {limit} bytes", host=host)
            end = await reading.wait()
    except TimeoutError:
        raise Unreachable(f"{program} gave no answer within {timeout:g} s", host=host) from None
    if end.code == 127:
        raise Absent(f"{program} is not installed", host=host)
    if privileged and (reason := refused_by_sudo(end)):
        raise AccessRefused(reason, host=host, hint='allow it in sudoers, or set become = "none"')
    return Completed(end.argv, end.code, bytes(out), end.stderr)
