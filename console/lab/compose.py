"""Turns a fresh Debian tree into an image: our own files, and a thin layer for each kind of host."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from console.lab import recipe
from console.lab.plan import LAYERED


def put_files(tree: Path) -> None:
    """Put our own files into the tree, and take out what each host gets for itself."""
    for path, source in recipe.own_files("tree").items():
        target = tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(recipe.mode(path))
    for stray in (*tree.glob("etc/ssh/ssh_host_*"), tree / "etc/machine-id", tree / "etc/hostname"):
        stray.unlink(missing_ok=True)
    (tree / "var/log/journal").mkdir(exist_ok=True)


def make_layers(image: Path) -> None:
    """A layer beside `image/tree` for each layered kind: hides what it has not, enables what only it has."""
    tree = image / "tree"
    for kind in LAYERED:
        layer = image / kind
        layer.mkdir()
        for path in hidden_from(kind, tree):
            # A whiteout: to overlayfs, a character device 0/0 says the file below is not there.
            (layer / path).parent.mkdir(parents=True, exist_ok=True)
            os.mknod(layer / path, stat.S_IFCHR | 0o600, os.makedev(0, 0))
        enable(kind, tree, layer)


def enable(kind: str, tree: Path, over: Path) -> None:
    """Enable in `over` what is enabled on hosts of `kind` only."""
    for unit, target in recipe.ENABLED_FOR.get(kind, {}).items():
        wants = over / f"etc/systemd/system/{target}.wants"
        wants.mkdir(parents=True, exist_ok=True)
        ours = (tree / "etc/systemd/system" / unit).exists()
        (wants / unit).symlink_to(f"{'/etc' if ours else '/usr/lib'}/systemd/system/{unit}")


def hidden_from(kind: str, tree: Path) -> set[Path]:
    """What a host of `kind` does not see of the tree: other kinds' engines with their units, the registry."""
    others = [name for name in recipe.OWN if name != kind]
    packages = [*recipe.REGISTRY, *(package for other in others for package in recipe.OWN[other])]
    found = {Path(f"etc/systemd/system/lab-{other}.service") for other in others if other in recipe.ENGINES}
    for package in packages:
        for line in (tree / f"var/lib/dpkg/info/{package}.list").read_text().splitlines():
            path = tree / line.lstrip("/")
            if path.is_symlink() or path.is_file():
                found.add(path.relative_to(tree))
    units = {path.name for path in found if path.match("systemd/system/*")}
    links = (path for path in (tree / "etc/systemd/system").rglob("*") if path.is_symlink())
    return found | {link.relative_to(tree) for link in links if {link.name, link.readlink().name} & units}
