"""`container behind`: what each container's tag stands for now, against what it runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.actions.containers import state_class
from console.commands.command import Command, argument, option, switch
from console.commands.container import engine_of
from console.commands.container_standing import Standing, asked_image, standings, tag_of
from console.commands.parameters import OnHosts
from console.commands.rows.container_images import BEHIND, Behind
from console.commands.values import choice
from console.errors import HostError, NothingSelected
from console.model.container import Container
from console.model.image import Reference
from console.model.memory import CONTAINER
from console.model.selector import NamePatterns
from console.model.state import Source
from console.model.wants import Wants

if TYPE_CHECKING:
    from console.commands.core import Core, View
    from console.commands.output import Output
    from console.fleet.memory import Memory

_STATES = choice("behind", "current", "unknown")


@dataclass(frozen=True)
class ContainerBehind(OnHosts):
    """List containers with what their tags stand for now: which run something older, and why if unknown.

    The registries are asked through the hosts' own docker, each tag once. Nothing is pulled.
    """

    words = ("container", "behind")
    patterns: tuple[str, ...] = argument("CONTAINER", "names, globs or ids; all if left out", many=True)
    state: str | None = option(_STATES, "only those")
    all_: bool = switch("also those that do not run")

    async def run(self, core: Core, out: Output) -> None:
        patterns = NamePatterns.parse(self.patterns)
        async with core.observe(self.on, Wants(units=False, os=False)) as view:
            found = [
                box
                for box in view.fleet.model.containers()
                if view.includes(box.host)
                and patterns.matches_container(box)
                and (self.all_ or state_class(box.state) == "up")
            ]
            broken = view.broken(Source.CONTAINERS)
            if self.patterns and not found and not broken:
                raise NothingSelected(f"no container that runs matches {' '.join(self.patterns)}")
            rows = await behind(view, found, denials(core.memory))
        out.rows(BEHIND, [row for row in rows if self.state in (None, row.word)], missing=broken)


def denials(memory: Memory | None) -> dict[str, str]:
    """Why images are not to be brought anywhere, by digest; none where there is no etcd to say it."""
    known = memory.denied if memory is not None else ()
    return {one.version: f"by {one.by}: {one.why}" for one in known if one.kind == CONTAINER}


async def behind(view: View, containers: Collection[Container], refused: Mapping[str, str]) -> list[Behind]:
    """Each container against what its tag stands for.

    :param refused: why digests are denied.
    """
    by_tag: dict[Reference, list[Container]] = {}
    for box in containers:
        if (tag := tag_of(box)) is not None:
            by_tag.setdefault(tag, []).append(box)
    told = await standings(view, by_tag)
    rows = [judged(box, told.get(tag_of(box) or Reference(""))) for box in containers]
    also = await _pulled_as(view, [row.container for row in rows if row.behind])
    return [_with_denial(_other_name(row, also), refused) for row in rows]


def judged(box: Container, now: Standing | None) -> Behind:
    """One container by its digest. Pure.

    :param now: what its tag stands for; None: it follows none.
    """
    image = asked_image(box)
    if now is None:
        return Behind(box, image, None, None, why="it was made from an image's id, which no registry knows")
    if now.digest is None:
        return Behind(box, image, None, None, why=now.why)
    if box.digest is None:
        return Behind(box, image, now.digest, None, why="its image came from no registry: it has no digest")
    pinned = "its digest was asked for" if image.endswith(now.digest) else ""
    return Behind(box, image, now.digest, box.digest != now.digest, why=pinned)


async def _pulled_as(view: View, containers: Iterable[Container]) -> dict[tuple[str, str], frozenset[str]]:
    """Digests of the images that run, by host and id: of several platforms an image has more than one."""
    from console.commands.asking import ask_each

    one_of = {(box.host, box.image_id): box for box in containers}

    async def ask(key: tuple[str, str]) -> tuple[tuple[str, str], frozenset[str]]:
        image = await engine_of(view, one_of[key]).image(key[1])
        digests = image.get("RepoDigests")
        return key, frozenset(
            str(one).partition("@")[2] for one in (digests if isinstance(digests, list) else ())
        )

    unsaid: list[HostError] = []  # then the digest that the container has stands
    return dict(await ask_each(one_of, ask, unsaid.append))


def _other_name(row: Behind, also: Mapping[tuple[str, str], frozenset[str]]) -> Behind:
    digests = also.get((row.container.host, row.container.image_id), frozenset())
    if not row.behind or row.now not in digests:
        return row
    return Behind(row.container, row.image, row.now, False)


def _with_denial(row: Behind, refused: Mapping[str, str]) -> Behind:
    why = refused.get(row.now) if row.now is not None else None
    return row if why is None else Behind(row.container, row.image, row.now, row.behind, why, row.why)


COMMANDS: tuple[type[Command], ...] = (ContainerBehind,)
