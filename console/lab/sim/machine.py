"""One simulated host: a boot, its systemd, its engine, its journal, and what is wrong with it. Pure.

Nothing here knows of a network. `Line` says how the host's line behaves, and `on_line` tells whoever
carries bytes for it that this has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from console.lab.sim import catalog, lease, seeds
from console.lab.sim.agenda import Agenda
from console.lab.sim.catalog import System
from console.lab.sim.containers import Engine
from console.lab.sim.deployments import Deployments
from console.lab.sim.flaws import Flaw
from console.lab.sim.guard import Guard
from console.lab.sim.journal import Journal
from console.lab.sim.unit_text import FOLDERS, written_units
from console.lab.sim.units import Units

if TYPE_CHECKING:
    from console.lab.sim.update_work import Work

_BOOT_LINES = (
    ("kernel", "Linux version {kernel} (build@example) (gcc 14.2.0) #1 SMP PREEMPT_DYNAMIC"),
    ("kernel", "Command line: root=/dev/vda1 ro console=ttyS0"),
    ("systemd", "systemd 257.13-1 running in system mode"),
    ("systemd", "Hostname set to <{name}>."),
    ("systemd", "Reached target sysinit.target - System Initialization."),
    ("systemd", "Reached target basic.target - Basic System."),
    ("sshd", "Server listening on 0.0.0.0 port 22."),
    ("systemd", "Reached target multi-user.target - Multi-User System."),
)
_BOOT_TAKES = (6.0, 14.0)
_IN_MEMORY = ("/run/", "/tmp/")


@dataclass(slots=True)
class Line:
    """How a host can be reached.

    `down`: nothing listens. `frozen`: connections stand still, new ones too. `delay` in seconds each
    way, `rate` in bytes a second or None, `garbage`: what the host's programs say is noise. `key`
    counts host keys. `cut`: grows when every connection ends; `forgotten`: grows when the host forgets
    its connections, while the other side still believes in them.
    """

    down: bool = False
    frozen: bool = False
    delay: float = 0.0
    rate: float | None = None
    garbage: bool = False
    key: int = 0
    cut: int = 0
    forgotten: int = 0


@dataclass(slots=True)
class Health:
    """What the host's facts say beyond what its system is; shares from 0 to 1, seconds, percent."""

    clock_offset: float = 0.0
    memory_used: float = 0.35
    disk_used: float = 0.4
    pressure: dict[str, float] = field(default_factory=dict)


class Machine:
    """A host from its first boot on.

    :param began: Unix time at which the agenda's clock stood at 0.
    :param sizes: how many units and containers it has.
    :param kind: of its system; by its number if left out.
    :param speed: so many times as fast as a real one it boots, and fetches versions.
    """

    def __init__(
        self,
        name: str,
        number: int,
        agenda: Agenda,
        *,
        seed: int,
        began: float,
        sizes: tuple[int, int],
        kind: str | None = None,
        speed: float = 1.0,
    ) -> None:
        self.name = name
        self.number = number
        self.seed = seed
        self.system: System = catalog.system_of(number, kind)
        self.speed = speed
        self._agenda = agenda
        self._began = began
        self._sizes = sizes
        self.machine_id = seeds.digest(seed, name, "machine")[:32]
        self.dice = seeds.dice(seed, name, "boot")
        self.line = Line()
        self.on_line: Callable[[], None] | None = None
        self.health = Health(memory_used=self.dice.uniform(0.2, 0.6), disk_used=self.dice.uniform(0.1, 0.7))
        self.journal = Journal(self.machine_id, name)
        self.version = self.system.version
        self.deployments = _deployments(self.system)
        self.guard = Guard(self)
        #: What is wrong with versions on this host, by their names.
        self.flaws: dict[str, Flaw] = {}
        #: Work that goes on whoever follows it, by its unit.
        self.works: dict[str, Work] = {}
        #: What was written on the host, by path; a folder of its own ends in a slash.
        self.files: dict[str, bytes] = {}
        self.boots = 0
        self.runs = True  # whether its systemd does; a host that does not answer may run
        self._engine: Engine | None = None
        self._boot(-self.dice.uniform(3_600, 3_000_000))
        self._first_ailment()

    # -- time -------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        return self._agenda.now

    @property
    def boot_uuid(self) -> str:
        """The boot's id as random(4) writes it."""
        text = self.boot_id
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    @property
    def flaw(self) -> Flaw | None:
        """What is wrong with the version that is booted."""
        return self.flaws.get(self.version)

    @property
    def booted(self) -> float:
        """When it booted, on the same clock."""
        return self._booted

    def later(self, delay: float, action: Callable[[], None]) -> None:
        """Do something that many seconds from now, unless the host goes down before."""
        boots = self.boots

        def still() -> None:
            if self.boots == boots and self.runs:
                action()

        self._agenda.after(delay, still)

    def wall(self, time: float | None = None) -> float:
        """Unix time by the host's own clock."""
        return self._began + (self.now if time is None else time) + self.health.clock_offset

    def micros(self, time: float | None) -> int:
        """The same in microseconds, as systemd has it; 0 for never."""
        return 0 if time is None else int(self.wall(time) * 1_000_000)

    def uptime(self, time: float | None = None) -> float:
        return (self.now if time is None else time) - self.booted

    # -- what runs on it --------------------------------------------------------------------

    @property
    def engine(self) -> Engine | None:
        """Its container engine, made when first looked at."""
        if self._engine is None and self.system.engine is not None:
            self._engine = Engine(self, self.system.engine, self._sizes[1], self.seed, self.name)
        return self._engine

    def log(self, message: str, *, unit: str = "", priority: int = 6, **extra: str) -> None:
        """Write to the journal as systemd."""
        self._write("systemd", message, unit=unit, priority=priority, pid=1, extra=extra)

    def say(self, unit: str, message: str | bytes, *, priority: int = 6, container: str = "") -> None:
        """Write to the journal as a service of the host, or as one of its containers."""
        if not container:
            word = unit.partition(".")[0]
            self._write(word, message, unit=unit, priority=priority, pid=1000 + len(unit), extra={})
            return
        number = self.engine.find(container).id if self.engine else ""
        extra = {"CONTAINER_NAME": container, "CONTAINER_ID_FULL": number}
        program = "dockerd" if self.system.engine == "docker" else "conmon"
        unit = "docker.service" if program == "dockerd" else f"{container}.service"
        self._write(program, message, unit=unit, priority=priority, pid=900, extra=extra)

    def passes(self, command: str) -> bool:
        """Whether a short command of a unit's succeeds, now."""
        return lease.passes(self.files, self.uptime(), command)

    def _write(
        self,
        identifier: str,
        message: str | bytes,
        *,
        unit: str = "",
        priority: int = 6,
        pid: int = 0,
        extra: dict[str, str],
        time: float | None = None,
    ) -> None:
        self.journal.write(
            self.micros(self.now if time is None else time),
            int(self.uptime(time) * 1_000_000),
            self.boot_id,
            message,
            unit=unit,
            identifier=identifier,
            pid=pid,
            priority=priority,
            extra=extra,
        )

    # -- power ------------------------------------------------------------------------------

    def reboot(self, takes: float | None = None) -> None:
        """Shut down in order, and boot."""
        self._down()
        self._agenda.after(takes or self.dice.uniform(*_BOOT_TAKES) / self.speed, self._up(self.boots))

    def power_cut(self, lasts: float | None = None) -> None:
        """Everything ends at once; the host boots after so many seconds, or never."""
        if self.deployments:
            self.deployments.power_cut()
        self._down()
        if lasts is not None:
            self._agenda.after(lasts, self._up(self.boots))

    def power_off(self) -> None:
        """Shut down in order, and stay down."""
        self._down()

    def drop_ins(self, unit: str) -> list[str]:
        """The drop-ins of a unit, by path."""
        return sorted(
            path
            for path in self.files
            if path.endswith(".conf") and path.rpartition("/")[0] in {f"{each}/{unit}.d" for each in FOLDERS}
        )

    def _down(self) -> None:
        self.runs = False
        self.line.down = True
        self.line.cut += 1
        self._line_changed()

    def _up(self, boots: int) -> Callable[[], None]:
        def up() -> None:
            if self.boots == boots and not self.runs:
                self._boot(self.now)
                self.line.down = self.flaw is not None and not self.flaw.answers
                self._line_changed()

        return up

    def _boot(self, time: float) -> None:
        self.boots += 1
        self.works = {}
        self._booted = time
        self.boot_id = boot_of(self.seed, self.name, self.boots)
        self.units = Units(self, catalog.units(self._sizes[0], self.system.engine), time)
        if self.deployments and self.boots > 1:
            self.version = self.deployments.booted()
        self.runs = self.flaw is None or self.flaw.boots
        self._start_what_was_written()
        self._fail_what_is_flawed()
        for number, (identifier, text) in enumerate(_BOOT_LINES):
            line = text.format(kernel=self.system.kernel, name=self.name)
            pid = 1 if identifier == "systemd" else 0
            self._write(identifier, line, pid=pid, extra={}, time=time + 0.2 * number)
        if self._engine is not None:
            self._engine.booted()
        self.guard.booted()

    def _start_what_was_written(self) -> None:
        """What was in memory is gone with the last boot; what is on the disk comes back."""
        self.files = {path: text for path, text in self.files.items() if not path.startswith(_IN_MEMORY)}
        for kind, wanted in written_units(self.files):
            self.units.write(kind)
            if wanted and not kind.fault:
                self.units.start(kind.name)

    def _fail_what_is_flawed(self) -> None:
        if self.flaw is not None and self.flaw.unit in self.units:
            self.units.found_failed(self.flaw.unit)
            words = f"{self.flaw.unit}: Failed with result 'exit-code'."
            self._write("systemd", words, unit=self.flaw.unit, priority=4, pid=1, extra={})

    def _first_ailment(self) -> None:
        """A few hosts of a fleet are never quite well."""
        ailment = self.dice.random()
        own = catalog.own_services(self.units.kinds)
        if own and ailment < 0.03:
            self.units.found_failed(self.dice.choice(own).name)

    # -- the line ---------------------------------------------------------------------------

    def change_line(self, **values: bool | float | None) -> None:
        """Change fields of `line`, and tell."""
        for name, value in values.items():
            setattr(self.line, name, value)
        self._line_changed()

    def drop(self) -> None:
        """Every connection ends."""
        self.line.cut += 1
        self._line_changed()

    def forget_connections(self) -> None:
        """Half open: the host knows nothing of its connections any more; new ones work."""
        self.line.forgotten += 1
        self._line_changed()

    def new_host_key(self) -> None:
        self.line.key += 1
        self.drop()

    def _line_changed(self) -> None:
        if self.on_line is not None:
            self.on_line()


def boot_of(seed: int, name: str, number: int) -> str:
    """The id of a host's so many-th boot."""
    return seeds.digest(seed, name, "boot", number)[:32]


def _deployments(system: System) -> Deployments | None:
    if system.updater is None:
        return None
    return Deployments(system.updater, system.version, system.before, system.released)


def release_of(machine: Machine) -> Iterator[tuple[str, str]]:
    """The host's os-release, with the version that is booted."""
    for name, value in machine.system.release:
        yield name, machine.version if name == machine.system.version_key else value
