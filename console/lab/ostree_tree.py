"""The tree that atomic hosts boot: the hosts' image in the shape that OSTree deploys, in four versions.

OSTree's rules (ostree docs, "Adapting existing mainstream distributions"): /etc ships as /usr/etc, /var
is empty, what a user may write is a link into it, and a kernel lies in /usr/lib/modules. Ours is an
empty name: systemd-nspawn shares the machine's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from console.lab import compose, recipe


@dataclass(frozen=True, slots=True)
class Version:
    """One release of the lab's system.

    :param works: else lab-app.service fails at boot.
    :param answers: else sshd does not start.
    """

    name: str
    works: bool = True
    answers: bool = True


#: Oldest first. A new host has the first; `ostree admin upgrade` brings what is RELEASED.
VERSIONS = (
    Version("1.0"),
    Version("1.1"),
    Version("1.2", works=False),
    Version("1.3", answers=False),
)
RELEASED = "1.1"

_KERNEL = "usr/lib/modules/6.12.0-lab"
#: Below / → where it leads. What was there is not part of the tree.
_LINKS = {
    "home": "var/home",
    "root": "var/roothome",
    "srv": "var/srv",
    "mnt": "var/mnt",
    "opt": "var/opt",
    "media": "run/media",
    "ostree": "sysroot/ostree",
}
_MOUNT_POINTS = ("boot", "dev", "proc", "run", "sys", "sysroot", "tmp", "var")
#: Those would mount what systemd-nspawn mounts, or complain at each boot that /home and /root are links.
LEFT_OUT = (
    "usr/lib/systemd/system-generators/ostree-system-generator",
    "usr/lib/tmpfiles.d/home.conf",
    "usr/lib/tmpfiles.d/provision.conf",
)


def shape(image: Path, out: Path) -> None:
    """Make `out` of the image's tree. Its files are hard links to the image's: replace, never change."""
    tree = image / "tree"
    subprocess.run(["cp", "--archive", "--link", tree, out], check=True)
    for path in (*compose.hidden_from("atomic", tree), *map(Path, LEFT_OUT)):
        (out / path).unlink()
    compose.enable("atomic", tree, out)
    sysimage = out / "usr/lib/sysimage"
    sysimage.mkdir(parents=True, exist_ok=True)
    (out / "var/lib/dpkg").rename(sysimage / "dpkg")
    for name in (*_LINKS, *_MOUNT_POINTS):
        shutil.rmtree(out / name, ignore_errors=True)
    for name in _MOUNT_POINTS:
        (out / name).mkdir(mode=0o755)
    (out / "tmp").chmod(0o1777)
    for name, target in _LINKS.items():
        (out / name).symlink_to(target)
    (out / "etc").rename(out / "usr/etc")
    for name in ("vmlinuz", "initramfs.img"):
        write(out / _KERNEL / name, f"no {name}: the machine's kernel runs\n")
    for own, source in recipe.own_files("tree-atomic").items():
        write(out / own, source.read_text())
        (out / own).chmod(recipe.mode(own))
    for program in {name for names in recipe.STAND_INS.values() for name in names}:
        (out / "usr/local/bin" / program).symlink_to("/" / recipe.CHOSEN_UPDATERS / program)


def lay_over(version: Version, out: Path) -> None:
    """Write into `out` what one version has of its own."""
    for name, text in version_files(version).items():
        write(out / name, text)
        (out / name).chmod(0o755 if text.startswith("#!") else 0o644)


def version_files(version: Version) -> Mapping[str, str]:
    """What differs from version to version: path → text. Pure."""
    name = version.name
    sshd = "# Read before all others.\n" if version.answers else f"OptionOf{name.replace('.', '')} yes\n"
    start = "exit 0" if version.works else 'echo "cannot read the records of 1.1" >&2; exit 1'
    return {
        "usr/lib/os-release": (
            f'NAME="Lab OS"\nID=labos\nID_LIKE=debian\nVERSION="{name}"\nVERSION_ID={name}\n'
            f'PRETTY_NAME="Lab OS {name}"\n'
        ),
        "usr/lib/lab/app-start": f'#!/bin/sh\necho "{name}" >> /var/lib/lab-app/boots\n{start}\n',
        "usr/lib/systemd/system/lab-app.service": (
            f"[Unit]\nDescription=Lab app {name}\n\n"
            "[Service]\nType=oneshot\nRemainAfterExit=yes\nStateDirectory=lab-app\n"
            "ExecStart=/usr/lib/lab/app-start\n\n"
            "[Install]\nWantedBy=multi-user.target\n"
        ),
        "usr/etc/ssh/sshd_config.d/00-version.conf": sshd,
    }


def write(path: Path, text: str) -> None:
    """Put a new file at `path`; one that was there loses its name, not its content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text)
    os.chmod(path, 0o644)
