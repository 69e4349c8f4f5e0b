"""Questions asked on demand about one thing, and their answers as lines for a person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from console.commands.container import engine_of
from console.commands.rows import (
    STATS,
    UNIT_DEPS,
    UNIT_DETAIL,
    UNIT_FILE,
    Cell,
    RowKind,
    UnitDeps,
    UnitDetail,
    UnitFile,
)
from console.commands.unit import manager_of
from console.errors import Absent

if TYPE_CHECKING:
    from console.commands.core import View
    from console.fleet.model import ContainerKey, UnitKey
    from console.model.container import Container

R = TypeVar("R")
Lines = list[tuple[Cell, ...]]


async def unit_properties(view: View, key: UnitKey) -> Lines:
    """The telling ones of a unit's properties. :raises HostError: the host does not say."""
    host, name = key
    return _lines(UNIT_DETAIL, UnitDetail(host, name, await manager_of(view, host).properties(name)))


async def unit_file(view: View, key: UnitKey) -> Lines:
    """A unit's file and its drop-ins. :raises HostError: the host does not say."""
    host, name = key
    return _lines(UNIT_FILE, UnitFile(host, name, await manager_of(view, host).unit_file(name)))


async def unit_dependencies(view: View, key: UnitKey) -> Lines:
    """What a unit needs and what needs it, with their states. :raises HostError: the host does not say."""
    host, name = key
    found = await manager_of(view, host).dependencies(name)
    return _lines(UNIT_DEPS, UnitDeps(found, {unit.name: unit for unit in view.fleet.model.units(host)}))


async def container_stats(view: View, key: ContainerKey) -> Lines:
    """What a container uses, measured over about a second. :raises HostError: the host does not say."""
    container = _container(view, key)
    stats = await engine_of(view, container).stats_once(container.id)
    cells = [(column.title, column.cell(stats)) for column in STATS.columns]
    return [(Cell(title.ljust(14)), cell if isinstance(cell, Cell) else Cell(cell)) for title, cell in cells]


UNIT_QUESTIONS: dict[str, Callable[[View, UnitKey], Awaitable[Lines]]] = {
    "properties": unit_properties,
    "file": unit_file,
    "dependencies": unit_dependencies,
}
#: Beside its page (`container_looking.py`).
CONTAINER_QUESTIONS: dict[str, Callable[[View, ContainerKey], Awaitable[Lines]]] = {
    "stats": container_stats,
}


def _container(view: View, key: ContainerKey) -> Container:
    container = view.fleet.model.container(key)
    if container is None:
        raise Absent("the container is gone", host=key[0])
    return container


def _lines(kind: RowKind[R], row: R) -> Lines:
    return kind.text(row) if kind.text else []
