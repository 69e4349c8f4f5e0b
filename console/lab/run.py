"""Run the machine's own programs: argv in, text out, `LabError` with the program's own words if it fails."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from console.errors import LabError


async def run(argv: Sequence[str], *, stdin: str = "", check: bool = True) -> str:
    """What `argv` wrote to stdout. A cancelled caller takes the program with it.

    :raises LabError: it is not installed, or (unless `check` is off) it failed.
    """
    code, out, err = await outcome(argv, stdin=stdin)
    if check and code != 0:
        raise LabError(f"{' '.join(argv)}: {_last_line(err) or f'exit code {code}'}")
    return out


async def outcome(argv: Sequence[str], *, stdin: str = "") -> tuple[int, str, str]:
    """Exit code (negative: the signal), stdout and stderr of `argv`.

    :raises LabError: it is not installed.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError as error:
        raise LabError(f"{argv[0]} is not installed", hint="see console/lab/packages.txt") from error
    try:
        out, err = await process.communicate(stdin.encode())
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    finally:
        # Pipes that were not read to their end stay open until the transport is closed.
        process._transport.close()  # type: ignore[attr-defined]
    assert process.returncode is not None  # communicate() returns after the end
    return process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""
