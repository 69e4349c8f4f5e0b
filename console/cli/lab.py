"""`lab …`: real hosts on this machine, to try things on. The work is done in `console/lab`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from console.commands.command import Command, Kind, argument, option, rest, switch
from console.commands.rows import Cell, RowKind, Tone
from console.commands.values import DURATION, INTEGER, SIZE
from console.errors import HostFailure, LabError

if TYPE_CHECKING:
    from console.commands.core import Core
    from console.commands.output import Output
    from console.lab.lab import Lab, LabHost, LabStatus

_STATE_TONES = {"running": Tone.GOOD, "slow": Tone.WARN, "cut": Tone.WARN, "off": Tone.FAINT}


def _host_fields(host: LabHost) -> dict[str, Any]:
    return {"name": host.name, "address": host.address, "kind": host.kind, "state": host.state}


def _status_fields(status: LabStatus) -> dict[str, Any]:
    return {"config": str(status.config), "hosts": [_host_fields(host) for host in status.hosts]}


def _status_text(status: LabStatus) -> list[tuple[Cell, ...]]:
    table = [
        (Cell(f"{host.name:<10}"), Cell(f"{host.kind:<7}"), Cell(f"{host.address:<15}"), _state(host.state))
        for host in status.hosts
    ]
    return [*table, (Cell(str(status.config)),)]


def _state(word: str) -> Cell:
    return Cell.state(word, _STATE_TONES.get(word, Tone.PLAIN))


#: The whole lab. For people the last line is the fleet file's path, which scripts rely on too.
LAB: RowKind[LabStatus] = RowKind(
    "lab", lambda status: (str(status.config),), _status_fields, (), str, _status_text
)


def _lab(out: Output, *, runs: bool = True) -> Lab:
    """The user's lab. :raises LabError: this machine cannot run one."""
    from console.lab.lab import Lab, default_cache, default_root, missing_requirements

    if runs and (missing := missing_requirements()):
        raise LabError(
            f"the lab cannot run here: {'; '.join(missing)}", hint="`make demo` installs what it can"
        )
    return Lab(default_root(), default_cache(), out.note)


@dataclass(frozen=True)
class LabUp(Command):
    """Bring up hosts: at least so many of each kind, all of them running.

    Without a kind it is three docker hosts and an atomic one. The last line of stdout is the path of
    the lab's fleet file, for `--config` or $QUARTERDECK_CONFIG.
    """

    words = ("lab", "up")
    kind = Kind.WRITE
    plain: int | None = option(INTEGER, "hosts with systemd and sshd, and no containers")
    docker: int | None = option(INTEGER, "hosts with docker")
    podman: int | None = option(INTEGER, "hosts with podman")
    atomic: int | None = option(INTEGER, "hosts that boot an OSTree deployment, and update as a whole")
    exact: bool = switch("exactly so many: take others down")

    async def run(self, core: Core, out: Output) -> None:
        from console.lab.lab import DEFAULT_HOSTS

        counts = {"plain": self.plain, "docker": self.docker, "podman": self.podman, "atomic": self.atomic}
        wanted = {kind: count for kind, count in counts.items() if count is not None}
        status = await _lab(out).up(wanted or DEFAULT_HOSTS, exact=self.exact)
        out.document(LAB, status)


@dataclass(frozen=True)
class LabDown(Command):
    """Take the lab down: every host, process, mount and network device of it."""

    words = ("lab", "down")
    kind = Kind.WRITE

    async def run(self, core: Core, out: Output) -> None:
        await _lab(out).down()


@dataclass(frozen=True)
class LabShow(Command):
    """Show the lab's hosts."""

    words = ("lab", "status")

    async def run(self, core: Core, out: Output) -> None:
        out.document(LAB, await _lab(out, runs=False).status())


@dataclass(frozen=True)
class _OneHost(Command):
    """A lab command about one host."""

    host: str = argument("HOST", "a host of the lab", required=True)


@dataclass(frozen=True)
class LabExec(_OneHost):
    """Run a command inside a host, past its network and its sshd."""

    words = ("lab", "exec")
    kind = Kind.WRITE
    argv: tuple[str, ...] = rest("CMD", "the command and its arguments")

    async def run(self, core: Core, out: Output) -> None:
        code = await _lab(out).exec(self.host, self.argv)
        if code != 0:
            out.failed(HostFailure(f"{self.argv[0]} ended with exit code {code}", host=self.host))


@dataclass(frozen=True)
class LabKill(_OneHost):
    """Cut a host's power: every process of it dies at once."""

    words = ("lab", "kill")
    kind = Kind.WRITE

    async def run(self, core: Core, out: Output) -> None:
        await _lab(out).kill(self.host)


@dataclass(frozen=True)
class LabStart(_OneHost):
    """Boot a host that is off."""

    words = ("lab", "start")
    kind = Kind.WRITE

    async def run(self, core: Core, out: Output) -> None:
        await _lab(out).start(self.host)


@dataclass(frozen=True)
class LabCut(_OneHost):
    """Take a host off the network, silently; it goes on running."""

    words = ("lab", "cut")
    kind = Kind.WRITE

    async def run(self, core: Core, out: Output) -> None:
        await _lab(out).cut(self.host)


@dataclass(frozen=True)
class LabHeal(_OneHost):
    """Undo `lab cut` and `lab slow`."""

    words = ("lab", "heal")
    kind = Kind.WRITE

    async def run(self, core: Core, out: Output) -> None:
        await _lab(out).heal(self.host)


@dataclass(frozen=True)
class LabSlow(_OneHost):
    """Put a slow link before a host's sshd."""

    words = ("lab", "slow")
    kind = Kind.WRITE
    delay: float = option(DURATION, "added each way, like 150ms", default=0.0)
    rate: float | None = option(SIZE, "bytes a second, like 20k")
    stall: bool = switch("accept connections, and pass nothing on")

    async def run(self, core: Core, out: Output) -> None:
        await _lab(out).slow(self.host, delay=self.delay, rate=self.rate, stall=self.stall)


@dataclass(frozen=True)
class LabRelease(Command):
    """Choose what the atomic hosts find when they look for an update: 1.0, 1.1, or 1.2, which is broken.

    A new lab has hosts with 1.0, and 1.1 released.
    """

    words = ("lab", "release")
    kind = Kind.WRITE
    version: str = argument("VERSION", "a version of the lab's system", required=True)

    async def run(self, core: Core, out: Output) -> None:
        await _lab(out).release(self.version)


COMMANDS: tuple[type[Command], ...] = (
    LabUp,
    LabDown,
    LabShow,
    LabExec,
    LabKill,
    LabStart,
    LabCut,
    LabHeal,
    LabSlow,
    LabRelease,
)
