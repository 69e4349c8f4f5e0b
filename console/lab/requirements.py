"""Can a lab run on this machine, and if not, why."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from console.lab import cgroup

_PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "apt-config": "apt",
    "dpkg": "dpkg",
    "ip": "iproute2",
    "ssh-keygen": "openssh-client",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setsid": "util-linux",
    "setpriv": "util-linux",
    "mount": "mount",
    "chattr": "e2fsprogs",
    "chroot": "coreutils",
}


def missing_requirements() -> list[str]:
    """Why the lab cannot run here, a line each with what to do about it; empty when it can."""
    if sys.platform != "linux":
        return ["the lab needs Linux: its hosts are containers with an init of their own"]
    if os.geteuid() != 0:
        return ["the lab needs root: it makes namespaces, mounts and network links (run it with sudo)"]
    missing = [
        f"{program} is not installed: apt-get install {package}"
        for program, package in _PROGRAMS.items()
        if shutil.which(program) is None
    ]
    group = cgroup.mounted()
    if group is None:
        missing.append("no cgroup2 hierarchy is mounted: mount -t cgroup2 none /sys/fs/cgroup")
    elif not (group / "cgroup.procs").exists() or not os.access(group, os.W_OK):
        missing.append(f"{group} cannot be written: the lab makes a control group for each host")
    elif Path("/run/systemd/system").is_dir() and group != Path("/sys/fs/cgroup"):
        missing.append("systemd uses legacy cgroups: boot with systemd.unified_cgroup_hierarchy=1")
    return missing
