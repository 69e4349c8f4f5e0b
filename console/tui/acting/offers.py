"""What can be done to the rows that somebody points at, as commands with names in them. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from console.actions.audit import Record
from console.commands.ack import FleetAck
from console.commands.command import Command, Shape
from console.commands.everything import core_registry
from console.commands.interactive import ContainerExec, ContainerTop, HostShell
from console.commands.lock import LockRelease
from console.commands.picture import Trouble
from console.commands.rows.service import ServiceRow
from console.commands.undo import AuditUndo
from console.engine.service_states import Instance
from console.model.container import Container
from console.model.host import Host
from console.model.selector import NameTerm, Selector
from console.model.unit import Unit
from console.rollouts.rollout import Account

#: A letter for each verb, by noun. No verb is without its plan and its question.
LETTERS: dict[str, dict[str, str]] = {
    "unit": {
        "start": "s", "stop": "t", "restart": "r", "try-restart": "y", "reload": "l", "kill": "k",
        "reset-failed": "f", "enable": "e", "disable": "d", "mask": "m", "unmask": "u",
    },
    "container": {
        "start": "s", "stop": "t", "restart": "r", "kill": "k", "pause": "p", "unpause": "u", "remove": "x",
        "update": "d", "rollback": "b",
    },
    "host": {
        "cordon": "c", "uncordon": "u", "drain": "d", "undrain": "n", "reboot": "r", "poweroff": "o",
        "update": "p", "rollback": "b",
    },
    "audit": {"undo": "u"},
    "rollout": {"pause": "p", "resume": "r", "abort": "x", "undo": "u"},
    "lock": {"release": "r"},
    "service": {
        "start": "s", "stop": "t", "restart": "r", "load": "l", "unload": "u", "rollback": "b",
        "destroy": "x",
    },
    "instance": {"restart": "r", "pin": "p"},
    "engine": {"resume": "r"},
}  # fmt: skip

#: Verbs that need another word: they are begun on the line, for it to be typed.
TYPED: dict[str, dict[str, str]] = {"service": {"scale": "c", "update": "p"}, "instance": {"move": "m"}}

#: What can be said of any troubles, whatever they are of.
_ACK = "a"

#: Whose verbs are those of another noun.
_VERBS_OF = {"instance": "service"}

#: And for those that take the terminal, where they are about one thing.
ALONE: dict[str, dict[str, str]] = {
    "container": {"exec": "e", "top": "w"},
    "host": {"shell": "s"},
}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
#: What `exec` runs when nothing is typed.
_SHELL = ("sh",)
_ID = 12  # as much of a container's id as lists show


@dataclass(frozen=True, slots=True)
class Target:
    """What can be acted on: a unit, a container, a host, a service, an instance, a rollout, a slot of a lock,
    an audit record, the engine.

    :param noun: empty where it is a trouble of something that nothing can be done to here.
    :param host: empty where it is of none; of a slot, the lock's group.
    :param name: a host's own, or the id of a record, a rollout or the slot's holder.
    :param trouble: by what name somebody says that they look after it, where it is one.
    """

    noun: str
    host: str
    name: str
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """One verb: its letter, its command and its one line of help.

    :param typed: whether a word is missing, that is to be typed.
    """

    letter: str
    command: type[Command]
    typed: bool = False

    @property
    def verb(self) -> str:
        return self.command.words[1]


def targets_of(rows: Iterable[Any]) -> list[Target]:
    """What rows are about; a trouble is about what it is the trouble of."""
    found = []
    for row in rows:
        if (target := _target(row)) is not None:
            found.append(replace(target, trouble=row.name) if isinstance(row, Trouble) else target)
    return found


def _target(row: Any) -> Target | None:
    match row:
        case Unit(host=host, name=name):
            return Target("unit", host, name)
        case Container(host=host, name=name, id=box_id):
            return Target("container", host, name if _NAME.fullmatch(name) else box_id[:_ID])
        case Host(name=name):
            return Target("host", name, name)
        case Account(rollout=rollout):
            return Target("rollout", "", rollout.id)
        case Record(id=record, undo=[_, *_]):
            return Target("audit", "", record)
        case ServiceRow(name=name) | Trouble(host="", service=str(name)) if name:
            return Target("service", "", name)
        case Trouble(rollout=str(identity)):
            return Target("rollout", "", identity)
        case Trouble(lock=(group, holder)):
            return Target("lock", group, holder)
        case Instance(host=host, name=name):
            return Target("instance", host or "", name)
        case Trouble(host="", what="engine"):
            return Target("engine", "", "engine")
        case Trouble(host="", what=what):
            return Target("", "", what)
        case Trouble(host=host, unit=str(unit)):
            return Target("unit", host, unit)
        case Trouble(host=host, container=str(box_id)):
            return Target("container", host, box_id[:_ID])
        case Trouble(host=host):
            return Target("host", host, host)
    return None


def offers(targets: Sequence[Target]) -> list[Offer]:
    """The verbs that fit all of them: of several kinds of things only what can be said of any trouble."""
    nouns = {target.noun for target in targets}
    found = _verbs(nouns.pop(), alone=len(targets) == 1) if len(nouns) == 1 else []
    if targets and all(target.trouble for target in targets):
        found.append(Offer(_ACK, FleetAck))
    return found


def _verbs(noun: str, *, alone: bool) -> list[Offer]:
    known = {
        command.words[1]: command
        for command in core_registry()
        if command.words[0] == _VERBS_OF.get(noun, noun) and len(command.words) > 1
    }
    typed = TYPED.get(noun, {}) if alone else {}
    letters = LETTERS.get(noun, {}) | (ALONE.get(noun, {}) if alone else {}) | typed
    return [Offer(letter, known[verb], verb in typed) for verb, letter in letters.items() if verb in known]


def begun(offer: Offer, target: Target) -> str:
    """The beginning of a line that lacks the word which is to be typed."""
    return shlex.join([*offer.command.words, target.name]) + " "


def commands(offer: Offer, targets: Sequence[Target]) -> list[Command]:
    """The verb on the targets, by their names: one command for hosts that have the same ones."""
    if offer.command is FleetAck:
        return [FleetAck(troubles=tuple(target.trouble for target in targets))]
    one = targets[0]
    if offer.command is HostShell:
        return [HostShell(name=one.host)]
    if offer.command is ContainerExec:
        return [ContainerExec(on=_on([one.host]), name=one.name, argv=_SHELL)]
    if offer.command is ContainerTop:
        return [ContainerTop(on=_on([one.host]), name=one.name)]
    if targets[0].noun in ("service", "instance"):
        return _on_services(offer, [target.name for target in targets])
    if targets[0].noun == "audit":
        return [AuditUndo(id=target.name) for target in targets]
    if targets[0].noun == "rollout":
        return [offer.command(id=target.name) for target in targets]  # type: ignore[call-arg]  # all have it
    if targets[0].noun == "lock":
        return [LockRelease(group=target.host, id=target.name) for target in targets]
    if targets[0].noun == "host":
        on = _on(dict.fromkeys(target.host for target in targets))
        return [offer.command(on=on)]  # type: ignore[call-arg]  # all that are offered of hosts have it
    names: dict[str, list[str]] = {}
    for target in targets:
        names.setdefault(target.host, []).append(target.name)
    hosts: dict[tuple[str, ...], list[str]] = {}
    for host, wanted in names.items():
        hosts.setdefault(tuple(sorted(set(wanted))), []).append(host)
    return [offer.command(on=_on(where), patterns=what) for what, where in hosts.items()]  # type: ignore[call-arg]  # all of units and containers have it


def _on_services(offer: Offer, names: Sequence[str]) -> list[Command]:
    """Commands that take all names take all; of the others one for each."""
    (where,) = (each for each in offer.command.parameters() if each.shape is Shape.ARGUMENT)
    if where.many:
        # A unit file of that name in the folder that the console was started in is not meant.
        return [offer.command(**{where.name: tuple(name.removesuffix(".service") for name in names)})]
    return [offer.command(**{where.name: name}) for name in names]


def _on(hosts: Iterable[str]) -> Selector:
    return Selector(tuple(NameTerm(host) for host in hosts))
