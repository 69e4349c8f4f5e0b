"""Where a lab keeps its things, and what it calls them on the machine.

Every name that others on the machine can see (bridge, links, control groups) carries the lab's
id, six hex digits made from its root folder, so that labs with different roots do not meet, and from
the machine's own id, so that a container that shares the machine's network does not meet it either.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """The files and names of the lab whose state folder is `root` (absolute)."""

    root: Path
    machine: str = ""

    @classmethod
    def here(cls, root: Path) -> Layout:
        """The layout on this machine (machine-id(5); a machine without one does as well)."""
        with contextlib.suppress(OSError):
            return cls(root, Path("/etc/machine-id").read_text().strip())
        return cls(root)

    @property
    def id(self) -> str:
        return hashlib.sha256(os.fsencode(self.root) + self.machine.encode()).hexdigest()[:6]

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def state(self) -> Path:
        return self.root / "lab.json"

    @property
    def config(self) -> Path:
        return self.root / "fleet.toml"

    @property
    def known_hosts(self) -> Path:
        return self.root / "known_hosts"

    @property
    def key(self) -> Path:
        return self.root / "id_ed25519"

    @property
    def hosts(self) -> Path:
        return self.root / "hosts"

    @property
    def registry(self) -> Path:
        return self.root / "registry"

    @property
    def updates(self) -> Path:
        """What the lab publishes for its atomic hosts."""
        return self.root / "updates"

    @property
    def etcd(self) -> Path:
        """The certificates of the lab's etcd and of its clients."""
        return self.root / "etcd"

    @property
    def engine(self) -> Path:
        """The engine's state and log."""
        return self.root / "engine"

    def host(self, name: str) -> Path:
        """The folder of one host: its layer over the image or its sysroot, its console's log."""
        return self.hosts / name

    @property
    def bridge(self) -> str:
        return f"qd{self.id}"

    def link(self, number: int) -> str:
        """The machine's end of the cable of host `number`; at most 15 characters, as the kernel asks."""
        return f"qd{self.id}-{number}"

    def proxy_link(self, number: int) -> str:
        """The machine's end of the cable of that host's proxy."""
        return f"qd{self.id}p{number}"

    def mac(self, number: int, *, proxy: bool = False) -> str:
        """A locally administered hardware address that no other host of any lab here has."""
        tail = bytes.fromhex(self.id) + bytes([1 if proxy else 0, number])
        return ":".join(f"{byte:02x}" for byte in b"\x02" + tail)


def default_root() -> Path:
    """Where a user's lab lives: `$QUARTERDECK_LAB_ROOT`, else `quarterdeck/lab` in the XDG state folder."""
    return _folder("QUARTERDECK_LAB_ROOT", "XDG_STATE_HOME", ".local/state")


def default_cache() -> Path:
    """Where images are kept: `$QUARTERDECK_LAB_CACHE`, else `quarterdeck/lab` in the XDG cache folder."""
    return _folder("QUARTERDECK_LAB_CACHE", "XDG_CACHE_HOME", ".cache")


def _folder(own: str, xdg: str, fallback: str) -> Path:
    if named := os.environ.get(own):
        return Path(named).absolute()
    base = os.environ.get(xdg, "")
    # The XDG base directory specification: a relative path in these variables is to be ignored.
    folder = Path(base) if base.startswith("/") else Path.home() / fallback
    return folder / "quarterdeck" / "lab"
