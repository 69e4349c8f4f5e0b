"""`denied list|add|remove`: versions that no rollout may bring back."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.actions.plan import Plan, Step
from console.commands.change import FleetChange
from console.commands.command import Command, Recall, argument, option
from console.commands.grammar import format_command
from console.commands.rows.locks import DENIED
from console.commands.values import TEXT
from console.errors import NothingSelected, UsageError
from console.model.memory import HOST, Denied

if TYPE_CHECKING:
    from console.actions.memory import OnEtcd
    from console.commands.core import Core
    from console.commands.output import Output

_KIND = "of what it is a version: host, for that of a host's operating system"
#: The kinds of versions that something goes by; of another nothing would ever be denied.
_KINDS = (HOST, "service", "container")

_VERSION = "as its updater writes it, or a commit's checksum"


@dataclass(frozen=True)
class DeniedList(Command):
    """List versions that were rolled back or that a person denied, since when, by whom and why."""

    words = ("denied", "list")
    recall = Recall.WRITE

    async def run(self, core: Core, out: Output) -> None:
        from console.rollouts.denied import denied

        out.rows(DENIED, await denied(core.mind.etcd, core.mind.keys))


@dataclass(frozen=True)
class DeniedAdd(FleetChange):
    """Deny versions: no rollout brings one unless told to (`--allow-denied`).

    A host that has one booted all the same, or would boot it next, is shown as a trouble.
    """

    words = ("denied", "add")
    what: str = argument("KIND", _KIND, required=True)
    versions: tuple[str, ...] = argument("VERSION", _VERSION, many=True, required=True)
    why: str = option(TEXT, "why nobody is to have it", default="")

    async def draw(self, core: Core, out: Output) -> Plan:
        from console.actions.memory import OnEtcd
        from console.rollouts.denied import checked_version, deny, find_denied

        etcd, keys = core.mind.etcd, core.mind.keys
        if self.what not in _KINDS:
            raise UsageError(f"not a kind of version: {self.what!r}", hint=f"one of {', '.join(_KINDS)}")
        steps = []
        for version in dict.fromkeys(self.versions):
            checked_version(self.what, version)
            if await find_denied(etcd, keys, self.what, version) is not None:
                continue

            async def do(version: str = version) -> str:
                await deny(etcd, keys, self.what, version, by=core.audit.who.actor, why=self.why)
                return ""

            undo = shlex.join(["denied", "remove", self.what, version])
            steps.append(_step(self.what, version, "deny", "allowed", "denied", OnEtcd("deny", do), undo))
        return Plan(format_command(self), tuple(steps))


@dataclass(frozen=True)
class DeniedRemove(FleetChange):
    """Let rollouts bring versions again."""

    words = ("denied", "remove")
    what: str = argument("KIND", _KIND, required=True)
    versions: tuple[str, ...] = argument("VERSION", "as `denied list` shows it", many=True, required=True)

    async def draw(self, core: Core, out: Output) -> Plan:
        from console.actions.memory import OnEtcd
        from console.rollouts.denied import allow, find_denied

        etcd, keys = core.mind.etcd, core.mind.keys
        steps = []
        for version in dict.fromkeys(self.versions):
            found = await find_denied(etcd, keys, self.what, version)
            if found is None:
                raise NothingSelected(
                    f"{self.what} {version} is not denied", hint="`denied list` shows those that are"
                )

            async def do(version: str = version) -> str:
                await allow(etcd, keys, self.what, version)
                return ""

            undo = ["denied", "add", self.what, version, *([f"--why={found.why}"] if found.why else [])]
            now, act = denied_words(found), OnEtcd("allow", do)
            steps.append(_step(self.what, version, "allow", now, "allowed", act, shlex.join(undo)))
        return Plan(format_command(self), tuple(steps))


def _step(kind: str, version: str, verb: str, now: str, then: str, act: OnEtcd, undo: str) -> Step:
    return Step("denied", f"{kind}/{version}", verb, now, then, act, (), undo)


def denied_words(one: Denied) -> str:
    """By whom and why, for a person."""
    return f"denied by {one.by}{f': {one.why}' if one.why else ''}"


COMMANDS: tuple[type[Command], ...] = (DeniedList, DeniedAdd, DeniedRemove)
