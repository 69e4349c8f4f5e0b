"""The few files that a console reads and writes on a host, and the commands it does that with. Pure.

What the host says of itself (/proc, /etc/os-release, unit files) is made when it is read; what was written is
kept by its path. There are no permissions but one: who is not root writes below /tmp only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from console.lab.sim import facts
from console.lab.sim.machine import Machine
from console.lab.sim.unit_state import NoSuchUnit

_UNIT_FOLDER = "/usr/lib/systemd/system/"


class Printed(NamedTuple):
    """A command that has ended."""

    out: str | bytes = ""
    code: int = 0
    err: str = ""


class NoSuchFile(Exception):
    """There is none at that path."""


def text_of(machine: Machine, path: str) -> bytes:
    """What is in a file. :raises NoSuchFile: it is not there."""
    if path in machine.files:
        return machine.files[path]
    if path in _MADE:
        return facts.answer(machine, f"section() {{ :; }}\nsection {_MADE[path]}").partition("\n")[2].encode()
    if path == "/etc/hostname":
        return f"{machine.name}\n".encode()
    if path.startswith(_UNIT_FOLDER):
        return _unit_file(machine, path.removeprefix(_UNIT_FOLDER)).encode()
    raise NoSuchFile(path)


_MADE = {
    "/proc/sys/kernel/random/boot_id": "boot",
    "/proc/sys/kernel/osrelease": "kernel",
    "/etc/machine-id": "machine",
    "/etc/os-release": "os",
    "/proc/uptime": "uptime",
    "/proc/loadavg": "load",
}


def _unit_file(machine: Machine, name: str) -> str:
    """The text of a file that the host has booted with. :raises NoSuchFile: it has none."""
    try:
        kind = machine.units.peek(name).kind
    except NoSuchUnit:
        raise NoSuchFile(name) from None
    if kind.load != "loaded" or kind.folder != _UNIT_FOLDER.rstrip("/"):
        raise NoSuchFile(name)
    lines = ["[Unit]", f"Description={kind.description}"]
    lines += [f"Requires={other}" for other in kind.requires] + [f"After={other}" for other in kind.after]
    if kind.type == "service":
        program = name.partition(".")[0].partition("@")[0]
        lines += ["", "[Service]", f"ExecStart=/usr/bin/{program}", f"Restart={kind.restart}"]
        lines.append(f"RestartSec={kind.restart_after:g}")
    if kind.wanted_by:
        lines += ["", "[Install]", *(f"WantedBy={target}" for target in kind.wanted_by)]
    return "\n".join(lines) + "\n"


def run(machine: Machine, argv: Sequence[str], root: bool, stdin: bytes = b"") -> Printed:
    """Do what a command does with files. :raises KeyError: it is none of them."""
    command = COMMANDS[argv[0]]
    words = [word for word in argv[1:] if not word.startswith("-")]
    writes = argv[0] not in ("cat", "mktemp")
    if writes and not root and any(not path.startswith("/tmp/") for path in words[-1:]):
        return Printed(code=1, err=f"{argv[0]}: cannot write '{words[-1]}': Permission denied\n")
    try:
        return command(machine, words, stdin)
    except NoSuchFile as error:
        return Printed(code=1, err=f"{argv[0]}: {error}: No such file or directory\n")


def _cat(machine: Machine, words: list[str], stdin: bytes) -> Printed:
    return Printed(b"".join(text_of(machine, path) for path in words))


def _mktemp(machine: Machine, words: list[str], stdin: bytes) -> Printed:
    path = f"/tmp/quarterdeck.{len(machine.files):08x}"
    machine.files[f"{path}/"] = b""
    return Printed(f"{path}\n")


def _tee(machine: Machine, words: list[str], stdin: bytes) -> Printed:
    for path in words:
        machine.files[path] = stdin
    return Printed(stdin)


def _copy(machine: Machine, words: list[str], stdin: bytes) -> Printed:
    *sources, target = words
    for source in sources:
        path = target + source.rpartition("/")[2] if target.endswith("/") else target
        machine.files[path] = text_of(machine, source)
    return Printed()


def _install(machine: Machine, words: list[str], stdin: bytes) -> Printed:
    return _copy(machine, words[-2:], stdin)  # before them is the mode


def _move(machine: Machine, words: list[str], stdin: bytes) -> Printed:
    source, target = words
    machine.files[target] = text_of(machine, source)
    machine.files.pop(source, None)
    return Printed()


def _remove(machine: Machine, words: list[str], stdin: bytes) -> Printed:
    for path in words:
        for each in [each for each in machine.files if each == path or each.startswith(f"{path}/")]:
            del machine.files[each]
    return Printed()


def _nothing(machine: Machine, words: list[str], stdin: bytes) -> Printed:
    return Printed()


COMMANDS: dict[str, Callable[[Machine, list[str], bytes], Printed]] = {
    "cat": _cat,
    "mktemp": _mktemp,
    "tee": _tee,
    "cp": _copy,
    "install": _install,
    "mv": _move,
    "rm": _remove,
    "mkdir": _nothing,
    "rmdir": _nothing,
}
