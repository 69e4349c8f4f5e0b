"""The commands a console runs on a host over SSH, and what they print there.

A command line is split as a shell would split it; there is no shell. Of scripts for `sh -c` those that the
console sends are known by what they ask. Anything else is not installed: exit code 127.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from console.lab.sim import facts
from console.lab.sim.bus import BusService
from console.lab.sim.docker_api import DockerService
from console.lab.sim.journalctl import BadArguments, Follower, printed, question
from console.lab.sim.machine import Machine
from console.lab.sim.units import NoSuchUnit
from console.lab.sim.wire import Out, Service

USER = "core"
BUS_SOCKET = "/run/dbus/system_bus_socket"
DOCKER_SOCKET = "/run/docker.sock"
PODMAN_FOLDER = "/run/podman"
PODMAN_SOCKET = f"{PODMAN_FOLDER}/podman.sock"


class Printed(NamedTuple):
    """A command that has ended."""

    out: str | bytes = ""
    code: int = 0
    err: str = ""


def run(machine: Machine, line: str, out: Out) -> Service | None:
    """Run a command line as the console's user; the service if it goes on, None if it has ended."""
    try:
        argv = list(_words(line))
    except ValueError as error:
        _end(out, Printed(code=2, err=f"sh: 1: {error}\n"))
        return None
    root = False
    if argv[:1] == ["sudo"]:
        while argv and argv[0] != "--":
            argv.pop(0)
        argv, root = argv[1:], True
    if not argv:
        _end(out, Printed(code=1, err="usage: sudo -h\n"))
        return None
    if service := _service(machine, argv, out, root=root):
        return service
    _end(out, _printed(machine, argv, root=root))
    return None


@lru_cache(maxsize=64)
def _words(line: str) -> tuple[str, ...]:
    """The words of a line; every host is asked the same ones."""
    return tuple(shlex.split(line))


def socket(machine: Machine, path: str, out: Out) -> Service | None:
    """What listens on a unix socket of the host that its user may open; None: nothing."""
    if path == BUS_SOCKET:
        return BusService(machine, out, root=False)
    if path == DOCKER_SOCKET and machine.engine is not None and machine.engine.kind == "docker":
        return DockerService(machine, machine.engine, out)
    return None


def _service(machine: Machine, argv: Sequence[str], out: Out, *, root: bool) -> Service | None:
    """A command that goes on for as long as somebody listens."""
    match argv:
        case ["systemd-stdio-bridge", *_]:
            return BusService(machine, out, root=root)
        case [("docker" | "podman") as program, *_, "system", "dial-stdio"]:
            engine = machine.engine
            if engine is not None and engine.kind == program and (root or program == "docker"):
                return DockerService(machine, engine, out)
        case ["journalctl", *_] if "-f" in argv or "--follow" in argv:
            try:
                return Follower(machine, question(machine, argv), out)
            except BadArguments:
                return None
    return None


def _end(out: Out, printed: Printed) -> None:
    if printed.out:
        out.write(printed.out.encode() if isinstance(printed.out, str) else printed.out)
    if printed.err:
        out.complain(printed.err.encode())
    out.end(printed.code)


def _printed(machine: Machine, argv: Sequence[str], *, root: bool) -> Printed:
    command = _COMMANDS.get(argv[0])
    if command is None or (argv[0] in _UPDATERS and argv[0] not in facts.programs(machine)):
        return Printed(code=127, err=f"sh: 1: {argv[0]}: not found\n")
    return command(machine, argv, root)


def _sh(machine: Machine, argv: Sequence[str], root: bool) -> Printed:
    script = argv[2] if len(argv) > 2 and argv[1] == "-c" else ""
    if facts.is_script(script):
        return Printed(facts.answer(machine, script, root=root))
    if "command -v journalctl" in script:
        return Printed(f"machine {machine.machine_id}\nnow {int(machine.wall())}\n")
    return Printed(code=127, err="sh: 1: this script is not simulated\n")


def _journalctl(machine: Machine, argv: Sequence[str], root: bool) -> Printed:
    try:
        return Printed(printed(machine, question(machine, argv)))
    except (BadArguments, ValueError) as error:
        return Printed(code=1, err=f"{error}\n")


def _stat(machine: Machine, argv: Sequence[str], root: bool) -> Printed:
    there = [path for path in argv[3:] if _exists(machine, path, root)]
    missing = [path for path in argv[3:] if path not in there]
    complaints = "".join(f"stat: cannot statx '{path}': No such file or directory\n" for path in missing)
    return Printed("".join(f"{path}\n" for path in there), 1 if missing else 0, complaints)


def _exists(machine: Machine, path: str, root: bool) -> bool:
    engine = machine.system.engine
    match path:
        case "/run/docker.sock":
            return engine == "docker"
        case "/run/podman":
            return engine == "podman"
        case "/run/podman/podman.sock":
            return engine == "podman" and root  # the folder is root's
    return path in (BUS_SOCKET, "/", "/run", "/var")


def _test(machine: Machine, argv: Sequence[str], root: bool) -> Printed:
    if len(argv) != 3:
        return Printed(code=2)
    _, what, path = argv
    allowed = root or what not in ("-x", "-w") or not path.startswith(PODMAN_FOLDER)
    return Printed(code=0 if _exists(machine, path, root) and allowed else 1)


def _systemctl(machine: Machine, argv: Sequence[str], root: bool) -> Printed:
    name = argv[-1]
    if argv[1:2] == ["reboot"] and root:
        machine.later(0.5, machine.reboot)
        return Printed()
    if argv[1:2] != ["cat"]:
        return Printed(code=1, err=f"Unknown command verb '{' '.join(argv[1:2])}'.\n")
    try:
        kind = machine.units.peek(name).kind
    except NoSuchUnit:
        kind = None
    if kind is None or kind.load != "loaded":
        return Printed(code=1, err=f"No files found for {name}.\n")
    lines = [f"# /usr/lib/systemd/system/{name}", "[Unit]", f"Description={kind.description}"]
    lines += [f"Requires={other}" for other in kind.requires] + [f"After={other}" for other in kind.after]
    if kind.type == "service":
        program = name.partition(".")[0].partition("@")[0]
        lines += ["", "[Service]", f"ExecStart=/usr/bin/{program}", f"Restart={kind.restart}"]
        lines.append(f"RestartSec={kind.restart_after:g}")
    if kind.wanted_by:
        lines += ["", "[Install]", *(f"WantedBy={target}" for target in kind.wanted_by)]
    return Printed("\n".join(lines) + "\n")


def _id(machine: Machine, argv: Sequence[str], root: bool) -> Printed:
    groups = {"docker": f"{USER} docker systemd-journal", None: f"{USER} systemd-journal"}
    match argv[1:]:
        case ["-un"]:
            return Printed(f"{'root' if root else USER}\n")
        case ["-u"]:
            return Printed("0\n" if root else "1000\n")
        case ["-Gn"]:
            return Printed(("root" if root else groups.get(machine.system.engine, groups[None])) + "\n")
    return Printed(code=1, err="id: not simulated\n")


def _updater(machine: Machine, argv: Sequence[str], root: bool) -> Printed:
    deployments = machine.deployments
    assert deployments is not None
    match argv:
        case ["ostree", "admin", "status", *_]:
            return Printed(deployments.ostree())
        case ["rpm-ostree", "status", "--json", *_]:
            return Printed(deployments.rpm_ostree())
        case ["bootc", "status", "--json", *_]:
            return Printed(deployments.bootc())
        case ["update_engine_client", "--status" | "-status"]:
            return Printed(deployments.update_engine())
    return Printed(code=1, err=f"{argv[0]}: not simulated\n")


_UPDATERS = ("ostree", "rpm-ostree", "bootc", "update_engine_client")
_COMMANDS: dict[str, Callable[[Machine, Sequence[str], bool], Printed]] = {
    "sh": _sh,
    "journalctl": _journalctl,
    "stat": _stat,
    "test": _test,
    "systemctl": _systemctl,
    "id": _id,
    "true": lambda machine, argv, root: Printed(),
    "hostname": lambda machine, argv, root: Printed(f"{machine.name}\n"),
    **dict.fromkeys(_UPDATERS, _updater),
}
