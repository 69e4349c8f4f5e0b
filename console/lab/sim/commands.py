"""The commands a console runs on a host over SSH, and what they print there.

A command line is split as a shell would split it; there is no shell. Of scripts for `sh -c` those that the
console sends are known by what they ask. Anything else is not installed: exit code 127.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

from console.lab.sim import (
    containers_cli,
    facts,
    files,
    root_scripts,
    unit_work,
    update_scripts,
    update_work,
    updaters_cli,
)
from console.lab.sim.bus import BusService
from console.lab.sim.docker_api import DockerService
from console.lab.sim.files import Printed
from console.lab.sim.journalctl import BadArguments, Follower, printed, question
from console.lab.sim.machine import Machine
from console.lab.sim.root_scripts import RootScript
from console.lab.sim.shell import Shell
from console.lab.sim.unit_state import NoSuchUnit
from console.lab.sim.wire import Out, Service

USER = "core"
#: A script with one of these is more than plain commands one after the other.
_NOT_PLAIN = frozenset("$&|<>(){}`\n#")
BUS_SOCKET = "/run/dbus/system_bus_socket"
DOCKER_SOCKET = "/run/docker.sock"
PODMAN_FOLDER = "/run/podman"
PODMAN_SOCKET = f"{PODMAN_FOLDER}/podman.sock"


def run(machine: Machine, line: str, out: Out) -> Service | None:
    """Run a command line as the console's user; the service if it goes on, None if it has ended."""
    try:
        argv = list(_words(line))
    except ValueError as error:
        _end(out, Printed(code=2, err=f"sh: 1: {error}\n"))
        return None
    argv, root = _as_root(argv)
    if not argv:
        _end(out, Printed(code=1, err="usage: sudo -h\n"))
        return None
    if service := _service(machine, argv, out, root=root):
        return service
    if argv[0] in ("docker", "podman") and (done := containers_cli.run(machine, argv, out)):
        if not isinstance(done, Printed):
            return done
        _end(out, done)
        return None
    _end(out, _printed(machine, argv, root=root))
    return None


def _as_root(argv: Sequence[str]) -> tuple[list[str], bool]:
    """A command without its sudo, and whether it had one: the user may be root and is asked for nothing."""
    words = list(argv)
    if words[:1] != ["sudo"]:
        return words, False
    words.pop(0)
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option == "--":
            break
        if option == "-p":
            words.pop(0)  # its prompt
    return words, True


def shell(machine: Machine, out: Out) -> Service:
    """What a session without a command runs."""

    def line(words: Sequence[str]) -> Printed:
        words, root = _as_root(words)
        return _printed(machine, words, root=root) if words else Printed()

    return Shell(out, f"{USER}@{machine.name}:~$ ", line)


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
        case ["sh", *_] if root_scripts.asked(argv):
            return RootScript(machine, argv, out, root=root)
        case ["sh", *_] if update_work.asked(argv):
            return update_work.UpdateWork(machine, argv, out, root=root)
        case ["tee", *_]:
            return _Tee(machine, argv, out, root)
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
    if argv[0] in files.COMMANDS:
        return files.run(machine, argv, root)
    command = _COMMANDS.get(argv[0])
    if command is None:
        return Printed(code=127, err=f"sh: 1: {argv[0]}: not found\n")
    return command(machine, argv, root)


def _sh(machine: Machine, argv: Sequence[str], root: bool) -> Printed:
    script = argv[2] if len(argv) > 2 and argv[1] == "-c" else ""
    if facts.is_script(script):
        updaters_cli.look(machine, script)
        return Printed(facts.answer(machine, script, root=root))
    if unit_work.inspected(script):
        return Printed(unit_work.inspection(machine, script))
    if "command -v journalctl" in script:
        now = f"now {machine.wall():.9f}\n"
        return Printed(f"machine {machine.machine_id}\n{now}{now}")
    if (said := update_scripts.answer(machine, argv, root=root)) is not None:
        return said
    if script and not _NOT_PLAIN.intersection(script):
        return _plain(machine, script, root=root)
    return Printed(code=127, err="sh: 1: this script is not simulated\n")


def _plain(machine: Machine, script: str, *, root: bool) -> Printed:
    """A script of plain commands, one after the other."""
    done = [_printed(machine, shlex.split(line), root=root) for line in script.split(";") if line.strip()]
    out = b"".join(one.out.encode() if isinstance(one.out, str) else one.out for one in done)
    return Printed(out, done[-1].code, "".join(one.err for one in done))


def _unshare(machine: Machine, argv: Sequence[str], root: bool) -> Printed:
    """Mounts of its own are nothing here: of what is run in them only our scripts are known."""
    said = update_scripts.answer(machine, argv, root=root)
    return said or Printed(code=127, err="unshare: not simulated\n")


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
    match [word for word in argv[1:] if not word.startswith("-")]:
        case [("reboot" | "poweroff") as verb]:
            if not root:
                return Printed(code=1, err=f"Call to {verb} failed: Interactive authentication required.\n")
            machine.later(
                update_scripts.GOES_DOWN_AFTER, machine.reboot if verb == "reboot" else machine.power_off
            )
            return Printed()
        case ["cat", name]:
            return _systemctl_cat(machine, name)
        case ["show", pattern] if "--property=NRestarts" in argv:
            return Printed("\n".join(_restarts(machine, pattern)))
        case ["is-system-running"]:
            failed = machine.units.failed()
            return Printed("degraded\n" if failed else "running\n", 1 if failed else 0)
    return Printed(code=1, err=f"Unknown command verb '{' '.join(argv[1:2])}'.\n")


def _restarts(machine: Machine, pattern: str) -> Iterator[str]:
    """A block for each unit that the pattern means: how often systemd has restarted it."""
    for kind, _, _ in machine.units.all():
        if fnmatchcase(kind.name, pattern):
            yield f"Id={kind.name}\nNRestarts={machine.units.peek(kind.name).restarts}\n"


def _systemctl_cat(machine: Machine, name: str) -> Printed:
    try:
        path = machine.units.peek(name).kind.path
        text = f"# {path}\n{files.text_of(machine, path).decode('utf-8', 'replace')}"
    except (NoSuchUnit, files.NoSuchFile):
        return Printed(code=1, err=f"No files found for {name}.\n")
    for path in machine.drop_ins(name):
        text += f"\n# {path}\n{machine.files[path].decode('utf-8', 'replace')}"
    return Printed(text)


def _env(machine: Machine, argv: Sequence[str], root: bool) -> Printed:
    """`env NAME=VALUE… COMMAND`: the only command so run has systemd check a unit, and all units are good."""
    return Printed() if "systemd-analyze" in argv else Printed(code=127, err="env: not simulated\n")


def _echo(machine: Machine, argv: Sequence[str], root: bool) -> Printed:
    return Printed(" ".join(argv[1:]) + "\n")


def _uname(machine: Machine, argv: Sequence[str], root: bool) -> Printed:
    return Printed(f"{machine.system.kernel if '-r' in argv else 'Linux'}\n")


class _Tee:
    """A command that reads to the end of its stdin first; see `Service`."""

    def __init__(self, machine: Machine, argv: Sequence[str], out: Out, root: bool) -> None:
        self._machine, self._argv, self._out, self._root = machine, argv, out, root
        self._said = bytearray()

    def received(self, data: bytes) -> None:
        self._said += data

    def finished(self) -> None:
        _end(self._out, files.run(self._machine, self._argv, self._root, bytes(self._said)))

    def closed(self) -> None:
        """What was not said to its end is not written."""


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


_COMMANDS: dict[str, Callable[[Machine, Sequence[str], bool], Printed]] = {
    "sh": _sh,
    "unshare": _unshare,
    "journalctl": _journalctl,
    "stat": _stat,
    "test": _test,
    "systemctl": _systemctl,
    "id": _id,
    "env": _env,
    "echo": _echo,
    "uname": _uname,
    "true": lambda machine, argv, root: Printed(),
    "hostname": lambda machine, argv, root: Printed(f"{machine.name}\n"),
    **dict.fromkeys(updaters_cli.PROGRAMS, updaters_cli.run),
}
