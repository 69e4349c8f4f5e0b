"""Plans of updating containers, and of going back. Pure: what is known of them comes in, steps come out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from console.actions.container_gate import Gate
from console.actions.container_owner import (
    Owned,
    compose_project,
    drop_in_path,
    image_said,
    made_names,
    refusal,
)
from console.actions.container_plan import reference
from console.actions.container_update import ContainerRollback, ContainerUpdate, Image, Names
from console.actions.containers import ContainerStamp, says, state_class
from console.actions.inspected import Json, part
from console.actions.plan import Effect, Refusal, Step
from console.actions.successor import BEFORE, REPLACED, RESTART, successor
from console.actions.unit_image import UnitRollback, UnitUpdate
from console.model.container import Container
from console.model.unit_start import UnitStart


@dataclass(frozen=True, slots=True)
class Inspected:
    """A container, what its engine says of it, and of the image that it runs.

    :param owned: its unit, if it has one.
    :param touches: what a restart of that unit touches beside.
    """

    container: Container
    details: Json
    image: Json
    owned: Owned | None = None
    touches: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True)
class UpdateHost:
    """One host as a plan sees it.

    :param seen: the containers asked for.
    :param names: all that are on the host, by name.
    :param units: how its services are started, where that is asked of the host as a whole.
    """

    host: str
    seen: Sequence[Inspected]
    names: Mapping[str, Container] = field(default_factory=dict)
    boot: str | None = None
    units: Sequence[UnitStart] = ()


@dataclass(slots=True)
class Drawn:
    """What becomes of the targets: steps, refusals, notes, and those for which there is nothing to do."""

    steps: list[Step] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class UpdateWish:
    """What is asked for.

    :param heard: takes what there is to tell on the way of a target, which comes first.
    :param disproved: takes the digest of an image that did not prove itself, and why.
    """

    image: Image
    gate: Gate
    heard: Callable[[str, str], None]
    disproved: Callable[[str, str], Awaitable[None]]


def draw_updates(wish: UpdateWish, hosts: Iterable[UpdateHost]) -> Drawn:
    """The steps that bring containers to an image."""
    drawn = Drawn()
    for host in hosts:
        for seen in host.seen:
            _draw_update(wish, host, seen, drawn)
    return drawn


def _draw_update(wish: UpdateWish, host: UpdateHost, seen: Inspected, drawn: Drawn) -> None:
    container, target = seen.container, f"{host.host}/{seen.container.name}"
    if why := _refusal(seen):
        drawn.refused.append(Refusal(host.host, container.name, why))
        return
    if wish.image.digest is not None and container.digest == wish.image.digest:
        drawn.idle.append(f"{target}: it runs that image already")
        return
    if seen.owned is not None:
        drawn.steps.append(_through_unit(wish, host, seen, seen.owned))
        return
    made = successor(seen.details, seen.image, engine=container.engine)
    names = Names(container.name)
    how = f"stopped first: {made.alone[0]}" if made.alone else "the new one is started first"
    if kept := host.names.get(names.before):
        drawn.notes.append(f"{target}: {names.before} ({kept.image}) is removed")
    if project := compose_project(container):
        drawn.notes.append(f"{target}: belongs to {project}, which says another image: change it there too")
    act = ContainerUpdate(
        container.name,
        _stamp(host, container),
        wish.image,
        wish.gate,
        not made.alone,
        partial(wish.heard, target),
        wish.disproved,
    )
    drawn.steps.append(
        Step(
            host.host,
            container.name,
            "update",
            f"{container.image}, {says(container)}",
            f"{_said(wish.image)}; {how}",
            act,
            (),
            f"container rollback {reference(container, {})} --on={host.host}",
        )
    )


def _through_unit(wish: UpdateWish, host: UpdateHost, seen: Inspected, owned: Owned) -> Step:
    container, path = seen.container, drop_in_path(owned.unit)
    act = UnitUpdate(
        container.name,
        _stamp(host, container),
        container.image,
        owned,
        wish.image,
        wish.gate,
        partial(wish.heard, f"{host.host}/{container.name}"),
        wish.disproved,
    )
    return Step(
        host.host,
        container.name,
        "update",
        f"{container.image}, {says(container)}",
        f"{_said(wish.image)}; through {owned.unit.unit}, which makes it: {path}",
        act,
        (Effect(owned.unit.unit, "restarts"), *seen.touches),
        f"container rollback {reference(container, {})} --on={host.host}",
    )


def _said(image: Image) -> str:
    """`registry/app:1.1, sha256:6ba7b810…`, as far as it is known."""
    return f"{image.reference}, {image.digest[:19]}" if image.digest else str(image.reference)


def _refusal(seen: Inspected) -> str | None:
    container = seen.container
    if seen.owned is not None and (why := refusal(seen.owned, container)):
        return why
    if container.unit and seen.owned is None:
        return f"{container.unit} makes it, and is no unit of the system's: change the image where it says it"
    if state_class(container.state) != "up" or container.state == "restarting":
        return f"it is {says(container)}: only one that runs can show that its successor does as well"
    if seen.owned is None and part(seen.details, "HostConfig").get("AutoRemove") is True:
        return "it was made with --rm: there would be none to go back to"
    return None


def draw_rollbacks(
    hosts: Iterable[UpdateHost], names: Iterable[tuple[str, str]], heard: Callable[[str, str], None]
) -> Drawn:
    """The steps that bring back what updates have kept.

    :param names: host and name of each that is to go back.
    """
    drawn = Drawn()
    by_host = {host.host: host for host in hosts}
    owned = {
        host.host: {name: (engine, found) for engine, name, found in made_names(host.units)}
        for host in by_host.values()
    }
    for where, name in names:
        host, there = by_host[where], partial(heard, f"{where}/{name}")
        if name in owned[where]:
            made = _unit_rollback(host, name, *owned[where][name], there)
        else:
            made = _rollback(host, name, there)
        if isinstance(made, Step):
            drawn.steps.append(made)
        else:
            drawn.refused.append(made)
    return drawn


def _rollback(host: UpdateHost, name: str, heard: Callable[[str], None]) -> Step | Refusal:
    there = Names(name)
    now, coming = host.names.get(name), host.names.get(there.next)
    # One that is still leaving is newer: its successor has not proved itself.
    kept = host.names.get(there.leaving) or host.names.get(there.before)
    if now is not None and coming is not None and _stopped_for(now, coming):
        kept, now = now, None
    if kept is None:
        return Refusal(host.host, name, "no update of it has kept anything to go back to")
    act = ContainerRollback(
        name,
        kept.engine,
        _stamp(host, now) if now is not None else None,
        kept.id,
        _policy_there(host, there),
        heard,
    )
    was = f"{now.image}, {says(now)}" if now else "it does not run: an update was broken off"
    return Step(host.host, name, "roll back", was, f"{kept.image}, as it was", act)


def _stopped_for(now: Container, coming: Container) -> bool:
    """Whether an update has stopped the one that has the place, and went no further."""
    return state_class(now.state) == "down" and coming.labels.get(REPLACED) == now.id


def _policy_there(host: UpdateHost, names: Names) -> str | None:
    """The restart policy that goes with a place, as what updates have made there tells it."""
    made = (names.next, names.name, names.after, names.failed, names.leaving, names.before)
    told = (found.labels.get(RESTART) for name in made if (found := host.names.get(name)))
    return next((policy for policy in told if policy), None)


def _unit_rollback(
    host: UpdateHost, name: str, engine: str, owned: Owned, heard: Callable[[str], None]
) -> Step | Refusal:
    now, before = host.names.get(name), owned.label(BEFORE)
    if before is None:
        return Refusal(host.host, name, f"no update through {owned.unit.unit} has told what was before")
    image = now.image if now else image_said(owned)
    if image is None:
        return Refusal(host.host, name, f"it is not there, and {owned.unit.file} does not tell its image")
    act = UnitRollback(name, engine, _stamp(host, now) if now is not None else None, image, owned, heard)
    was = f"{now.image}, {says(now)}" if now else f"{image}, not there"
    then = f"{before}; through {owned.unit.unit}: {drop_in_path(owned.unit)}"
    return Step(host.host, name, "roll back", was, then, act, (Effect(owned.unit.unit, "restarts"),))


def _stamp(host: UpdateHost, container: Container) -> ContainerStamp:
    return ContainerStamp(container.id, container.engine, state_class(container.state), host.boot)
