"""Turns a fresh Debian tree into an image: our own files, and a thin layer for each kind of host."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from console.lab import recipe
from console.lab.plan import KINDS


def put_files(tree: Path) -> None:
    """Put our own files into the tree, and take out what each host gets for itself."""
    for path, source in recipe.own_files().items():
        target = tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(recipe.mode(path))
    for stray in (*tree.glob("etc/ssh/ssh_host_*"), tree / "etc/machine-id", tree / "etc/hostname"):
        stray.unlink(missing_ok=True)
    (tree / "var/log/journal").mkdir(exist_ok=True)


def make_layers(image: Path) -> None:
    """A layer beside `image/tree` for each kind: hides what it has not, enables what only it has."""
    tree = image / "tree"
    for kind in KINDS:
        hidden = [package for other, names in recipe.ENGINES.items() if other != kind for package in names]
        layer = image / kind
        layer.mkdir()
        for path in _files_of(tree, [*hidden, *recipe.REGISTRY]):
            _hide(layer, path)
        for unit, target in recipe.ENABLED_FOR.get(kind, {}).items():
            wants = layer / f"etc/systemd/system/{target}.wants"
            wants.mkdir(parents=True, exist_ok=True)
            ours = (tree / "etc/systemd/system" / unit).exists()
            (wants / unit).symlink_to(f"{'/etc' if ours else '/usr/lib'}/systemd/system/{unit}")
        for engine in recipe.ENGINES:
            if engine != kind:
                _hide(layer, Path(f"etc/systemd/system/lab-{engine}.service"))


def _files_of(tree: Path, packages: list[str]) -> list[Path]:
    """Files of `packages`, relative to the tree, and the links that enable their units."""
    found: list[Path] = []
    for package in packages:
        for line in (tree / f"var/lib/dpkg/info/{package}.list").read_text().splitlines():
            path = tree / line.lstrip("/")
            if path.is_symlink() or path.is_file():
                found.append(path.relative_to(tree))
    units = {path.name for path in found if path.match("systemd/system/*")}
    links = [link for link in (tree / "etc/systemd/system").rglob("*") if link.is_symlink()]
    return found + [link.relative_to(tree) for link in links if link.name in units]


def _hide(layer: Path, path: Path) -> None:
    """A whiteout: to overlayfs, a character device 0/0 says the file below is not there."""
    target = layer / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        os.mknod(target, stat.S_IFCHR | 0o600, os.makedev(0, 0))
