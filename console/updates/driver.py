"""What a driver of an updater is, and which one drives a host. Pure.

A driver knows one updater: what to ask it, what its answers mean, and which commands make it do things. It
does none of them: `updater.py` does, the same way for each. A new updater is one file and one line in
`registry.py`; `ostree.py` is the example.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from console.model.deployment import Available, Deployment, UpdateStatus


class Driver(StrEnum):
    """The updaters there are."""

    RPM_OSTREE = "rpm-ostree"
    BOOTC = "bootc"
    OSTREE = "ostree"
    UPDATE_ENGINE = "update_engine"


#: What the probe may find: each program by its name, and that the system was booted from OSTree.
PROGRAMS = ("rpm-ostree", "bootc", "ostree", "update_engine_client")
BOOTED = "ostree-booted"
#: Prints what it finds, a word a line; `driver_of` reads it.
PROBE = f"""\
[ -e /run/ostree-booted ] && echo {BOOTED}
for program in {" ".join(PROGRAMS)}; do command -v $program >/dev/null && echo $program; done
"""


def driver_of(found: AbstractSet[str]) -> Driver | None:
    """The updater of a host on which the probe found this; None for one without.

    A program alone says little (a workstation has ostree for its flatpaks): the system must have been
    booted from OSTree. rpm-ostree goes before bootc, since it also drives hosts with layered
    packages, which bootc refuses ("incompatible" in its status).
    """
    if "update_engine_client" in found:
        return Driver.UPDATE_ENGINE
    if BOOTED in found:
        for driver in (Driver.RPM_OSTREE, Driver.BOOTC, Driver.OSTREE):
            if driver in found:
                return driver
    return None


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be staged: nothing given is the newest of what the host follows.

    :param version: by its name.
    :param checksum: a commit, or an image's digest (`sha256:…`).
    :param channel: another branch or image, which the host follows from then on.
    :param locked: only bring it to the host: a reboot does not take it before it is activated.
    """

    version: str | None = None
    checksum: str | None = None
    channel: str | None = None
    locked: bool = False

    def __str__(self) -> str:
        wanted = [word for word in (self.version, self.checksum, self.channel) if word]
        return " ".join(wanted or ["the newest"]) + (", locked" if self.locked else "")

    def is_met_by(self, deployment: Deployment) -> bool:
        """Whether a deployment is what is asked for. None is known to be "the newest" without looking."""
        if self.channel is not None:
            return False
        if self.checksum is not None:
            return self.checksum in (deployment.checksum, deployment.digest)
        return self.version is not None and self.version == deployment.version


@dataclass(frozen=True, slots=True)
class Progress:
    """How far staging is: a line of the updater's, safe to show, and percent where it says so."""

    text: str
    percent: float | None = None


_PERCENT = re.compile(r"(?<![0-9.])([0-9]{1,3})(?:\.[0-9]+)?%")


def progress_of(line: str) -> Progress:
    """A line that says somewhere how many percent there are."""
    found = _PERCENT.search(line)
    percent = float(found[1]) if found and int(found[1]) <= 100 else None
    return Progress(line, percent)


class Cleanup(StrEnum):
    """What a clean-up takes away."""

    PENDING = "pending"  # what the next boot would have taken, or could have
    ROLLBACK = "rollback"  # what a rollback would have booted


def with_next(deployments: Iterable[Deployment]) -> tuple[Deployment, ...]:
    """Deployments in boot order, the one marked that the next boot takes: the first that is not locked."""
    marked: list[Deployment] = []
    for one in deployments:
        is_next = not one.locked and not any(before.next for before in marked)
        marked.append(replace(one, next=is_next))
    return tuple(marked)


Argv = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A script of sections (`osfacts.SECTIONS`) for a POSIX shell, and its parameters `$1`, `$2`, ….

    :param root: whether only root gets an answer.
    :param within: seconds.
    """

    script: str
    arguments: Argv = ()
    root: bool = False
    within: float = 30.0


#: What each section of the answer said.
Answer = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WayBack:
    """How a host can go back by itself from the version that it boots next: what its guard goes by.

    :param here: a shell's words that print what tells the running system from any other on the host.
    :param back: shell; after it a reboot takes the system that runs now. It is run in the one to come.
    :param etc: the /etc that the system to come will have, as a path in the one that runs now.
    """

    here: str
    back: str
    etc: str


class UpdateDriver(Protocol):
    """One updater. Every method is pure; those that plan raise `Refused` for what the updater cannot do."""

    driver: Driver
    #: Asks for the status; `parse` reads the answer.
    status: Question

    def parse(self, answer: Answer) -> UpdateStatus:
        """What the updater says; agents and our own work on the host are added by `updater.py`.

        :raises ValueError: this is not what it prints.
        """

    def look(self, status: UpdateStatus, target: Target) -> Question | None:
        """What finds out what there is, without staging it. None where staging needs no such look.

        :param target: empty for whatever is newest.
        """

    def seen(self, status: UpdateStatus, target: Target, answer: Answer) -> Available | None:
        """What `look` found; None where the host has it already.

        :raises ValueError: the answer is not what it prints, or tells of no such version.
        """

    def stage(self, status: UpdateStatus, target: Target, found: Available | None) -> tuple[Argv, ...]:
        """The commands that stage `target`, in order; run on the host in a unit of their own.

        :param found: what `look` found, where the driver wanted to look.
        """

    def progress(self, line: str) -> Progress:
        """What a line that those commands print tells."""

    def activate(self, status: UpdateStatus, *, reboot: bool) -> tuple[Argv, ...]:
        """The commands after which a reboot takes what is staged; often there is nothing to do.

        :param reboot: whether they may reboot the host themselves, where they cannot do without.
        """

    def rollback(self, status: UpdateStatus) -> tuple[Argv, ...]:
        """The commands after which a reboot takes `status.rollback`, whatever else is staged."""

    def way_back(self, status: UpdateStatus) -> WayBack | None:
        """How the host goes back from `status.pending` by itself; None where it cannot."""

    def pin(self, status: UpdateStatus, deployment: Deployment, *, keep: bool) -> tuple[Argv, ...]:
        """The commands that keep a deployment from clean-ups, or no longer do."""

    def cleanup(self, status: UpdateStatus, what: Cleanup) -> tuple[Argv, ...]:
        """The commands that take a deployment away. Asked only where there is one."""
