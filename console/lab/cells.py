"""Where a lab's processes live: each in a cell, a control group of its own outside the caller's.

A cell outlives the command that made it, and everything in it can be ended at once whoever started
it and however that one died. Two kinds of machine, one choice (`cells_for`):

- systemd is PID 1: a cell is a transient service with a delegated control group, all of them in one
  slice of the lab;
- no systemd: a cell is a folder of the unified hierarchy, wherever that is mounted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from console.errors import LabError
from console.lab import cgroup
from console.lab.run import run

_GONE_WITHIN = 10.0  # seconds; a killed host is gone in tens of milliseconds


class Cells(Protocol):
    """The cells of one lab."""

    async def start(self, name: str, argv: Sequence[str], log: Path) -> None:
        """Run `argv` in the new cell `name`; its output is appended to `log`.

        :raises LabError: it could not be started.
        """

    def folder(self, name: str) -> Path:
        """The cell's control group; missing if there is no such cell."""

    def names(self) -> list[str]:
        """The cells there are, dead or alive."""

    async def kill(self, name: str) -> None:
        """End everything in the cell at once and remove it. No such cell: nothing to do.

        :raises LabError: something in it does not end.
        """

    async def kill_all(self) -> None:
        """End everything and leave no trace of the lab's cells."""


def alive(cells: Cells, name: str) -> bool:
    """Whether anything runs in the cell."""
    return bool(cgroup.processes(cells.folder(name)))


def cells_for(lab_id: str) -> Cells:
    """The cells of the lab `lab_id` on this machine.

    :raises LabError: this machine has no unified cgroup hierarchy.
    """
    base = cgroup.mounted()
    if base is None:
        raise LabError("no cgroup2 hierarchy is mounted", hint="mount -t cgroup2 none /sys/fs/cgroup")
    if Path("/run/systemd/system").is_dir():
        return SystemdCells(base, lab_id)
    return FolderCells(base, lab_id)


class FolderCells:
    """Cells as plain folders below `base`: for machines whose PID 1 leaves the hierarchy alone."""

    def __init__(self, base: Path, lab_id: str) -> None:
        self._lab = base / f"quarterdeck-lab-{lab_id}"

    async def start(self, name: str, argv: Sequence[str], log: Path) -> None:
        cell = self.folder(name)
        cell.mkdir(parents=True, exist_ok=True)
        # Into the cell first, then no child of ours: neither our end nor a terminal's reaches it.
        enter = 'exec >>"$1" 2>&1 </dev/null; echo 0 >"$2" && shift 2 && exec setsid --fork "$@"'
        await run(["sh", "-c", enter, "sh", str(log), str(cell / "cgroup.procs"), *argv])

    def folder(self, name: str) -> Path:
        return self._lab / name

    def names(self) -> list[str]:
        return sorted(_folders(self._lab))

    async def kill(self, name: str) -> None:
        cell = self.folder(name)
        cgroup.end(cell)
        await _until_gone(cell, name)

    async def kill_all(self) -> None:
        cgroup.end(self._lab)
        await _until_gone(self._lab, "the lab")


class SystemdCells:
    """Cells as transient services (systemd-run(1)) in a slice of the lab's own."""

    def __init__(self, base: Path, lab_id: str) -> None:
        self._prefix = f"qdlab{lab_id}"
        self._slice = f"{self._prefix}.slice"
        self._lab = base / self._slice

    async def start(self, name: str, argv: Sequence[str], log: Path) -> None:
        settings = ["Delegate=yes", "Type=exec", "OOMPolicy=continue", "TasksMax=infinity"]
        settings += ["TimeoutStopSec=1s", f"StandardOutput=append:{log}", f"StandardError=append:{log}"]
        flags = [word for setting in settings for word in ("-p", setting)]
        unit = [f"--unit={self._unit(name)}", f"--slice={self._slice}", "--collect", "--quiet"]
        await run(["systemd-run", *unit, *flags, "--", *argv])

    def folder(self, name: str) -> Path:
        return self._lab / self._unit(name)

    def names(self) -> list[str]:
        units = _folders(self._lab)
        return sorted(unit.removeprefix(f"{self._prefix}-").removesuffix(".service") for unit in units)

    async def kill(self, name: str) -> None:
        cgroup.end(self.folder(name))
        await run(["systemctl", "stop", self._unit(name)], check=False)
        await _until_gone(self.folder(name), name)

    async def kill_all(self) -> None:
        cgroup.end(self._lab)
        await run(["systemctl", "stop", self._slice], check=False)
        await _until_gone(self._lab, "the lab")

    def _unit(self, name: str) -> str:
        return f"{self._prefix}-{name}.service"


def _folders(parent: Path) -> list[str]:
    return [path.name for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []


async def _until_gone(folder: Path, what: str) -> None:
    """Wait for the kernel to finish with the processes in `folder`, and remove it.

    A folder left behind cripples the next boot in it: what is forked there dies of the old kill.
    """
    deadline = time.monotonic() + _GONE_WITHIN
    while not cgroup.remove(folder):
        if time.monotonic() > deadline:
            raise LabError(f"{what}: processes {cgroup.processes(folder)} do not end")
        await asyncio.sleep(0.01)
