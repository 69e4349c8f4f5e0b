"""The lab's engine: the program itself, run on this machine beside the hosts, for as long as the lab is up.

The lab knows no more of it than its argv. It is started anew when it ends, and when what it was started with
is not what it would be started with now: its hosts are in the fleet's file, which it reads once.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from console.lab import cgroup
from console.lab.cells import Cells, alive

CELL = "engine"

#: Seconds for it to end by itself, so that the next need not wait until its claim has run out.
_ENDS_WITHIN_S = 5.0

#: Started again when it ends, and not so often that one that cannot start keeps the machine busy.
_SUPERVISED = 'while :; do "$@"; sleep 5; done'


async def ensure(cells: Cells, argv: Sequence[str], folder: Path, files: Sequence[Path]) -> bool:
    """Have it run as `argv`, with its state and its log in `folder`; False if it did already.

    :param files: what it reads once.
    :raises LabError: it could not be started, or the one before does not end.
    """
    started = folder / "started"
    now = await asyncio.to_thread(_mark, argv, files)
    if alive(cells, CELL) and await asyncio.to_thread(_read, started) == now:
        return False
    await end(cells)
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    loop = ["env", f"XDG_STATE_HOME={folder / 'state'}", "sh", "-c", _SUPERVISED, "sh", *argv]
    await cells.start(CELL, loop, folder / "log")
    await asyncio.to_thread(started.write_text, now)
    return True


async def end(cells: Cells) -> None:
    """End it, if it is there: asked first. Nothing that it has started on hosts ends with it.

    :raises LabError: it does not end.
    """
    for process in cgroup.processes(cells.folder(CELL)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)
    deadline = time.monotonic() + _ENDS_WITHIN_S
    while alive(cells, CELL):
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(0.02)
    await cells.kill(CELL)


def _mark(argv: Sequence[str], files: Sequence[Path]) -> str:
    said = hashlib.sha256("\0".join(argv).encode())
    for file in files:
        said.update(file.read_bytes())
    return said.hexdigest()


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""
