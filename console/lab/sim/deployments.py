"""What a host's updater has on its disk, and what the updaters' commands say of it. Pure.

One model for all of them: a list in boot order. Formats: ostree's ot-admin-builtin-status.c; rpm-ostree's
`status --json` (rust/src/daemon.rs); bootc's `status --json` (crates/lib/src/spec.rs); update_engine's
`update_engine_client --status`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from console.lab.sim import seeds

_STAGING_TAKES = 8.0


@dataclass(slots=True)
class Deployed:
    """One version on the disk."""

    version: str
    booted: bool = False
    staged: bool = False
    pinned: bool = False

    @property
    def checksum(self) -> str:
        return seeds.digest("commit", self.version)


class Deployments:
    """The versions of one host, in boot order."""

    def __init__(self, updater: str, version: str, before: str) -> None:
        self.updater = updater
        self.entries = [Deployed(version, booted=True), Deployed(before)]
        self.staging: str | None = None

    def stage(self, version: str, later: Callable[[float, Callable[[], None]], None]) -> None:
        """Fetch a version, to be booted next; it takes a while."""
        self.staging = version

        def staged() -> None:
            self.staging = None
            self.entries = [entry for entry in self.entries if not entry.staged]
            self.entries.insert(0, Deployed(version, staged=True))

        later(_STAGING_TAKES, staged)

    def booted(self) -> str:
        """The host starts: what is first is booted, and one version before it is kept. Its version."""
        self.staging = None
        was = next(entry for entry in self.entries if entry.booted)
        for entry in self.entries:
            entry.booted = entry.staged = False
        first = self.entries[0]
        first.booted = True
        self.entries = [
            entry for entry in self.entries if entry in (first, was) or entry.pinned or first is was
        ]
        return first.version

    def power_cut(self) -> None:
        """What is only staged is written at a shutdown in order, and lost without one."""
        self.entries = [entry for entry in self.entries if not entry.staged]

    def roll_back(self) -> None:
        """Put the version after the first in front."""
        if len(self.entries) > 1 and not self.entries[0].staged:
            self.entries.insert(0, self.entries.pop(1))

    # -- what the commands say --------------------------------------------------------------

    def ostree(self) -> str:
        """`ostree admin status`."""
        lines = []
        after_booted = False
        for entry in self.entries:
            if entry.booted:
                mark = ""
            elif entry.staged:
                mark = " (staged)"
            else:
                mark = " (rollback)" if after_booted else " (pending)"
            after_booted = after_booted or entry.booted
            star = "*" if entry.booted else " "
            lines += [f"{star} lab {entry.checksum}.0{mark}", f"    Version: {entry.version}"]
            if entry.pinned:
                lines.append("    Pinned: yes")
            lines.append("    origin refspec: lab:lab/os")
        return "\n".join(lines) + "\n"

    def rpm_ostree(self) -> str:
        """`rpm-ostree status --json`."""
        deployments = [
            {
                "id": f"lab-{entry.checksum}.0",
                "osname": "lab",
                "checksum": entry.checksum,
                "base-checksum": entry.checksum,
                "serial": 0,
                "booted": entry.booted,
                "staged": entry.staged,
                "pinned": entry.pinned,
                "unlocked": "none",
                "version": entry.version,
                "timestamp": 1_790_000_000,
                "origin": "lab:lab/os",
                "requested-packages": [],
                "packages": [],
            }
            for entry in self.entries
        ]
        transaction = ["stage", ":1.99", "/org/projectatomic/rpmostree1/lab"] if self.staging else None
        shown = {"deployments": deployments, "transaction": transaction, "cached-update": None}
        return json.dumps(shown, indent=2) + "\n"

    def bootc(self) -> str:
        """`bootc status --json`."""

        def shown(entry: Deployed | None) -> dict[str, Any] | None:
            if entry is None:
                return None
            image = {"image": "quay.io/example/os:stable", "transport": "registry"}
            digest = f"sha256:{entry.checksum}"
            return {
                "image": {"image": image, "version": entry.version, "timestamp": None, "imageDigest": digest},
                "cachedUpdate": None,
                "incompatible": False,
                "pinned": entry.pinned,
                "store": "ostreeContainer",
                "ostree": {"checksum": entry.checksum, "deploySerial": 0},
            }

        def first(wanted: Callable[[Deployed], bool]) -> Deployed | None:
            return next((entry for entry in self.entries if wanted(entry)), None)

        status = {
            "staged": shown(first(lambda entry: entry.staged)),
            "booted": shown(first(lambda entry: entry.booted)),
            "rollback": shown(first(lambda entry: not entry.booted and not entry.staged)),
            "rollbackQueued": not self.entries[0].booted and not self.entries[0].staged,
            "type": "bootcHost",
        }
        return json.dumps(
            {
                "apiVersion": "org.containers.bootc/v1",
                "kind": "BootcHost",
                "metadata": {"name": "host"},
                "spec": {"bootOrder": "default"},
                "status": status,
            }
        )

    def update_engine(self) -> str:
        """`update_engine_client --status`."""
        first = self.entries[0]
        operation = "UPDATE_STATUS_IDLE"
        if self.staging:
            operation = "UPDATE_STATUS_DOWNLOADING"
        elif not first.booted:
            operation = "UPDATE_STATUS_UPDATED_NEED_REBOOT"
        new = self.staging or ("0.0.0" if first.booted else first.version)
        return (
            f"LAST_CHECKED_TIME=1790000000\nPROGRESS={0.5 if self.staging else 0.0:.6f}\n"
            f"CURRENT_OP={operation}\nNEW_VERSION={new}\nNEW_SIZE=389432320\n"
        )
