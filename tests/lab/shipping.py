"""What is shipped of an engine, made ready for hosts that have no network: a base with Python, and packages.

The base is Debian 12 made of Debian's packages as the lab's own image is; both are kept in the lab's cache.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from console.lab import apt
from console.lab.image import debian_sources
from console.lab.lab import default_cache
from tests.lab.truth import Truth

ROOT = Path(__file__).parents[2]

#: systemd's own Python module is Debian's: to build it takes a compiler. gRPC is written in C++.
_PACKAGES = "python3,python3-venv,python3-systemd,libstdc++6,ca-certificates"

#: What it takes to build what has no wheel, the program too.
_BUILDERS = ("hatchling>=1.26", "setuptools", "wheel")

_TIMEOUT_S = 900


def base() -> Path:
    """A tar of a system with Python 3.11."""
    made = default_cache() / "engine" / f"base-{hashlib.sha256(_PACKAGES.encode()).hexdigest()[:8]}.tar"
    if made.exists():
        return made
    made.parent.mkdir(parents=True, exist_ok=True)
    dump = subprocess.run(["apt-config", "dump", "Acquire"], capture_output=True, text=True, check=True)
    new = made.with_suffix(".new")
    argv = ["mmdebstrap", "--mode=root", "--format=tar", "--variant=essential", f"--include={_PACKAGES}"]
    argv += ['--aptopt=APT::Install-Recommends "false"']
    argv += [f"--aptopt={option}" for option in apt.options(dump.stdout)]
    argv += [f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "man", "locale")]
    _run([*argv, "bookworm", str(new), "-"], stdin="\n".join(debian_sources("bookworm")).encode() + b"\n")
    return new.rename(made)


def packages() -> Path:
    """A folder of all packages that the program runs with, as pinned, and of those that build it."""
    pins = ROOT / "requirements-run.lock"
    made = default_cache() / "engine" / f"wheels-{hashlib.sha256(pins.read_bytes()).hexdigest()[:8]}"
    if made.exists():
        return made
    new = made.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(new)]
    _run([*pip, "--require-hashes", "--no-deps", "-r", str(pins)])
    _run([*pip, *_BUILDERS])
    return new.rename(made)


def source(*more: tuple[str, Path]) -> bytes:
    """A compressed tar of the source, as `git archive` makes one, and of these folders, by name."""
    parts = ("pyproject.toml", "README.md", "LICENSE", "requirements-run.lock", "console", "themes")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as tar:
        for name, path in (*((part, ROOT / part) for part in parts), *more):
            tar.add(path, name, filter=lambda entry: None if "__pycache__" in entry.name else entry)
    return out.getvalue()


def configuration(config: Path, key: str) -> bytes:
    """A tar of what an engine elsewhere is given: the lab's fleet file, and the files that it names.

    :param key: where that engine has its SSH key.
    """
    root = config.parent
    text = config.read_text().replace(f'"{root / "id_ed25519"}"', f'"{key}"')
    text = text.replace(str(root), "/etc/quarterdeck")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        entry = tarfile.TarInfo("fleet.toml")
        entry.size = len(text.encode())
        entry.mode = 0o644
        tar.addfile(entry, io.BytesIO(text.encode()))
        for path in (root / "known_hosts", root / "id_ed25519", *sorted((root / "etcd").rglob("*"))):
            if path.is_file():
                tar.add(path, str(path.relative_to(root)))
    return out.getvalue()


def unpacked(truth: Truth, host: str, content: bytes | Path, folder: str) -> None:
    """Have a tar unpacked into a folder of a host, as root's."""
    compressed = "z" if isinstance(content, bytes) and content[:2] == b"\x1f\x8b" else ""
    sent(truth, host, content, f"sudo mkdir -p {folder} && sudo tar -xo{compressed} -C {folder}")


def sent(truth: Truth, host: str, content: bytes | Path, command: str) -> str:
    """What a command on a host prints that is given this on its stdin."""
    argv = [*truth.argv(host), command]
    if isinstance(content, Path):
        with content.open("rb") as file:
            done = subprocess.run(argv, stdin=file, capture_output=True, timeout=_TIMEOUT_S, check=False)
    else:
        done = subprocess.run(argv, input=content, capture_output=True, timeout=_TIMEOUT_S, check=False)
    assert done.returncode == 0, (host, command, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout.decode()


def _run(argv: list[str], stdin: bytes = b"") -> None:
    done = subprocess.run(argv, input=stdin, capture_output=True, timeout=_TIMEOUT_S, check=False)
    assert done.returncode == 0, (argv, done.stderr[-2000:])
