"""One command at a time: advisory locks on files, which the kernel frees when their holder dies."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path


@asynccontextmanager
async def locked(path: Path, holder: str, report: Callable[[str], None]) -> AsyncIterator[None]:
    """Hold the lock file `path`, made with its folder if need be; says that it waits for `holder` if it must.

    The holder may remove the file: who waited for it then starts over with a new one.
    """
    told = False
    while (descriptor := _try(path)) is None:
        if not told:
            report(f"waiting for {holder} to finish")
        told = True
        await asyncio.sleep(0.1)
    try:
        yield
    finally:
        os.close(descriptor)


def _try(path: Path) -> int | None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_ino == path.stat().st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass  # held by another, or removed by the one who held it
    os.close(descriptor)
    return None
