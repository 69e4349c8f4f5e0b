"""`host reboot|poweroff|label|cordon|uncordon`: what is done to hosts as a whole, and said of them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from console.actions.plan import Act, Effect, Plan, Refusal, Step
from console.commands.change import Change, tell_idle, unreached
from console.commands.command import Command, Recall, argument, option
from console.commands.grammar import format_command
from console.commands.values import DURATION
from console.errors import HostError, UsageError
from console.model.container import Container
from console.model.host import Host
from console.model.selector import Selector
from console.model.unit_facts import active_class
from console.model.wants import Wants

if TYPE_CHECKING:
    from console.actions.hosts import Said
    from console.commands.core import Core, View
    from console.commands.output import Output

_BACK_S = 300.0
_GONE_S = 120.0
_NAMED = 16


@dataclass(frozen=True)
class _Power(Change):
    """Takes hosts down."""

    wants: ClassVar[Wants] = Wants(os=False)

    async def draw(self, core: Core, view: View, out: Output) -> Plan:
        from console.actions.boot import boot_id
        from console.commands.asking import ask_each

        missing = {error.host for error in view.missing}
        hosts = [host for host in view.hosts() if host.name not in missing]
        ours = [host for host in hosts if view.fleet.sessions[host.name].config.transport == "local"]
        failed: list[HostError] = []

        async def step(host: Host) -> Step:
            return self._step(view, host, await boot_id(view.fleet.transport(host.name)))

        steps = await ask_each([host for host in hosts if host not in ours], step, failed.append)
        return Plan(
            format_command(self),
            tuple(steps),
            (
                *(Refusal(host.name, "", "this console runs on it") for host in ours),
                *unreached(view.missing),
                *unreached(failed),
            ),
            tuple(note for one in steps for note in self._notes(view, one.host)),
            grave=bool(steps),
        )

    def _step(self, view: View, host: Host, boot: str) -> Step:
        containers = _running(view, host.name)
        services = len(_services(view, host.name))
        return Step(
            host.name,
            "",
            self.words[1],
            f"{host.state}: {services} services and {len(containers)} containers run",
            self._then,
            self._act(boot),
            tuple(Effect(container.name, "stops") for container in containers),
        )

    def _notes(self, view: View, host: str) -> list[str]:
        return [f"{host}: it runs {_listed(_services(view, host))}"]

    @property
    def _then(self) -> str:
        raise NotImplementedError

    def _act(self, boot: str) -> Act:
        raise NotImplementedError


@dataclass(frozen=True)
class HostReboot(_Power):
    """Reboot hosts, in good order, and see that they come back. Done once they are live in another boot."""

    words = ("host", "reboot")
    within: float = option(DURATION, "how long it may take (default 5m)", default=_BACK_S)

    @property
    def _then(self) -> str:
        return f"live in another boot, within {self.within:g} s"

    def _act(self, boot: str) -> Act:
        from console.actions.hosts import HostReboot as Reboot

        return Reboot(boot, self.within)

    def _notes(self, view: View, host: str) -> list[str]:
        stay = sorted(each.name for each in _running(view, host) if _stays_down(each))
        notes = super()._notes(view, host)
        if stay:
            notes.append(f"{host}: nothing is known to start these again: {_listed(stay)}")
        return notes


@dataclass(frozen=True)
class HostPoweroff(_Power):
    """Power hosts off, in good order. Nothing here can power them on again."""

    words = ("host", "poweroff")
    within: float = option(DURATION, "how long it may take (default 2m)", default=_GONE_S)

    @property
    def _then(self) -> str:
        return "off"

    def _act(self, boot: str) -> Act:
        from console.actions.hosts import HostPoweroff as Poweroff

        return Poweroff(boot, self.within)


def _running(view: View, host: str) -> list[Container]:
    found = [each for each in view.fleet.model.containers(host) if each.state in ("running", "restarting")]
    return sorted(found, key=lambda each: each.name)


def _services(view: View, host: str) -> list[str]:
    return sorted(
        unit.name.removesuffix(".service")
        for unit in view.fleet.model.units(host)
        if unit.name.endswith(".service") and active_class(unit.active) == "active" and unit.sub == "running"
    )


def _stays_down(container: Container) -> bool:
    return container.unit is None and container.restart_policy in (None, "", "no", "on-failure")


def _listed(names: list[str]) -> str:
    if not names:
        return "no services"
    shown = ", ".join(names[:_NAMED])
    return shown + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


# -- what is said of hosts ------------------------------------------------------------------


@dataclass(frozen=True)
class _Said(Change):
    """Changes what is said of hosts, in the fleet's memory; the hosts themselves are not asked."""

    recall = Recall.WRITE
    wants: ClassVar[Wants] = Wants(units=False, containers=False, os=False, connect=False)

    async def draw(self, core: Core, view: View, out: Output) -> Plan:
        steps: list[Step] = []
        idle: list[str] = []
        for host in view.hosts():
            step = self._step(host, said_of(core, view, host.name))
            if isinstance(step, Step):
                steps.append(step)
            else:
                idle.append(f"{host.name}: {step}")
        tell_idle(out, idle)
        return Plan(format_command(self), tuple(steps))

    def _step(self, host: Host, said: Said) -> Step | str:
        """What is to be done, or why nothing is."""
        raise NotImplementedError


def said_of(core: Core, view: View, host: str) -> Said:
    """Where what is said of a host is kept: in etcd, or in a file where the fleet has none."""
    from console.actions.hosts import SaidInEtcd, SaidInFile

    # As the file has it; one that is only in etcd is as what is said there makes it.
    config = next((one for one in core.file.hosts if one.name == host), view.fleet.sessions[host].config)
    if not core.kept_in_file:
        return SaidInEtcd(core.mind, config, view.fleet.model.configure)
    return SaidInFile(core.overlay_path, core.config_path, config, view.fleet.model.configure)


@dataclass(frozen=True)
class HostLabel(_Said):
    """Set labels of hosts, or take them away with `KEY-`; selectors go by them from then on.

    The fleet's file is left as it is: what it says otherwise is kept in the fleet's etcd.
    """

    words = ("host", "label")
    labels: tuple[str, ...] = argument(
        "LABEL", "KEY=VALUE, or KEY- to take it away", many=True, required=True
    )

    async def reach(self, core: Core, out: Output) -> tuple[Selector, Wants]:
        parse_labels(self.labels)
        return await super().reach(core, out)

    def _step(self, host: Host, said: Said) -> Step | str:
        from console.actions.hosts import HostLabel as Label

        wanted = parse_labels(self.labels)
        changed = {key: value for key, value in wanted.items() if host.labels.get(key) != value}
        if not changed:
            return "its labels are so already"
        before = {key: host.labels.get(key) for key in changed}
        return Step(
            host.name,
            "",
            "label",
            _labels_text(before),
            _labels_text(changed),
            Label(said, changed, before),
            (),
            shlex.join(
                [
                    *("host", "label", f"--on={host.name}"),
                    *(f"{key}-" if value is None else f"{key}={value}" for key, value in before.items()),
                ]
            ),
        )


def parse_labels(words: tuple[str, ...]) -> dict[str, str | None]:
    """`role=web`, `zone-`: the value of each key, None where it is to go.

    :raises UsageError: one is neither, cannot be a label, or a key comes twice.
    """
    from console.fleet.config_values import Rejected
    from console.fleet.overlay import checked_label

    found: dict[str, str | None] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals and not word.endswith("-"):
            raise UsageError(f"not a label: {word!r}", hint="KEY=VALUE, or KEY- to take it away")
        key = key if equals else word[:-1]
        try:
            checked_label(key, value if equals else "none")
        except Rejected as error:
            raise UsageError(f"not a label: {word!r}: {error}") from None
        if key in found:
            raise UsageError(f"the label {key} comes twice")
        found[key] = value if equals else None
    return found


def _labels_text(labels: Mapping[str, str | None]) -> str:
    return ", ".join(f"no {key}" if value is None else f"{key}={value}" for key, value in labels.items())


@dataclass(frozen=True)
class HostCordon(_Said):
    """Cordon hosts: nothing new is to be placed on them. What runs there goes on."""

    words = ("host", "cordon")

    def _step(self, host: Host, said: Said) -> Step | str:
        return "it is cordoned already" if host.cordoned else _cordon(host, said, on=True)


@dataclass(frozen=True)
class HostUncordon(_Said):
    """Take back that hosts are cordoned."""

    words = ("host", "uncordon")

    def _step(self, host: Host, said: Said) -> Step | str:
        return _cordon(host, said, on=False) if host.cordoned else "it is not cordoned"


def _cordon(host: Host, said: Said, *, on: bool) -> Step:
    from console.actions.hosts import HostCordon as Cordon

    states = ("not cordoned", "cordoned")
    return Step(
        host.name,
        "",
        "cordon" if on else "uncordon",
        states[not on],
        states[on],
        Cordon(said, on),
        (),
        shlex.join(["host", "uncordon" if on else "cordon", f"--on={host.name}"]),
    )


COMMANDS: tuple[type[Command], ...] = (HostReboot, HostPoweroff, HostLabel, HostCordon, HostUncordon)
