"""`container update|rollback`: another image for containers, and the way back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from console.actions.container_gate import HOLD_S, TIMEOUT_S, Gate
from console.actions.container_owner import made_names, owner_of
from console.actions.container_update import Image, place_of
from console.actions.container_update_plan import (
    Drawn,
    Inspected,
    UpdateHost,
    UpdateWish,
    draw_rollbacks,
    draw_updates,
)
from console.actions.plan import Plan, Refusal
from console.actions.successor import BEFORE
from console.commands.change import Change, tell_idle, unreached
from console.commands.command import Command, Recall, argument, option, switch
from console.commands.container import engine_of
from console.commands.container_change import targets_of
from console.commands.container_standing import asked_image, standing, tag_of
from console.commands.container_units import restarted_with, started, with_files
from console.commands.grammar import format_command
from console.commands.values import DURATION, IMAGE
from console.errors import Absent, HostError, NothingSelected, Refused, StoreError
from console.model.container import Container
from console.model.host import Host
from console.model.image import Reference
from console.model.selector import NamePatterns
from console.model.state import Source, State
from console.model.wants import Wants

if TYPE_CHECKING:
    from console.commands.core import Core, View
    from console.commands.output import Output


@dataclass(frozen=True)
class ContainerUpdate(Change):
    """Bring containers to another image; one that does not prove itself gives its place back.

    The tag is looked up once: every host gets the same image. Each successor has all that the operator gave
    its forerunner, and of the image's own defaults those of the new one. The forerunner is kept, stopped, as
    NAME.before. One that a unit makes is updated through its unit: a drop-in names the image, and the unit
    is restarted.
    """

    words = ("container", "update")
    recall = Recall.MAY_WRITE
    wants: ClassVar[Wants] = Wants(os=False)
    patterns: tuple[str, ...] = argument("CONTAINER", "names, globs or ids", many=True, required=True)
    image: Reference | None = option(
        IMAGE, "which image (default: that of each tag, as it is now)", short="-i"
    )
    gate: float | None = option(DURATION, "how long it must be healthy, or run (default 10s)")
    gate_timeout: float | None = option(DURATION, "how long that may take (default 10m)")
    allow_denied: bool = switch("bring also an image that was rolled back or denied before")

    async def draw(self, core: Core, view: View, out: Output) -> Plan:
        broken = unreached(view.broken(Source.CONTAINERS))
        targets = targets_of(view, self.patterns)
        hosts, failed = await _inspected(view, targets)
        gate = Gate(
            HOLD_S if self.gate is None else self.gate,
            TIMEOUT_S if self.gate_timeout is None else self.gate_timeout,
        )
        drawn = Drawn()
        for reference, some in _by_image(hosts, self.image):
            digest = reference.digest or await _digest(view, some, reference)
            why = partial(_why_denied, core, reference, self.allow_denied)
            if digest is not None and (denied := await why(digest)):
                raise Refused(denied, hint="--allow-denied brings it all the same, `denied remove` for good")
            image = Image(reference, digest, why)
            if image.digest is None:
                drawn.notes.append(f"{reference}: the first host that pulls it tells which image that is")
            wish = UpdateWish(
                image,
                gate,
                lambda target, text: out.note(f"{target}: {text}"),
                partial(_deny, core, out, reference),
            )
            _join(drawn, draw_updates(wish, some))
        return _plan(self, out, drawn, broken, unreached(failed))


@dataclass(frozen=True)
class ContainerRollback(Change):
    """Bring back what an update of containers has kept."""

    words = ("container", "rollback")
    wants: ClassVar[Wants] = Wants(os=False)
    patterns: tuple[str, ...] = argument("CONTAINER", "names or globs", many=True, required=True)

    async def draw(self, core: Core, view: View, out: Output) -> Plan:
        broken = unreached(view.broken(Source.CONTAINERS))
        patterns = NamePatterns.parse(self.patterns)
        hosts, failed = await _started(view)
        wanted = []
        for host in hosts:
            # One whose update was broken off is there under the other name alone; a unit's, not at all.
            made = (name for _, name, owned in made_names(host.units) if owned.label(BEFORE))
            names = {*map(place_of, host.names), *made}
            wanted += [(host.host, name) for name in sorted(names) if patterns.matches_name(name)]
        drawn = draw_rollbacks(hosts, wanted, lambda target, text: out.note(f"{target}: {text}"))
        return _plan(self, out, drawn, broken, unreached(failed))


def _plan(
    command: Change, out: Output, drawn: Drawn, broken: Iterable[Refusal], failed: Iterable[Refusal] = ()
) -> Plan:
    unreachable = (*broken, *failed)
    if not (drawn.steps or drawn.refused or drawn.idle or unreachable):
        raise NothingSelected("no container of that name")
    tell_idle(out, drawn.idle)
    return Plan(
        format_command(command), tuple(drawn.steps), (*drawn.refused, *unreachable), tuple(drawn.notes)
    )


async def _why_denied(core: Core, reference: Reference, allowed: bool, digest: str) -> str | None:
    """That the image was rolled back from, or denied by a person; None: neither, or that is no matter."""
    from console.rollouts.denied import CONTAINER, find_denied

    if core.memory is None or allowed:
        return None
    found = await find_denied(core.memory.etcd, core.memory.keys, CONTAINER, digest)
    return None if found is None else f"{reference} is {digest}, denied by {found.by}: {found.why}"


async def _deny(core: Core, out: Output, reference: Reference, digest: str, why: str) -> None:
    """Have an image that did not prove itself be brought nowhere, where there is an etcd to say that in."""
    from console.rollouts.denied import CONTAINER, deny

    if core.memory is None:
        out.note(f"{reference} is not denied: the fleet has no etcd to say it in")
        return
    try:
        await deny(
            core.memory.etcd,
            core.memory.keys,
            CONTAINER,
            digest,
            by=core.audit.who.actor,
            why=f"{reference}: {why}",
        )
    except StoreError as error:
        out.note(f"{reference} is not denied: {error}")
        return
    out.note(f"{reference} is denied from now on, as {digest}")


def _join(drawn: Drawn, more: Drawn) -> None:
    drawn.steps += more.steps
    drawn.refused += more.refused
    drawn.idle += more.idle
    drawn.notes += more.notes


def _by_image(
    hosts: Iterable[UpdateHost], wanted: Reference | None
) -> list[tuple[Reference, list[UpdateHost]]]:
    """The hosts with those of their containers that are to have the same image."""
    if wanted is not None:
        return [(wanted, list(hosts))]
    by_image: dict[Reference, list[UpdateHost]] = {}
    for host in hosts:
        mine: dict[Reference, list[Inspected]] = {}
        for seen in host.seen:
            # One that was made from an id is called by nothing else.
            tag = tag_of(seen.container) or Reference(asked_image(seen.container))
            mine.setdefault(tag, []).append(seen)
        for reference, some in mine.items():
            by_image.setdefault(reference, []).append(replace(host, seen=some))
    return list(by_image.items())


async def _digest(view: View, hosts: Iterable[UpdateHost], reference: Reference) -> str | None:
    """What a tag stands for now, as one of the hosts' engines says that can tell."""
    containers = [seen.container for host in hosts for seen in host.seen]
    found = await standing(view, reference, containers)
    if found.error is not None:
        raise found.error
    return found.digest


async def _inspected(
    view: View, targets: dict[str, list[Container]]
) -> tuple[list[UpdateHost], list[HostError]]:
    """What a plan has to know of the targets; and the hosts that do not say."""
    from console.actions.boot import boot_id
    from console.commands.asking import ask_each

    async def one(host: str) -> UpdateHost:
        units = await started(view, host)

        async def look(container: Container) -> Inspected | None:
            engine = engine_of(view, container)
            try:
                details = await engine.inspect(container.id)
                image = await engine.image(str(details.get("Image")))
            except Absent:
                return None  # it has gone meanwhile
            owned = owner_of(container, units)
            if owned is None:
                return Inspected(container, details, image)
            owned = replace(owned, unit=await with_files(view, host, owned.unit))
            return Inspected(
                container, details, image, owned, await restarted_with(view, host, owned.unit.unit)
            )

        silent: list[HostError] = []
        found = await ask_each(targets[host], look, silent.append)
        if silent:
            raise silent[0]
        names = {one.name: one for one in view.fleet.model.containers(host)}
        seen = [each for each in found if each is not None]
        return UpdateHost(host, seen, names, await boot_id(view.fleet.transport(host)))

    missing: list[HostError] = []
    return await ask_each(targets, one, missing.append), missing


async def _started(view: View) -> tuple[list[UpdateHost], list[HostError]]:
    """Hosts whose containers are live, with how their services are started; and those that do not say."""
    from console.commands.asking import ask_each

    async def one(host: str) -> UpdateHost:
        names = {one.name: one for one in view.fleet.model.containers(host)}
        units = await started(view, host)
        ours = {owned.unit.unit for _, _, owned in made_names(units) if owned.label(BEFORE)}
        told = [await with_files(view, host, unit) if unit.unit in ours else unit for unit in units]
        return UpdateHost(host, (), names, None, told)

    missing: list[HostError] = []
    live = [host.name for host in view.hosts() if _is_live(host)]
    return await ask_each(live, one, missing.append), missing


def _is_live(host: Host) -> bool:
    status = host.sources.get(Source.CONTAINERS)
    return status is not None and status.state is State.LIVE


COMMANDS: tuple[type[Command], ...] = (ContainerUpdate, ContainerRollback)
