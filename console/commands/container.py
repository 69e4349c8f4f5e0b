"""`container …`: docker's and podman's containers, on every host."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

from console.commands.command import Command, argument
from console.commands.parameters import Listing, OnHosts
from console.commands.rows import CONTAINER, CONTAINER_DETAIL, STATS, ContainerDetail
from console.commands.watching import watch
from console.errors import NothingSelected, Unreachable
from console.model.container import Container, ContainerStats
from console.model.selector import NamePatterns, container_in_state, state_words
from console.model.state import Source
from console.model.wants import Wants

if TYPE_CHECKING:
    from console.commands.core import Core, View
    from console.commands.output import Output
    from console.hosts.containers import ContainersSource
    from console.hosts.engine_api import Engine

T = TypeVar("T")

_WANTS = Wants(units=False, os=False)


@dataclass(frozen=True)
class ContainerList(Listing):
    """List containers, as `docker ps -a` does, of every host."""

    words = ("container", "list")
    patterns: tuple[str, ...] = argument("CONTAINER", "names, globs or ids", many=True)

    async def run(self, core: Core, out: Output) -> None:
        patterns = NamePatterns.parse(self.patterns)
        states = state_words(self.state) if self.state else frozenset()
        async with core.observe(self.on, _WANTS, wait=not self.watch) as view:

            def wanted(container: Container) -> bool:
                if states and not container_in_state(container, states):
                    return False
                return patterns.matches_container(container) and view.includes(container.host)

            if self.watch:
                await watch(
                    view,
                    out,
                    CONTAINER,
                    lambda batch: batch.containers,
                    lambda model, key: model.container(key),
                    wanted,
                )
            rows = [container for container in view.fleet.model.containers() if wanted(container)]
            out.rows(CONTAINER, rows, missing=view.broken(Source.CONTAINERS))
            for error in view.absent(Source.CONTAINERS):
                out.note(str(error))


@dataclass(frozen=True)
class _AboutContainers(OnHosts):
    """Asks the engine something about each container that is named, on each host that has it."""

    async def answers(
        self,
        core: Core,
        out: Output,
        names: tuple[str, ...],
        wanted: Callable[[Container], bool],
        question: Callable[[Engine, Container], Awaitable[T]],
    ) -> list[T]:
        """:raises NothingSelected: no host has such a container."""
        patterns = NamePatterns.parse(names)
        async with core.observe(self.on, _WANTS) as view:
            found = [
                container
                for container in view.fleet.model.containers()
                if wanted(container)
                and patterns.matches_container(container)
                and view.includes(container.host)
            ]
            broken = view.broken(Source.CONTAINERS)
            if not found and not broken:
                raise NothingSelected(f"no container matches {' '.join(names)}".rstrip())
            for error in broken:
                out.failed(error)

            async def ask(container: Container) -> T:
                return await question(engine_of(view, container), container)

            from console.commands.asking import ask_each

            return await ask_each(sorted(found, key=CONTAINER.sort), ask, out.failed)


def engine_of(view: View, container: Container) -> Engine:
    """The connected engine that runs `container`. :raises Unreachable: it has just gone."""
    source = cast("ContainersSource", view.fleet.source(container.host, Source.CONTAINERS))
    for engine in source.engines:
        if engine.kind == container.engine:
            return engine
    raise Unreachable(f"{container.engine} is not connected", host=container.host)


@dataclass(frozen=True)
class ContainerShow(_AboutContainers):
    """Show all that the engine knows of a container."""

    words = ("container", "show")
    patterns: tuple[str, ...] = argument("CONTAINER", "names, globs or ids", many=True, required=True)

    async def run(self, core: Core, out: Output) -> None:
        async def inspect(engine: Engine, container: Container) -> ContainerDetail:
            return ContainerDetail(container, await engine.inspect(container.id))

        shown = await self.answers(core, out, self.patterns, lambda _: True, inspect)
        out.rows(CONTAINER_DETAIL, shown)


@dataclass(frozen=True)
class ContainerStatsShow(_AboutContainers):
    """Show what running containers use, measured over about a second."""

    words = ("container", "stats")
    patterns: tuple[str, ...] = argument("CONTAINER", "names, globs or ids", many=True)

    async def run(self, core: Core, out: Output) -> None:
        async def sample(engine: Engine, container: Container) -> ContainerStats:
            return await engine.stats_once(container.id)

        def running(container: Container) -> bool:
            return container.state == "running"

        out.rows(STATS, await self.answers(core, out, self.patterns, running, sample))


COMMANDS: tuple[type[Command], ...] = (ContainerList, ContainerShow, ContainerStatsShow)
