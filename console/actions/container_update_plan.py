"""Plans of updating containers, and of going back. Pure: what is known of them comes in, steps come out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from console.actions.container_gate import Gate
from console.actions.container_plan import reference
from console.actions.container_update import ContainerRollback, ContainerUpdate, Image, Names
from console.actions.containers import ContainerStamp, says, state_class
from console.actions.inspected import Json
from console.actions.plan import Refusal, Step
from console.actions.successor import successor
from console.model.container import Container

_COMPOSE = "com.docker.compose.project"


@dataclass(frozen=True, slots=True)
class Inspected:
    """A container, what its engine says of it, and of the image that it runs."""

    container: Container
    details: Json
    image: Json


@dataclass(frozen=True, slots=True)
class UpdateHost:
    """One host as a plan sees it.

    :param seen: the containers asked for.
    :param names: all that are on the host, by name.
    """

    host: str
    seen: Sequence[Inspected]
    names: Mapping[str, Container] = field(default_factory=dict)
    boot: str | None = None


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
    made = successor(seen.details, seen.image, engine=container.engine)
    names = Names(container.name)
    how = f"stopped first: {made.alone[0]}" if made.alone else "the new one is started first"
    if kept := host.names.get(names.before):
        drawn.notes.append(f"{target}: {names.before} ({kept.image}) is removed")
    if project := container.labels.get(_COMPOSE):
        drawn.notes.append(
            f"{target}: belongs to the compose project {project}, whose file says another image"
        )
    act = ContainerUpdate(
        container.name,
        _stamp(host, container),
        wish.image,
        wish.gate,
        not made.alone,
        partial(wish.heard, target),
        wish.disproved,
    )
    digest = f", {wish.image.digest[:19]}" if wish.image.digest else ""
    drawn.steps.append(
        Step(
            host.host,
            container.name,
            "update",
            f"{container.image}, {says(container)}",
            f"{wish.image.reference}{digest}; {how}",
            act,
            (),
            f"container rollback {reference(container, {})} --on={host.host}",
        )
    )


def _refusal(seen: Inspected) -> str | None:
    container = seen.container
    if container.unit:
        return f"{container.unit} makes it: change the image there, with `unit edit` or `service update`"
    if state_class(container.state) != "up" or container.state == "restarting":
        return f"it is {says(container)}: only one that runs can show that its successor does as well"
    host = seen.details.get("HostConfig")
    if isinstance(host, dict) and host.get("AutoRemove") is True:
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
    for where, name in names:
        host = by_host[where]
        there = Names(name)
        # One that is still leaving is newer: its successor has not proved itself.
        kept, now = host.names.get(there.leaving) or host.names.get(there.before), host.names.get(name)
        if kept is None:
            drawn.refused.append(Refusal(where, name, "no update of it has kept anything to go back to"))
            continue
        target = f"{where}/{name}"
        act = ContainerRollback(
            name,
            kept.engine,
            _stamp(host, now) if now is not None else None,
            kept.id,
            partial(heard, target),
        )
        drawn.steps.append(
            Step(
                where,
                name,
                "roll back",
                f"{now.image}, {says(now)}" if now else "not there: an update was broken off",
                f"{kept.image}, as it was",
                act,
            )
        )
    return drawn


def _stamp(host: UpdateHost, container: Container) -> ContainerStamp:
    return ContainerStamp(container.id, container.engine, state_class(container.state), host.boot)
