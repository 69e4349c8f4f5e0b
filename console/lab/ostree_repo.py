"""OSTree for the lab: the repositories in an image, what a lab publishes, and a host's sysroot.

All of it is done by the image's own `ostree`, which this machine need not have. An image has two
repositories with the same commits: `bare`, from which a new host gets its first deployment as hard links,
and `archive`, which hosts pull from over HTTP. A lab publishes `archive` with a branch of its own, so
that each lab says when a version is released.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from console.errors import LabError
from console.lab import ostree_tree, state
from console.lab.bootloader import choose
from console.lab.cells import Cells, alive
from console.lab.ostree_tree import RELEASED, VERSIONS
from console.lab.run import run

CELL = "updates"
#: The name of the system on a host (its stateroot), and of the place its updates come from.
NAME = "lab"
BRANCH = "lab/os"

#: Fixed, so that the same tree gives the same commit, and rising: OSTree refuses to go back in time.
_TIMESTAMP = "2026-01-{day:02}T00:00:00Z"


class Ostree:
    """The `ostree` of the image in `folder`, run on this machine by the image's own loader."""

    def __init__(self, folder: Path) -> None:
        self.bare = folder / "ostree/bare"
        self.archive = folder / "ostree/archive"
        loader = next((folder / "tree/usr/lib").glob("*/ld-linux-*.so.*"), None)
        if loader is None:
            raise LabError(f"no program loader in {folder / 'tree/usr/lib'}")
        self._argv = [str(loader), "--library-path", str(loader.parent), str(folder / "tree/usr/bin/ostree")]

    async def run(self, *arguments: str | Path) -> str:
        """What `ostree ARGUMENTS` prints.

        :raises LabError: it fails.
        """
        return await run([*self._argv, *map(str, arguments)])

    async def commit_of(self, version: str) -> str:
        """The checksum of the commit that is `version`.

        :raises LabError: there is no such version.
        """
        if version not in (known := [known.name for known in VERSIONS]):
            raise LabError(f"there is no version {version}", hint=f"there are {', '.join(known)}")
        return (await self.run("rev-parse", f"--repo={self.bare}", f"{NAME}/{version}")).strip()


async def build(folder: Path) -> None:
    """Make the repositories of the image in `folder` from its tree."""
    ostree = Ostree(folder)
    work = folder / "ostree/work"
    work.mkdir(parents=True)
    ostree_tree.shape(folder, work / "tree")
    await ostree.run("init", f"--repo={ostree.bare}", "--mode=bare")
    parent = [f"--tree=dir={work / 'tree'}"]
    for day, version in enumerate(VERSIONS, 1):
        over = work / version.name
        ostree_tree.lay_over(version, over)
        await ostree.run(
            *("commit", f"--repo={ostree.bare}", f"--branch={NAME}/{version.name}", f"--bind-ref={BRANCH}"),
            *parent,
            *(f"--tree=dir={over}", f"--add-metadata-string=version={version.name}"),
            *(f"--subject=Lab OS {version.name}", f"--timestamp={_TIMESTAMP.format(day=day)}"),
        )
        commit = await ostree.commit_of(version.name)
        parent = [f"--parent={commit}", f"--tree=ref={commit}"]
    await ostree.run("init", f"--repo={ostree.archive}", "--mode=archive")
    # Written once, read a little: speed before size.
    await ostree.run("config", f"--repo={ostree.archive}", "set", "archive.zlib-level", "1")
    await ostree.run("pull-local", f"--repo={ostree.archive}", ostree.bare)
    shutil.rmtree(work)


async def publish(ostree: Ostree, folder: Path) -> None:
    """Have in `folder` what a lab publishes; versions already released there stay so."""
    if not _prepare(folder, ostree.archive).exists():
        await release(ostree, folder, RELEASED)


async def release(ostree: Ostree, folder: Path, version: str) -> None:
    """From now on hosts that look for updates in `folder` find `version`.

    :raises LabError: there is no such version.
    """
    commit = await ostree.commit_of(version)
    state.replace(_prepare(folder, ostree.archive), f"{commit}\n")


def _prepare(folder: Path, archive: Path) -> Path:
    """Make `folder` a repository that has the objects of `archive`; its branch's file."""
    branch = folder / "refs/heads" / BRANCH
    branch.parent.mkdir(parents=True, exist_ok=True)
    state.replace(folder / "config", (archive / "config").read_text())
    objects = folder / "objects"
    objects.unlink(missing_ok=True)
    objects.symlink_to(archive / "objects")
    return branch


async def serve(cells: Cells, folder: Path, address: str) -> bool:
    """Have `folder` served over HTTP at `address` (`host:port`); False if it was already."""
    if alive(cells, CELL):
        return False
    await cells.kill(CELL)
    host, _, port = address.rpartition(":")
    argv = [sys.executable, "-m", "http.server", "--bind", host, "--directory", str(folder), port]
    await cells.start(CELL, argv, folder.with_name("updates.log"))
    return True


async def make_sysroot(ostree: Ostree, sysroot: Path, remote: str) -> Path:
    """Make a host's sysroot with the oldest version deployed; the deployment's folder.

    :param remote: where its updates come from, a URL.
    """
    repo = f"--repo={sysroot / 'ostree/repo'}"
    commit = await ostree.commit_of(VERSIONS[0].name)
    await ostree.run("admin", "init-fs", "--modern", "--epoch=2", sysroot)
    await ostree.run("admin", "stateroot-init", f"--sysroot={sysroot}", NAME)
    # The lab's own boot loader (bootloader.py) reads the entries and nothing else.
    await ostree.run("config", repo, "set", "sysroot.bootloader", "none")
    await ostree.run("config", repo, "set", "sysroot.readonly", "false")
    await ostree.run("remote", repo, "add", "--no-gpg-verify", NAME, remote, BRANCH)
    await ostree.run("pull-local", repo, f"--remote={NAME}", ostree.bare, commit)
    await ostree.run("refs", repo, f"--create={NAME}:{BRANCH}", commit)
    await ostree.run("admin", "deploy", f"--sysroot={sysroot}", f"--stateroot={NAME}", f"{NAME}:{BRANCH}")
    return choose(sysroot).deployment


def remove(host: Path) -> None:
    """Remove a host's folder; OSTree makes its deployments immutable (chattr(1))."""
    deployments = [path for path in host.glob("sysroot/ostree/deploy/*/deploy/*") if path.is_dir()]
    if deployments:
        subprocess.run(["chattr", "-i", *deployments], check=True)
    shutil.rmtree(host)
