"""Control groups (cgroup v2): who is in one, stopping or ending everybody in it, removing it.

Kernel documentation: admin-guide/cgroup-v2 (cgroup.procs, cgroup.kill, cgroup.freeze, cgroup.events).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

#: Controllers handed to a host where the machine has them in the unified hierarchy.
CONTROLLERS = ("cpu", "io", "memory", "pids")


def mount_point(mountinfo: str) -> Path | None:
    """Where the unified hierarchy is mounted, from the text of /proc/self/mountinfo (proc(5))."""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        if after.split(" ", 1)[0] == "cgroup2":
            return Path(before.split(" ")[4])
    return None


def own_path(proc_cgroup: str) -> str:
    """The path below the mount point that /proc/PID/cgroup names, without the leading slash."""
    for line in proc_cgroup.splitlines():
        if line.startswith("0::/"):
            return line[4:]
    return ""


def mounted() -> Path | None:
    """This machine's unified hierarchy."""
    return mount_point(Path("/proc/self/mountinfo").read_text())


def processes(folder: Path) -> list[int]:
    """Every process in `folder` and below; none if it does not exist."""
    found: list[int] = []
    for group in _below(folder):
        with contextlib.suppress(OSError):
            found += [int(pid) for pid in (group / "cgroup.procs").read_text().split()]
    return found


def end(folder: Path) -> None:
    """Kill every process in `folder` and below, in one go."""
    with contextlib.suppress(FileNotFoundError):
        (folder / "cgroup.kill").write_text("1")


def freeze(folder: Path, on: bool) -> None:
    """Have every process in `folder` and below stop where it is, or go on; `frozen` says when they have.

    A frozen process can be killed, and notices nothing else. No such group: nothing to do.
    """
    with contextlib.suppress(FileNotFoundError):
        (folder / "cgroup.freeze").write_text("1" if on else "0")


def frozen(folder: Path) -> bool:
    """Whether every process in `folder` and below has stopped."""
    with contextlib.suppress(FileNotFoundError):
        return "frozen 1" in (folder / "cgroup.events").read_text().splitlines()
    return False


def remove(folder: Path) -> bool:
    """Remove `folder` and the groups below it; False while a process (or one that is ending) is in it."""
    for group in sorted(_below(folder), key=lambda path: len(path.parts), reverse=True):
        try:
            group.rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            return False
    return True


def hand_down(folder: Path) -> None:
    """Let the groups below `folder` use its controllers; those it lacks are left out."""
    have = (folder / "cgroup.controllers").read_text().split()
    for controller in CONTROLLERS:
        if controller in have:
            (folder / "cgroup.subtree_control").write_text(f"+{controller}")


def enter(folder: Path) -> None:
    """Move the calling process into `folder`, which is made if it is missing."""
    folder.mkdir(exist_ok=True)
    (folder / "cgroup.procs").write_text("0")


def leader(folder: Path) -> int | None:
    """The process in `folder` or below that is PID 1 of a process namespace one below ours.

    That is a booted host's init: what runs in the host's own containers is deeper.
    """
    for pid in processes(folder):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("NSpid:"):
                    numbers = line.split()[1:]
                    if len(numbers) == 2 and numbers[1] == "1":
                        return pid
    return None


def _below(folder: Path) -> Iterator[Path]:
    for path, _, _ in os.walk(folder):
        yield Path(path)
