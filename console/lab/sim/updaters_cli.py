"""The updaters' own programs on a host: what they print, and what they do to its deployments. Pure.

`fetched` says which version a line of work brings to the host, which takes its time; `run` does all others.
"""

from __future__ import annotations

from collections.abc import Sequence

from console.lab.sim import facts
from console.lab.sim.deployments import CannotBe, Deployments
from console.lab.sim.files import Printed
from console.lab.sim.machine import Machine

PROGRAMS = ("ostree", "rpm-ostree", "bootc", "update_engine_client")
#: By these a script looks at the branch, without taking anything.
_LOOKS = ("ostree pull --commit-metadata-only", "rpm-ostree upgrade --check")


def look(machine: Machine, script: str) -> None:
    """Have the host know the newest of its branch, where a script looks at it."""
    if machine.deployments is not None and any(look in script for look in _LOOKS):
        machine.deployments.fetched = machine.deployments.branch[0]


def run(machine: Machine, argv: Sequence[str], root: bool) -> Printed:
    """Do what such a line does, all but to fetch a version."""
    deployments = machine.deployments
    if deployments is None or argv[0] not in facts.programs(machine):
        return Printed(code=127, err=f"sh: 1: {argv[0]}: not found\n")
    match argv:
        case ["ostree", "admin", "status", *_]:
            return Printed(deployments.ostree())
        case ["rpm-ostree", "status", "--json", *_]:
            return Printed(deployments.rpm_ostree())
        case ["bootc", "status", "--json", *_]:
            return Printed(deployments.bootc())
        case ["update_engine_client", "--status" | "-status"]:
            return Printed(deployments.update_engine())
    if not root:
        return Printed(code=1, err="error: this needs root\n")
    try:
        said = _changed(deployments, argv)
    except CannotBe as error:
        return Printed(code=1, err=f"error: {error}\n")
    return Printed(code=1, err=f"{argv[0]}: not simulated\n") if said is None else Printed(said)


def _changed(deployments: Deployments, argv: Sequence[str]) -> str | None:
    """Change the boot order; what is said of it. None: this line does no such thing.

    :raises CannotBe: the updater would not.
    """
    match argv:
        case ["ostree", "admin", "set-default", index]:
            deployments.prefer(_number(index))
            return "Bootloader updated; boot order changed\n"
        case ["rpm-ostree" | "bootc", "rollback"]:
            deployments.roll_back()
            return "Bootloader updated; boot order changed\n"
        case ["ostree", "admin", "pin", index]:
            deployments.pin(_number(index), keep=True)
            return f"Deployment {index} is now pinned\n"
        case ["ostree", "admin", "pin", "--unpin", index]:
            deployments.pin(_number(index), keep=False)
            return f"Deployment {index} is now unpinned\n"
        case ["ostree", "admin", "undeploy", index]:
            deployments.undeploy(_number(index))
            return f"Deleted deployment {index}\n"
        case ["rpm-ostree", "cleanup", ("--pending" | "--rollback") as which]:
            runs = deployments.entries.index(deployments.running)
            gone = runs - 1 if which == "--pending" else runs + 1
            if 0 <= gone < len(deployments.entries):
                deployments.undeploy(gone)
            return ""
    return None


def fetched(machine: Machine, argv: Sequence[str]) -> str | None:
    """The version that a line brings to the host; None: it brings none.

    :raises CannotBe: the branch has no such version.
    """
    deployments = machine.deployments
    if deployments is None or argv[0] not in facts.programs(machine):
        return None
    match argv:
        case ["ostree", "admin", "upgrade", "--stage", *options]:
            commits = [one.partition("=")[2] for one in options if one.startswith("--override-commit=")]
            return deployments.find(commits[0]) if commits else deployments.branch[0]
        case ["rpm-ostree", "upgrade"]:
            return deployments.branch[0]
        case ["rpm-ostree", "deploy", name]:
            return deployments.find(name)
    return None


def _number(text: str) -> int:
    """:raises CannotBe: it is none."""
    if not text.isdigit():
        raise CannotBe(f"Invalid index: {text}")
    return int(text)
