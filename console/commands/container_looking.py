"""A container's page: what its engine says at once, and what is asked elsewhere as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import TYPE_CHECKING

from console.actions.container_owner import Owned, compose_project
from console.commands.container import engine_of
from console.commands.container_behind import behind, denials
from console.commands.container_history import moves_of_place
from console.commands.container_units import owned_by
from console.commands.rows.container_history import Move
from console.commands.rows.container_page import ContainerDetail, Lines, container_lines
from console.errors import Absent, HostError, QuarterdeckError

if TYPE_CHECKING:
    from console.commands.core import Core, View
    from console.fleet.model import ContainerKey
    from console.model.container import Container

#: The question that a container's page answers, as a unit's properties are asked for.
PAGE = "properties"


async def container_page(view: View, core: Core | None, key: ContainerKey) -> AsyncGenerator[Lines, None]:
    """The page as far as it is known, each time more is. What cannot be found out is said on it.

    :raises HostError: the engine does not say.
    """
    box = view.fleet.model.container(key)
    if box is None:
        raise Absent("the container is gone", host=key[0])
    detail = ContainerDetail(box, await engine_of(view, box).inspect(box.id))
    yield container_lines(detail)
    unknown: list[str] = []
    async with asyncio.TaskGroup() as group:
        owner = group.create_task(_owner(view, box, unknown))
        moves = group.create_task(_moves(core, view, box, unknown))
        now = group.create_task(behind(view, [box], denials(core.memory if core is not None else None)))
    detail = replace(
        detail,
        behind=now.result()[0],
        owner=owner.result(),
        moves=moves.result(),
        unknown=tuple(unknown),
    )
    yield container_lines(detail)


async def _owner(view: View, box: Container, unknown: list[str]) -> str | None:
    """Whose it is, in words."""
    try:
        found = await owned_by(view, box)
    except HostError as error:
        unknown.append(f"whose it is is not known: {error}")
        return None
    return owner_words(found, box)


async def _moves(core: Core | None, view: View, box: Container, unknown: list[str]) -> tuple[Move, ...]:
    if core is None:
        return ()
    try:
        return tuple(await moves_of_place(core, view, box, unknown.append))
    except QuarterdeckError as error:
        unknown.append(f"its updates are not known: {error}")
        return ()


def owner_words(owned: Owned | None, box: Container) -> str:
    """Whose a container is. Pure."""
    if owned is not None:
        return " ".join(dict.fromkeys((owned.unit.unit, owned.unit.file, *owned.unit.drop_ins)))
    if project := compose_project(box):
        return project
    return f"{box.unit}, which is no unit of the system's" if box.unit else "nobody's: it was made by hand"
