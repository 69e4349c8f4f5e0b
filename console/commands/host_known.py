"""`host add|remove`: hosts that are the fleet's by what its etcd says, beside those of its file."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.actions.plan import Plan, Refusal, Step
from console.commands.change import FleetChange
from console.commands.command import Command, argument, option
from console.commands.grammar import format_command
from console.commands.host_change import parse_labels
from console.commands.values import INTEGER, TEXT
from console.errors import NothingSelected, UsageError

if TYPE_CHECKING:
    from console.commands.core import Core
    from console.commands.output import Output
    from console.fleet.overlay import HostOverlay


@dataclass(frozen=True)
class HostAdd(FleetChange):
    """Add a host to the fleet, for all its consoles: it is kept in etcd.

    What it takes to log in comes from `[ssh]` in the fleet's file and from OpenSSH's own. Said again, it
    is changed. A host that the file has is reached as the file says.
    """

    words = ("host", "add")
    name: str = argument("HOST", "its name in the fleet", required=True)
    labels: tuple[str, ...] = argument("LABEL", "KEY=VALUE", many=True)
    address: str | None = option(TEXT, "how it is reached: an address or a DNS name (default: its name)")
    port: int | None = option(INTEGER, "where its sshd listens")
    user: str | None = option(TEXT, "who to log in as")

    async def draw(self, core: Core, out: Output) -> Plan:
        from console.actions.memory import KeepHost

        said = self._said()
        named = any(host.name == self.name for host in core.file.hosts)
        before = await core.mind.host(self.name)
        act = KeepHost(core.mind, self.name, said, before)
        undo = None if before else shlex.join(["host", "remove", self.name])
        then = _words(said)
        if named:
            then += f"; {core.file.path} has it too, and counts"
        step = Step("etcd", f"hosts/{self.name}", "add", _words(before), then, act, (), undo)
        same = before.address == said.address and before.port == said.port and before.user == said.user
        known = same and all(before.labels.get(key) == value for key, value in said.labels.items())
        return Plan(format_command(self), () if known else (step,))

    def _said(self) -> HostOverlay:
        """:raises UsageError: something of it cannot be."""
        from console.fleet.config_values import Rejected, is_name
        from console.fleet.overlay import read_record

        if not is_name(self.name):
            raise UsageError(
                f"{self.name!r} cannot name a host", hint="letters, digits and . _ -, at most 63"
            )
        fields = {"address": self.address or self.name, "port": self.port, "user": self.user}
        labels = parse_labels(self.labels)
        if gone := [key for key, value in labels.items() if value is None]:
            raise UsageError(f"{gone[0]}-: a new host has no label to take away")
        try:
            return read_record({**fields, "labels": labels})
        except Rejected as error:
            raise UsageError(f"host add: {error}") from None


@dataclass(frozen=True)
class HostRemove(FleetChange):
    """Take hosts out of the fleet that were added to it, and forget what was said of them."""

    words = ("host", "remove")
    names: tuple[str, ...] = argument("HOST", "its name in the fleet", many=True, required=True)

    async def draw(self, core: Core, out: Output) -> Plan:
        from console.actions.memory import KeepHost

        steps, refused = [], []
        in_file = {host.name for host in core.file.hosts}
        for name in dict.fromkeys(self.names):
            before = await core.mind.host(name)
            if name in in_file:
                refused.append(
                    Refusal("etcd", f"hosts/{name}", f"{core.file.path} has it: take it out there")
                )
            elif not before:
                raise NothingSelected(f"no host named {name} was added", hint="`quarterdeck host list`")
            else:
                act = KeepHost(core.mind, name, None, before)
                undo = _undo(name, before)
                steps.append(Step("etcd", f"hosts/{name}", "remove", _words(before), "gone", act, (), undo))
        return Plan(format_command(self), tuple(steps), tuple(refused))


def _undo(name: str, before: HostOverlay) -> str:
    words = ["host", "add", name, *(f"{key}={value}" for key, value in before.labels.items() if value)]
    pairs = (("address", before.address), ("port", before.port), ("user", before.user))
    return shlex.join([*words, *(f"--{what}={value}" for what, value in pairs if value is not None)])


def _words(said: HostOverlay) -> str:
    if not said:
        return "not there"
    user = f"{said.user}@" if said.user else ""
    port = f":{said.port}" if said.port else ""
    labels = ", ".join(f"{key}={value}" for key, value in said.labels.items())
    return " ".join(text for text in (f"{user}{said.address or ''}{port}", labels) if text)


COMMANDS: tuple[type[Command], ...] = (HostAdd, HostRemove)
