"""From services as they are, and as a line has them be, to what is written and how it is undone."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from console.commands.change import tell_idle
from console.commands.grammar import format_command

if TYPE_CHECKING:
    from console.actions.plan import Plan
    from console.commands.command import Command
    from console.commands.core import Core
    from console.commands.output import Output
    from console.commands.service_desk import Desk, Wish
    from console.commands.service_names import Meant
    from console.engine.services import Desired, Service
    from console.placement.spec import Spec


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a command will do.

    :param services: whose instances are waited for afterwards.
    """

    plan: Plan
    services: Collection[str] = field(default=())


async def to_be(
    command: Command,
    core: Core,
    desk: Desk,
    meant: Sequence[Meant],
    desired: Desired | None,
    out: Output,
    *,
    idle: Iterable[str] = (),
    verb: str | None = None,
) -> Drawn:
    """What has these services be so, with a new revision of those whose file says something else.

    :param desired: None: as far as they are now, and no further.
    :param idle: services for which there is nothing to do, in words.
    :param verb: what it is called in the plan; by default as the command is.
    """
    from console.commands.service_desk import drawn, in_words, refusals, wished
    from console.engine.services import Desired

    line = format_command(command)
    wishes: list[Wish] = []
    for one in meant:
        for warning in one.spec.warnings:
            out.note(str(warning))
        before = one.before
        to = desired or (before.desired if before else Desired.INACTIVE)
        same = before is not None and before.spec.text == one.spec.text
        number = before.revision if before is not None and same else await _number(desk, one.spec)
        after = wished(before, one.spec, number, to)
        if before is not None and same and before.desired is to:
            idle = [*idle, f"{one.name} is {in_words(before)}"]
        else:
            wishes.append(_wish(verb or command.words[1], core, desk, one, after, same=same, line=line))
    tell_idle(out, list(idle))
    names = [one.name for one in meant]
    notes = [
        f"{wish.name} has no instances: `service scale {wish.name} N`"
        for wish in wishes
        if not wish.after.spec.instances() and wish.after.desired is not Desired.INACTIVE
    ]
    plan = drawn(line, desk, wishes, notes)
    if not wishes:
        # Nothing is written, and what cannot be placed is told all the same.
        plan = replace(plan, refused=refusals(desk.manifest, names, desk.view))
    return Drawn(plan, names)


async def _number(desk: Desk, spec: Spec) -> int:
    """The revision that a text is, or will be."""
    from console.engine.services import next_revision

    return next_revision(next(reversed(await desk.store.revisions(spec.name)), None), spec.text)[0]


def _wish(verb: str, core: Core, desk: Desk, one: Meant, after: Service, *, same: bool, line: str) -> Wish:
    from console.commands import clock
    from console.commands.service_desk import Wish

    before = one.before
    if before is not None and same:
        doing = partial(desk.store.change, before, desired=after.desired)
        undo = _verb_for(before)
    else:
        doing = partial(
            desk.store.submit,
            one.spec,
            desired=after.desired,
            at=clock.now(),
            by=core.audit.who.actor,
            line=line,
        )
        undo = None
        if before is None:
            undo = shlex.join(["service", "destroy", one.name])
        elif before.desired is after.desired:
            undo = shlex.join(["service", "rollback", one.name, f"--to={before.revision}"])
    return Wish(before, after, verb, doing, undo)


def _verb_for(service: Service) -> str:
    """The line that brings a service back to where it is."""
    from console.engine.services import Desired

    verbs = {Desired.INACTIVE: "unload", Desired.LOADED: "load", Desired.LAUNCHED: "start"}
    return shlex.join(["service", verbs[service.desired], service.name])
