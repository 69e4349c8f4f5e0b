"""`lab …`: real hosts on this machine, to try things on. The work is done in `console/lab`."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.commands.command import Command, Kind, Recall, argument, option, rest, switch
from console.commands.rows import Cell, RowKind, Tone
from console.commands.values import DURATION, INTEGER, PATH, SIZE, Value, choice
from console.errors import HostFailure, LabError, UsageError

if TYPE_CHECKING:
    from console.commands.core import Core
    from console.commands.output import Output
    from console.lab.lab import Lab, LabHost, LabStatus
    from console.lab.sim.plan import SimPlan

_STATE_TONES = {
    "running": Tone.GOOD,
    "slow": Tone.WARN,
    "cut": Tone.WARN,
    "frozen": Tone.WARN,
    "off": Tone.FAINT,
}


def _host_fields(host: LabHost) -> dict[str, Any]:
    return {"name": host.name, "address": host.address, "kind": host.kind, "state": host.state}


def _status_fields(status: LabStatus) -> dict[str, Any]:
    hosts = [_host_fields(host) for host in status.hosts]
    return {"config": str(status.config), "hosts": hosts, "engine": _engine_state(status)}


def _engine_state(status: LabStatus) -> str | None:
    return None if status.engine is None else "running" if status.engine else "off"


def _status_text(status: LabStatus) -> list[tuple[Cell, ...]]:
    table = [
        (Cell(f"{host.name:<10}"), Cell(f"{host.kind:<7}"), Cell(f"{host.address:<15}"), _state(host.state))
        for host in status.hosts
    ]
    if (engine := _engine_state(status)) is not None:
        table.append(
            (Cell(f"{'engine':<10}"), Cell(f"{'':<7}"), Cell(f"{'this machine':<15}"), _state(engine))
        )
    return [*table, (Cell(str(status.config)),)]


def _state(word: str) -> Cell:
    return Cell.state(word, _STATE_TONES.get(word, Tone.PLAIN))


#: The whole lab. For people the last line is the fleet file's path, which scripts rely on too.
LAB: RowKind[LabStatus] = RowKind(
    "lab", lambda status: (str(status.config),), _status_fields, (), str, _status_text
)


#: A simulated fleet: the path of its file.
SIM: RowKind[Path] = RowKind(
    "fleet",
    lambda config: (str(config),),
    lambda config: {"config": str(config)},
    (),
    str,
    lambda config: [(Cell(str(config)),)],
)

#: How this program is started again.
_OURSELVES = (sys.executable, "-m", "console")


def _lab(out: Output, *, runs: bool = True) -> Lab:
    """The user's lab. :raises LabError: this machine cannot run one."""
    from console.lab.lab import Lab, default_cache, default_root, missing_requirements

    if runs and (missing := missing_requirements()):
        raise LabError(
            f"the lab cannot run here: {'; '.join(missing)}", hint="`make demo` installs what it can"
        )
    return Lab(default_root(), default_cache(), out.note)


class LabCommand(Command):
    """A command about the lab on this machine: no fleet file's `read_only` is about it."""

    of_fleet = False
    recall = Recall.NONE


def _parse_members(text: str) -> int:
    from console.lab.plan import check_members

    count = INTEGER.parse(text)
    try:
        check_members(count)
    except LabError as error:
        raise UsageError(error.message, hint=error.hint) from error
    return count


_MEMBERS = Value("MEMBERS", _parse_members, str, ("1", "3", "5"))


@dataclass(frozen=True)
class LabUp(LabCommand):
    """Bring up hosts: at least so many of each kind, all of them running.

    Without a kind it is three docker hosts, an atomic one and an etcd. Where there is an etcd an engine runs
    too, on this machine: the lab is a fleet on which services can be placed. The last line of stdout is the
    path of the lab's fleet file, for `--config` or $QUARTERDECK_CONFIG.
    """

    words = ("lab", "up")
    kind = Kind.WRITE
    plain: int | None = option(INTEGER, "hosts with systemd and sshd, and no containers")
    docker: int | None = option(INTEGER, "hosts with docker")
    podman: int | None = option(INTEGER, "hosts with podman")
    atomic: int | None = option(INTEGER, "hosts that boot an OSTree deployment, and update as a whole")
    rpm_ostree: int | None = option(INTEGER, "atomic hosts with a stand-in for rpm-ostree")
    bootc: int | None = option(INTEGER, "atomic hosts with a stand-in for bootc")
    update_engine: int | None = option(INTEGER, "atomic hosts with a stand-in for update_engine")
    etcd: int | None = option(_MEMBERS, "members of one etcd, which the fleet file then names: 1, 3 or 5")
    exact: bool = switch("exactly so many: take others down")
    no_engine: bool = switch("an etcd, and no engine on this machine")

    async def run(self, core: Core, out: Output) -> None:
        from console.lab.lab import DEFAULT_HOSTS

        counts = {
            "plain": self.plain,
            "docker": self.docker,
            "podman": self.podman,
            "atomic": self.atomic,
            "rpm-ostree": self.rpm_ostree,
            "bootc": self.bootc,
            "update-engine": self.update_engine,
            "etcd": self.etcd,
        }
        wanted = {kind: count for kind, count in counts.items() if count is not None}
        engine = () if self.no_engine else _OURSELVES
        status = await _lab(out).up(wanted or DEFAULT_HOSTS, exact=self.exact, engine=engine)
        out.document(LAB, status)


@dataclass(frozen=True)
class LabDown(LabCommand):
    """Take the lab down: every host, process, mount and network device of it.

    A simulated fleet that was started with `lab sim --detach` ends too.
    """

    words = ("lab", "down")
    kind = Kind.WRITE

    async def run(self, core: Core, out: Output) -> None:
        from console.lab.lab import missing_requirements
        from console.lab.sim.standing import down, sim_root

        ended = await down(sim_root())
        if ended:
            out.note("the simulated fleet has ended")
        if not (ended and missing_requirements()):
            await _lab(out).down()


def _parse_rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate < float("inf"):
        raise UsageError(f"not a rate: {text!r}", hint="changes a second, like 20 or 0.5")
    return rate


_RATE = Value("RATE", _parse_rate, "{:g}".format)


def _parse_speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= 1000:
        raise UsageError(f"not a speed: {text!r}", hint="how many times as fast: 1, or 10")
    return speed


_SPEED = Value("TIMES", _parse_speed, "{:g}".format)

#: The kinds of simulated hosts (`sim/catalog.py`, which is not read for a line of help).
_SYSTEMS = ("atomic", "bootc", "coreos", "docker", "flatcar", "podman")


@dataclass(frozen=True)
class LabSim(LabCommand):
    """Simulate a fleet: hosts without a system, which speak SSH, D-Bus, docker and the journal.

    For size and for faults; it needs no root. The first line of stdout is the path of its fleet file, once
    all hosts listen; it runs until it is interrupted. The same seed has the same history.

    A script is TOML, one table a fault: when, which, on which hosts, for how many seconds.

        [[fault]]
        at = 30                 # seconds after the fleet is up
        do = "die"
        hosts = ["sim-00*"]     # names or globs; all if left out
        share = 0.2             # or count = 20; the seed chooses
        for = 60

    There are die reboot hang half-open drop slow(delay, rate) garbage host-key clock-skew(offset)
    pressure(resource, value) disk-full unit-crash(unit) unit-crash-loop(unit) unit-restart(unit)
    daemon-reload container-crash(container) container-crash-loop(container)
    container-restart(container) unhealthy(container) oom(container) log-burst(unit, lines)
    stage(version) release(version) version-fails(version, unit) version-mute(version)
    version-hangs(version) version-mended(version); what is in brackets are further keys, all of which may
    be left out.

    Hosts of the systems atomic and coreos carry out rollouts: they stage, reboot into the new version, have a
    guard, and go back.
    """

    words = ("lab", "sim")
    kind = Kind.WRITE
    hosts: int = option(INTEGER, "how many hosts", default=50)
    units: int = option(INTEGER, "systemd units on each", default=200)
    containers: int = option(INTEGER, "containers on each", default=20)
    seed: int = option(INTEGER, "what decides all that is random", default=7)
    churn: float = option(_RATE, "changes a second over the whole fleet", default=0.0)
    script: Path | None = option(PATH, "faults, and when they befall which hosts")
    system: str | None = option(choice(*_SYSTEMS), "what all hosts are; a mixture if left out")
    speed: float = option(_SPEED, "so many times as fast as real ones hosts boot and stage", default=1.0)
    workers: int | None = option(INTEGER, "processes to spread the hosts over; as many as there are cores")
    detach: bool = switch("leave it running, until `lab down`")

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.grammar import format_command
        from console.lab.sim.fleet import SimFleet
        from console.lab.sim.standing import detached, sim_root, standing

        plan = self._plan()
        if self.detach and (config := standing(sim_root())):
            out.note("a simulated fleet already runs, and is left as it is; `lab down` ends it")
            out.document(SIM, config)
        elif self.detach:
            line = format_command(replace(self, detach=False))
            out.document(SIM, await detached(sim_root(), [*_OURSELVES, *shlex.split(line)]))
        else:
            async with SimFleet(sim_root(), plan, out.note).running() as fleet:
                out.document(SIM, fleet.config)
                sys.stdout.flush()
                await fleet.wait()

    def _plan(self) -> SimPlan:
        """:raises UsageError: the script cannot be read."""
        from console.lab.sim.plan import SimPlan
        from console.lab.sim.script import Fault, parse

        faults: list[Fault] = []
        if self.script is not None:
            try:
                faults = parse(self.script.read_text())
            except (OSError, ValueError) as error:
                raise UsageError(f"{self.script}: {error}") from error
        plan = SimPlan(
            self.hosts,
            self.units,
            self.containers,
            self.seed,
            self.churn,
            tuple(faults),
            self.workers,
            system=self.system,
            speed=self.speed,
        )
        plan.check()
        return plan


@dataclass(frozen=True)
class LabShow(LabCommand):
    """Show the lab's hosts."""

    words = ("lab", "status")

    async def run(self, core: Core, out: Output) -> None:
        out.document(LAB, await _lab(out, runs=False).status())


@dataclass(frozen=True)
class _OneHost(LabCommand):
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
class LabFreeze(_OneHost):
    """Stop every process of a host where it is: it answers nothing, and loses nothing."""

    words = ("lab", "freeze")
    kind = Kind.WRITE

    async def run(self, core: Core, out: Output) -> None:
        await _lab(out).freeze(self.host)


@dataclass(frozen=True)
class LabThaw(_OneHost):
    """Let a frozen host go on."""

    words = ("lab", "thaw")
    kind = Kind.WRITE

    async def run(self, core: Core, out: Output) -> None:
        await _lab(out).thaw(self.host)


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
class LabRelease(LabCommand):
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
    LabFreeze,
    LabThaw,
    LabSlow,
    LabRelease,
    LabSim,
)
