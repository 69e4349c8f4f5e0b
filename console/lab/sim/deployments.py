"""What a host's updater has on its disk, and what the updaters' commands say of it. Pure.

One model for all of them: a list in boot order, and the branch that it follows. Formats: ostree's
ot-admin-builtin-status.c and ot-builtin-log.c; rpm-ostree's `status --json` (rust/src/daemon.rs); bootc's
`status --json` (crates/lib/src/spec.rs); update_engine's `update_engine_client --status`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from console.lab.sim import seeds

#: How long it takes to fetch a version, on a real host that is no hurry. Seconds.
STAGING_TAKES = 8.0
#: What every host follows.
BRANCH = "lab:lab/os"


class CannotBe(Exception):
    """What an updater would not do; its words for that."""


@dataclass(slots=True)
class Deployed:
    """One version on the disk."""

    version: str
    booted: bool = False
    staged: bool = False
    pinned: bool = False
    serial: int = 0  # tells those of the same version apart

    @property
    def checksum(self) -> str:
        return checksum_of(self.version)

    @property
    def id(self) -> str:
        return f"lab-{self.checksum}.{self.serial}"


class Deployments:
    """The versions of one host, in boot order.

    :param before: the one that a rollback boots.
    :param released: what its branch has beyond `version`, the newest first.
    """

    def __init__(self, updater: str, version: str, before: str, released: Sequence[str] = ()) -> None:
        self.updater = updater
        self.entries = [Deployed(version, booted=True), Deployed(before)]
        self.staging: str | None = None
        self.branch = [*released, version, before]
        #: The branch's version when it was looked at last.
        self.fetched = version
        #: Grows with each change of the boot order.
        self.changes = 0

    @property
    def running(self) -> Deployed:
        return next(entry for entry in self.entries if entry.booted)

    # -- what is done to them ---------------------------------------------------------------

    def release(self, version: str) -> None:
        """The branch has another version from now on."""
        if version not in self.branch:
            self.branch.insert(0, version)

    def find(self, name: str) -> str:
        """The version of the branch that is called so, or has this checksum.

        :raises CannotBe: it has none.
        """
        for version in self.branch:
            if name in (version, checksum_of(version)):
                return version
        raise CannotBe(f"No such commit: {name}")

    def stage(
        self, version: str, later: Callable[[float, Callable[[], None]], None], takes: float = STAGING_TAKES
    ) -> None:
        """Fetch a version, to be booted next; it takes a while."""
        self.staging = version

        def staged() -> None:
            self.staging = None
            kept = self._without_staged()
            taken = {entry.serial for entry in kept if entry.version == version}
            serial = next(number for number in itertools.count() if number not in taken)
            self._changed([Deployed(version, staged=True, serial=serial), *kept])

        later(takes, staged)

    def booted(self) -> str:
        """The host starts: what is first is booted, and one version before it is kept. Its version."""
        self.staging = None
        was = self.running
        for entry in self.entries:
            entry.booted = entry.staged = False
        first = self.entries[0]
        first.booted = True
        self._changed(
            entry for entry in self.entries if entry is first or entry is was or entry.pinned or first is was
        )
        return first.version

    def power_cut(self) -> None:
        """What is only staged is written at a shutdown in order, and lost without one."""
        self._changed(self._without_staged())

    def pin(self, index: int, *, keep: bool) -> None:
        """:raises CannotBe: there is none of this number."""
        self._at(index).pinned = keep
        self.changes += 1

    def undeploy(self, index: int) -> None:
        """:raises CannotBe: there is none of this number, or it runs."""
        gone = self._at(index)
        if gone.booted:
            raise CannotBe(f"Cannot undeploy currently booted deployment {index}")
        self._changed(entry for entry in self.entries if entry is not gone)

    def prefer(self, index: int) -> None:
        """Have the next boot take it. :raises CannotBe: there is none of this number, or one is staged."""
        first = self._at(index)
        if self.entries[0].staged:
            raise CannotBe("Cannot set a staged deployment as the default" if index == 0 else "one is staged")
        self._changed([first, *(entry for entry in self.entries if entry is not first)])

    def roll_back(self) -> None:
        """Put the version after the first in front. :raises CannotBe: there is none, or one is staged."""
        self.prefer(1)

    def go_back_to(self, identity: str) -> bool:
        """Have the next boot take the one of this id, and let go what is staged; whether it is there."""
        entries = self._without_staged()
        first = next((entry for entry in entries if entry.id == identity), None)
        if first is not None:
            self._changed([first, *(entry for entry in entries if entry is not first)])
        return first is not None

    def _at(self, index: int) -> Deployed:
        if not 0 <= index < len(self.entries):
            raise CannotBe(f"Out of range deployment index {index}, expected < {len(self.entries)}")
        return self.entries[index]

    def _without_staged(self) -> list[Deployed]:
        return [entry for entry in self.entries if not entry.staged]

    def _changed(self, entries: Iterable[Deployed]) -> None:
        self.entries = list(entries)
        self.changes += 1

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
            lines += [f"{star} lab {entry.checksum}.{entry.serial}{mark}", f"    Version: {entry.version}"]
            if entry.pinned:
                lines.append("    Pinned: yes")
            lines.append(f"    origin refspec: {BRANCH}")
        return "\n".join(lines) + "\n"

    def ostree_refs(self) -> str:
        """Each branch as it was looked at last: its name, the commit, the commit's version."""
        return f"{BRANCH} {checksum_of(self.fetched)} '{self.fetched}'\n"

    def ostree_log(self) -> str:
        """`ostree log`: the branch's commits, the newest first."""
        return "".join(
            f"commit {checksum_of(version)}\n"
            f"ContentChecksum:  {seeds.digest('content', version)}\n"
            f"Date:  2026-09-21 14:13:20 +0000\nVersion: {version}\n(no subject)\n\n"
            for version in self.branch
        )

    def rpm_ostree(self) -> str:
        """`rpm-ostree status --json`."""
        deployments = [
            {
                "id": entry.id,
                "osname": "lab",
                "checksum": entry.checksum,
                "base-checksum": entry.checksum,
                "serial": entry.serial,
                "booted": entry.booted,
                "staged": entry.staged,
                "pinned": entry.pinned,
                "unlocked": "none",
                "version": entry.version,
                "timestamp": 1_790_000_000,
                "origin": BRANCH,
                "requested-packages": [],
                "packages": [],
            }
            for entry in self.entries
        ]
        transaction = ["stage", ":1.99", "/org/projectatomic/rpmostree1/lab"] if self.staging else None
        cached = self._cached_update()
        shown = {"deployments": deployments, "transaction": transaction, "cached-update": cached}
        return json.dumps(shown, indent=2) + "\n"

    def _cached_update(self) -> dict[str, Any] | None:
        """What the last look at the branch found, where the host has it not."""
        if self.fetched in (entry.version for entry in self.entries):
            return None
        return {
            "osname": "lab",
            "origin": BRANCH,
            "version": self.fetched,
            "checksum": checksum_of(self.fetched),
            "timestamp": 1_790_000_000,
            "gpg-enabled": False,
            "ref-has-new-commit": True,
        }

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
                "ostree": {"checksum": entry.checksum, "deploySerial": entry.serial},
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


def checksum_of(version: str) -> str:
    """The commit that a version is."""
    return seeds.digest("commit", version)
