"""`docker exec`, `docker top` and podman's: the engines' own programs, as far as a console runs them."""

from __future__ import annotations

from collections.abc import Sequence

from console.lab.sim.containers import ContainerState, NoSuchContainer
from console.lab.sim.files import Printed
from console.lab.sim.machine import Machine
from console.lab.sim.shell import Shell
from console.lab.sim.wire import Out, Service

_SHELLS = ("sh", "bash", "ash", "/bin/sh", "/bin/bash")


def run(machine: Machine, argv: Sequence[str], out: Out) -> Service | Printed | None:
    """What such a line does: it goes on, or it has printed. None: it is no such line."""
    words = [word for word in argv[1:] if not word.startswith(("--host", "--url", "unix:"))]
    engine = machine.engine
    if engine is None or engine.kind != argv[0] or words[:1] not in (["exec"], ["top"]):
        return None
    options = 1
    while options < len(words) and words[options].startswith("-"):
        options += 1
    if options == len(words):
        return Printed(code=1, err=f'"{argv[0]} {words[0]}" requires a container.\n')
    name, inside = words[options], words[options + 1 :]
    try:
        container = engine.find(name)
    except NoSuchContainer:
        return Printed(code=1, err=f"Error response from daemon: No such container: {name}\n")
    if not container.up:
        return Printed(code=1, err=f"Error response from daemon: container {container.id} is not running\n")
    if words[0] == "top":
        return Printed(f"UID  PID  CMD\nroot {container.pid}  /entrypoint.sh serve\n")
    if "-t" in words[:options] and inside[:1] and inside[0] in _SHELLS:
        return Shell(out, "/srv # ", lambda line: _inside(container, line))
    return _inside(container, inside)


def _inside(container: ContainerState, argv: Sequence[str]) -> Printed:
    """A command in a container that has next to nothing."""
    match list(argv):
        case ["echo", *words]:
            return Printed(" ".join(words) + "\n")
        case ["hostname"]:
            return Printed(f"{container.id[:12]}\n")
        case ["id", "-u"]:
            return Printed("0\n")
        case ["true"]:
            return Printed()
        case ["false"]:
            return Printed(code=1)
        case [("sh" | "/bin/sh"), "-c", line] if line.startswith("exit "):
            return Printed(code=int(line.split()[1]))
        case ["ps", *_]:
            return Printed("PID   USER     COMMAND\n    1 root     /entrypoint.sh serve\n")
    word = argv[0] if argv else ""
    said = f'exec: "{word}": executable file not found in $PATH: unknown'
    return Printed(code=127, err=f"OCI runtime exec failed: exec failed: unable to start process: {said}\n")
