"""Kernel limits that a crowd of hosts runs into, raised to what it needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from console.errors import LabError

#: For the machine itself, and for each host on top. All hosts' root users count as one user; a host
#: that gets no inotify instance boots degraded, and its journalctl stops following.
_INOTIFY = {
    "fs/inotify/max_user_instances": (256, 32),
    "fs/inotify/max_user_watches": (65536, 4096),
}


def raise_limits(hosts: int, report: Callable[[str], None]) -> None:
    """Raise what is too low for `hosts` hosts; it stays raised, since others may come to lean on it.

    :raises LabError: a limit is too low and cannot be changed from here.
    """
    for name, (base, each) in _INOTIFY.items():
        file = Path("/proc/sys") / name
        now, needed = int(file.read_text()), base + each * hosts
        if now >= needed:
            continue
        setting = f"{name.replace('/', '.')}={needed}"
        try:
            file.write_text(str(needed))
        except OSError as error:
            why = f"{setting} is needed (it is {now}): {error.strerror}"
            raise LabError(why, hint=f"sysctl -w {setting}") from error
        report(f"raised {setting} (it was {now})")
