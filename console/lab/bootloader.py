"""Which deployment an atomic host boots: what a boot loader and OSTree's initramfs do on a real one.

Formats: the UAPI group's boot loader specification (entries), and ostree-prepare-root, which takes the
root from `ostree=` on the kernel's command line.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from console.errors import LabError


@dataclass(frozen=True, slots=True)
class Entry:
    """One boot loader entry: what it is called, and the kernel's command line."""

    title: str
    version: int
    options: tuple[str, ...]

    @property
    def root(self) -> str:
        """The deployment below the sysroot, as `ostree=` names it: a link to the folder.

        :raises ValueError: it names none.
        """
        for option in self.options:
            if option.startswith("ostree=/"):
                return option.removeprefix("ostree=/")
        raise ValueError(f"the boot loader entry {self.title!r} has no ostree=")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the next boot takes: the entry, and the deployment's folder."""

    entry: Entry
    deployment: Path

    @property
    def var(self) -> Path:
        """The /var that all deployments of the host share."""
        return self.deployment.parents[1] / "var"


def parse_entry(text: str) -> Entry:
    """One file of boot/loader/entries. Pure.

    :raises ValueError: it has no number for a version.
    """
    fields = dict(line.split(None, 1) for line in text.splitlines() if len(line.split(None, 1)) == 2)
    version = fields.get("version", "")
    if not version.strip().isdecimal():
        raise ValueError(f"a boot loader entry has the version {version!r}")
    return Entry(fields.get("title", "").strip(), int(version), tuple(fields.get("options", "").split()))


def choose(sysroot: Path) -> Chosen:
    """What a host with this sysroot boots now: OSTree gives the default the highest version.

    :raises LabError: it has nothing that can be booted.
    """
    folder = sysroot / "boot/loader/entries"
    try:
        entries = [parse_entry(file.read_text("utf-8", "replace")) for file in folder.glob("*.conf")]
        entry = max(entries, key=lambda entry: entry.version)
        deployment = (sysroot / entry.root).resolve(strict=True)
    except (OSError, ValueError) as error:
        raise LabError(f"{folder}: nothing to boot: {error}") from error
    if not deployment.is_relative_to(sysroot.resolve()):
        raise LabError(f"{folder}: {entry.root} leads out of the host")
    return Chosen(entry, deployment)
