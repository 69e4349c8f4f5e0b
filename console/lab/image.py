"""The hosts' image: built once, kept in the cache, shared by all hosts of all labs.

An image is a folder: `tree/`, a Debian system with everything any kind of host has; a thin layer a
kind (`docker/`, `podman/`, `plain/`) that hides what hosts of that kind have not; and `ostree/`, the
repositories that atomic hosts boot and update from (ostree_repo.py). It appears in the
cache by a rename when it is whole, so a build that was killed leaves nothing taken for one.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from console.errors import LabError
from console.lab import apt, compose, ostree_repo, recipe
from console.lab.lock import locked
from console.lab.plan import LAYERED
from console.lab.run import outcome, run

_SOURCES = Path("/etc/apt")


@dataclass(frozen=True, slots=True)
class Image:
    """A built image."""

    folder: Path

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    def layers(self, kind: str) -> tuple[Path, ...]:
        """What a host of `kind` is made of, topmost first; nothing for one with a sysroot of its own."""
        return (self.folder / kind, self.tree) if kind in LAYERED else ()


class ImageCache:
    """The images in the cache folder, and which labs use them."""

    def __init__(self, cache: Path, report: Callable[[str], None]) -> None:
        self._images = cache / "images"
        self._labs = cache / "labs"
        self._report = report

    async def image(self) -> Image:
        """The image of the present recipe; built if it is not there.

        :raises LabError: this machine's apt has no Debian source, or the build failed.
        """
        architecture = (await run(["dpkg", "--print-architecture"])).strip()
        image = Image(self._images / recipe.key(architecture))
        if image.folder.is_dir():
            return image
        self._images.mkdir(parents=True, exist_ok=True)
        async with locked(self._images / "lock", "another image build", self._report):
            if not image.folder.is_dir():
                await self._build(image)
                await asyncio.to_thread(self._drop_unused, image)
        return image

    def claim(self, lab_id: str, state: Path, image: Image) -> None:
        """Keep `image` for as long as the lab with this state file is there."""
        self._labs.mkdir(parents=True, exist_ok=True)
        record = {"state": str(state), "image": image.folder.name}
        (self._labs / f"{lab_id}.json").write_text(json.dumps(record) + "\n")

    def claimed(self, lab_id: str) -> Image | None:
        """The image that lab was made from, if it is still there."""
        try:
            record = json.loads((self._labs / f"{lab_id}.json").read_text())
        except (FileNotFoundError, ValueError):
            return None
        image = Image(self._images / str(record["image"]))
        return image if image.folder.is_dir() else None

    def release(self, lab_id: str) -> None:
        """The lab is gone; its image stays in the cache until another takes its place."""
        (self._labs / f"{lab_id}.json").unlink(missing_ok=True)

    async def _build(self, image: Image) -> None:
        started = time.monotonic()
        lines = await asyncio.to_thread(debian_sources, recipe.RELEASE)
        options = apt.options(await run(["apt-config", "dump", "Acquire"]))
        self._report(f"building the hosts' image (Debian {recipe.RELEASE}): once, about a minute")
        building = self._images / f".building-{os.getpid()}"
        await asyncio.to_thread(self._clear_unfinished)
        building.mkdir()
        try:
            await self._fill(Image(building), lines, options)
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, building, ignore_errors=True)
            raise
        await run(["sync", "--file-system", str(building)])
        building.rename(image.folder)
        self._report(f"the image is ready after {time.monotonic() - started:.0f} s")

    async def _fill(self, image: Image, lines: list[str], options: list[str]) -> None:
        argv = recipe.mmdebstrap_argv(image.tree, options)
        # In a process namespace of its own that ends with us: a killed build leaves nobody at work.
        contained = ["setpriv", "--pdeathsig", "KILL"]
        contained += ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
        code, _, err = await self._narrated([*contained, *argv], "\n".join(lines) + "\n")
        if code != 0:
            errors = [line for line in err.splitlines() if line.startswith("E:")] or err.splitlines()[-3:]
            why = " ".join(errors)[:500]
            raise LabError(f"the image could not be built: {why}", hint="does apt-get update work?")
        await asyncio.to_thread(compose.put_files, image.tree)
        for command in recipe.finishing_commands():
            await run(["chroot", str(image.tree), *command])
        await asyncio.to_thread(compose.make_layers, image.folder)
        await ostree_repo.build(image.folder)

    async def _narrated(self, argv: list[str], stdin: str) -> tuple[int, str, str]:
        started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            build = group.create_task(outcome(argv, stdin=stdin))
            while not build.done():
                await asyncio.wait([build], timeout=10)
                if not build.done():
                    seconds = time.monotonic() - started
                    self._report(f"  fetching and unpacking packages, {seconds:.0f} s so far")
        return build.result()

    def _clear_unfinished(self) -> None:
        for left in self._images.glob(".building-*"):
            shutil.rmtree(left)

    def _drop_unused(self, current: Image) -> None:
        used = {current.folder.name}
        for file in self._labs.glob("*.json"):
            record = json.loads(file.read_text())
            if Path(record["state"]).exists():
                used.add(record["image"])
            else:
                file.unlink()
        for folder in self._images.iterdir():
            if folder.is_dir() and folder.name not in used:
                self._report(f"removing the image of an older recipe ({folder.name})")
                # Out of the way first: a removal that is cut short must not leave half an image.
                doomed = folder.rename(folder.with_name(f".building-old-{folder.name}"))
                shutil.rmtree(doomed)


def debian_sources(release: str) -> list[str]:
    """The sources.list for `release`, from this machine's own.

    :raises LabError: none of its sources is Debian's.
    """
    files = [_SOURCES / "sources.list", *(_SOURCES / "sources.list.d").glob("*")]
    texts = {str(file): file.read_text("utf-8", "replace") for file in files if file.is_file()}
    os_release = dict(line.partition("=")[::2] for line in Path("/etc/os-release").read_text().splitlines())
    codename = os_release.get("VERSION_CODENAME", "").strip('"')
    lines = apt.for_release(apt.parse_sources(texts), codename, release)
    if not lines:
        hint = "the lab builds its hosts from Debian's archive"
        raise LabError("apt on this machine has no Debian source", hint=hint)
    return lines
