"""`container start|stop|…`: what changes containers; and `container logs`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from console.actions.container_plan import ContainerHost, ContainerWish, Seen, draw_containers, seen_of
from console.actions.plan import Plan
from console.commands.change import Change, tell_idle, unreached
from console.commands.command import Command, argument, option, switch
from console.commands.container import engine_of
from console.commands.grammar import format_command
from console.commands.log import LogFollow, LogShow
from console.commands.parameters import OnHosts
from console.commands.rows import CONTAINER
from console.commands.unit_change import SIGNAL
from console.commands.values import DURATION, INTEGER, SECONDS_OR_TIME, TEXT
from console.errors import Absent, HostError, NothingSelected
from console.model.container import Container
from console.model.selector import NamePatterns, is_glob
from console.model.state import Source, State
from console.model.text import clean
from console.model.wants import Wants

if TYPE_CHECKING:
    from console.commands.core import Core, View
    from console.commands.output import Output

#: Beyond so many targets each is planned as the live model has it, without one more look.
_LOOKED_AT = 500


@dataclass(frozen=True)
class ChangeContainers(Change):
    """Changes each container that is named, on each host that has it."""

    wants: ClassVar[Wants] = Wants(units=False, os=False)
    patterns: tuple[str, ...] = argument("CONTAINER", "names, globs or ids", many=True, required=True)

    @property
    def wish(self) -> ContainerWish:
        """What is asked for of each container."""
        return ContainerWish(self.words[1])

    async def draw(self, core: Core, view: View, out: Output) -> Plan:
        broken = unreached(view.broken(Source.CONTAINERS))
        targets = targets_of(view, self.patterns)
        hosts, failed = await _look_at(view, targets)
        drawn = draw_containers(self.wish, hosts)
        if not (drawn.steps or drawn.refused or drawn.idle or broken or failed):
            raise NothingSelected(f"no container matches {' '.join(self.patterns)}")
        tell_idle(out, drawn.idle)
        return Plan(
            format_command(self),
            tuple(drawn.steps),
            (*drawn.refused, *broken, *unreached(failed)),
            tuple(drawn.notes),
            drawn.grave and bool(drawn.steps),
        )


def targets_of(view: View, patterns: tuple[str, ...]) -> dict[str, list[Container]]:
    """By host, the containers that match, of hosts whose containers are live."""
    named = NamePatterns.parse(patterns)
    found: dict[str, list[Container]] = {}
    for host in view.hosts():
        status = host.sources.get(Source.CONTAINERS)
        if status is not None and status.state is State.LIVE:
            containers = view.fleet.model.containers(host.name)
            matching = [container for container in containers if named.matches_container(container)]
            if matching:
                found[host.name] = sorted(matching, key=CONTAINER.sort)
    return found


async def _look_at(
    view: View, targets: dict[str, list[Container]]
) -> tuple[list[ContainerHost], list[HostError]]:
    """What a plan has to know of the targets; and the hosts that do not say."""
    from console.actions.boot import boot_id
    from console.commands.asking import ask_each

    closely = sum(map(len, targets.values())) <= _LOOKED_AT

    async def look(container: Container) -> Seen | None:
        if not closely:
            return Seen(container)
        try:
            return seen_of(container, await engine_of(view, container).inspect(container.id))
        except Absent:
            return None  # it has gone meanwhile

    async def one(host: str) -> ContainerHost:
        silent: list[HostError] = []
        found = await ask_each(targets[host], look, silent.append)
        if silent:
            raise silent[0]
        names = Counter(name for each in view.fleet.model.containers(host) for name in set(each.names))
        return ContainerHost(
            host,
            [seen for seen in found if seen is not None],
            names,
            await boot_id(view.fleet.transport(host)),
            await _restarts(view, host, targets[host]),
        )

    missing: list[HostError] = []
    return await ask_each(targets, one, missing.append), missing


async def _restarts(view: View, host: str, containers: Iterable[Container]) -> dict[str, str]:
    """`Restart=` of the units that own some of the containers."""
    found: dict[str, str] = {}
    for unit in sorted({each.unit for each in containers if each.unit}):
        said = await view.fleet.transport(host).run(
            ("systemctl", "show", "--property=Restart", "--value", "--", unit), limit=4096
        )
        if said.code == 0 and (policy := clean(said.stdout.decode("utf-8", "replace").strip(), 32)):
            found[unit] = policy
    return found


@dataclass(frozen=True)
class ContainerStart(ChangeContainers):
    """Start containers."""

    words = ("container", "start")


@dataclass(frozen=True)
class _Stopping(ChangeContainers):
    time: float | None = option(DURATION, "how long before it is killed (default: as it is configured)")

    @property
    def wish(self) -> ContainerWish:
        return ContainerWish(self.words[1], time=self.time)


@dataclass(frozen=True)
class ContainerStop(_Stopping):
    """Stop containers: by their stop signal, and by KILL after a while."""

    words = ("container", "stop")


@dataclass(frozen=True)
class ContainerRestart(_Stopping):
    """Restart containers; one that does not run is started."""

    words = ("container", "restart")


@dataclass(frozen=True)
class ContainerKill(ChangeContainers):
    """Send a signal to the main process of containers."""

    words = ("container", "kill")
    signal: str = option(SIGNAL, "which one (default KILL)", short="-s", default="KILL")

    @property
    def wish(self) -> ContainerWish:
        return ContainerWish("kill", signal=self.signal)


@dataclass(frozen=True)
class ContainerPause(ChangeContainers):
    """Freeze the processes of containers."""

    words = ("container", "pause")


@dataclass(frozen=True)
class ContainerUnpause(ChangeContainers):
    """Let the frozen processes of containers go on."""

    words = ("container", "unpause")


@dataclass(frozen=True)
class ContainerRemove(ChangeContainers):
    """Delete containers, and what was written in them. Nothing takes that back."""

    words = ("container", "remove")
    force: bool = switch("also those that run: they are killed first")
    volumes: bool = switch("their anonymous volumes too")

    @property
    def wish(self) -> ContainerWish:
        return ContainerWish("remove", force=self.force, volumes=self.volumes)


@dataclass(frozen=True)
class ContainerLogs(OnHosts):
    """Show what containers have logged, or follow it: `log show` and `log follow` with `--container`.

    It is read from each host's journal, where podman's containers log, and docker's where its log
    driver is journald.
    """

    words = ("container", "logs")
    patterns: tuple[str, ...] = argument("CONTAINER", "names, globs or ids", many=True, required=True)
    follow: bool = switch("go on with what comes", short="-f")
    lines: int | None = option(INTEGER, "the newest so many", short="-n")
    since: float | datetime | None = option(SECONDS_OR_TIME, "from then on: 10m, or a time", short="-S")
    grep: str | None = option(TEXT, "only messages that hold this text", short="-g")

    async def run(self, core: Core, out: Output) -> None:
        names = self.patterns
        if any(is_glob(pattern) or len(pattern) >= _LEAST_ID for pattern in names):
            names = await self._names(core)
        log = LogFollow if self.follow else LogShow
        await log(on=self.on, container=names, lines=self.lines, since=self.since, grep=self.grep).run(
            core, out
        )

    async def _names(self, core: Core) -> tuple[str, ...]:
        """The names that globs and ids stand for; a name itself stands for one that may be gone."""
        async with core.observe(self.on, Wants(units=False, os=False)) as view:
            targets = targets_of(view, self.patterns)
        found = {each.name for containers in targets.values() for each in containers}
        plain = {pattern for pattern in self.patterns if not is_glob(pattern)}
        if not found | plain:
            raise NothingSelected(f"no container matches {' '.join(self.patterns)}")
        return tuple(sorted(found | plain))


#: A pattern so long may be the beginning of an id.
_LEAST_ID = 12

COMMANDS: tuple[type[Command], ...] = (
    ContainerStart,
    ContainerStop,
    ContainerRestart,
    ContainerKill,
    ContainerPause,
    ContainerUnpause,
    ContainerRemove,
    ContainerLogs,
)
