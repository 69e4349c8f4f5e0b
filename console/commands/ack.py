"""`fleet ack|unack`: who looks after a trouble, for all consoles to see."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from console.actions.plan import Plan, Step
from console.commands import clock
from console.commands.change import FleetChange
from console.commands.command import Command, argument, option
from console.commands.grammar import format_command
from console.commands.picture import PLACES
from console.commands.values import DURATION, TEXT
from console.errors import NothingSelected
from console.model.memory import Ack

if TYPE_CHECKING:
    from console.commands.core import Core
    from console.commands.output import Output

#: How long it counts, if that is not said.
_FOR_S = 8 * 3600.0


@dataclass(frozen=True)
class FleetAck(FleetChange):
    """Say that you look after troubles: they are shown as such, and after the others, until the time is up.

    A trouble is named as `fleet status` shows it: HOST/UNIT, or HOST for the host itself;
    `fleet/web@.service` for a service, `fleet/engine` for a brake.
    """

    words = ("fleet", "ack")
    troubles: tuple[str, ...] = argument(
        "TROUBLE", "HOST/WHAT, HOST for the host itself, or fleet/SERVICE", many=True, required=True
    )
    note: str = option(TEXT, "what is being done about it", default="")
    for_: float = option(DURATION, "how long that counts (default 8h)", default=_FOR_S)

    async def draw(self, core: Core, out: Output) -> Plan:
        from console.actions.memory import KeepText
        from console.store.records import ack_bytes

        now = clock.now()
        steps = []
        for trouble in dict.fromkeys(self.troubles):
            host = trouble.partition("/")[0]
            if host not in PLACES and not any(one.name == host for one in core.config.hosts):
                raise NothingSelected(f"no host named {host}", hint="HOST/WHAT, as `fleet status` shows it")
            before = await core.mind.text("acks", ack_id(trouble))
            ack = Ack(trouble, core.audit.who.actor, self.note, now, now + timedelta(seconds=self.for_))
            act = KeepText(core.mind, "acks", ack_id(trouble), ack_bytes(ack).decode(), before)
            then = f"looked after until {ack.until:%Y-%m-%d %H:%M}Z" + (f": {self.note}" if self.note else "")
            was = "nobody looks after it" if before is None else "looked after"
            undo = shlex.join(["fleet", "unack", trouble])
            steps.append(Step(host, trouble.partition("/")[2], "ack", was, then, act, (), undo))
        return Plan(format_command(self), tuple(steps))


@dataclass(frozen=True)
class FleetUnack(FleetChange):
    """Take back that somebody looks after troubles."""

    words = ("fleet", "unack")
    troubles: tuple[str, ...] = argument("TROUBLE", "as it was said", many=True, required=True)

    async def draw(self, core: Core, out: Output) -> Plan:
        from console.actions.memory import KeepText

        steps = []
        for trouble in dict.fromkeys(self.troubles):
            before = await core.mind.text("acks", ack_id(trouble))
            if before is None:
                raise NothingSelected(f"nobody looks after {trouble}", hint="`fleet status` shows who does")
            act = KeepText(core.mind, "acks", ack_id(trouble), None, before)
            host, _, what = trouble.partition("/")
            steps.append(Step(host, what, "unack", "looked after", "as bad as it is", act))
        return Plan(format_command(self), tuple(steps))


def ack_id(trouble: str) -> str:
    """The name of its key: a trouble's own may hold anything."""
    return hashlib.sha256(trouble.encode()).hexdigest()[:16]


COMMANDS: tuple[type[Command], ...] = (FleetAck, FleetUnack)
