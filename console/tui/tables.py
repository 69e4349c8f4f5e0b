"""The lists of the terminal: which rows each holds, and where their keys are in a batch of changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from console.commands.image_board import image_key
from console.commands.lists import LiveList
from console.commands.rows import CONTAINER, HOST, UNIT
from console.commands.troubles import TROUBLE, TroubleBoard
from console.fleet.model import Changes, FleetModel
from console.model.host import Host
from console.model.state import Source, State
from console.tui.views import Kind, View


@dataclass(frozen=True, slots=True)
class Listed:
    """One list on the screen: its rows, which changes concern it, and when a row is old."""

    live: LiveList[Any, Any]
    changed: Callable[[Changes], Iterable[Any]]
    stale: Callable[[Any], bool]
    empty: str
    #: Titles of columns that are never old: they tell of the connection itself.
    fresh: frozenset[str] = frozenset()


def listed(view: View, model: FleetModel, board: TroubleBoard) -> Listed:
    """The list that `view` shows, filled."""
    host = view.host
    match view.kind:
        case Kind.WATCH:
            troubles = LiveList(TROUBLE, board.look_up, host=model.find)
            made = Listed(
                troubles,
                lambda batch: board.update(touched(batch)),
                # That a host or a source is lost is news; what was wrong on it before that is not.
                lambda trouble: bool(trouble.unit or trouble.container) and is_old(model, trouble.host, None),
                "● nothing is wrong",
            )
            board.renew()
            troubles.update(board.keys())
        case Kind.HOSTS:
            hosts = LiveList(HOST, model.find, host=model.find)
            made = Listed(
                hosts,
                lambda batch: batch.hosts,
                lambda row: is_old(model, row.name, None),
                "no hosts",
                frozenset({"HOST", "STATE", "SINCE", "REASON"}),
            )
            hosts.update(each.name for each in model.hosts())
        case Kind.UNITS:
            units = LiveList(UNIT, model.unit, wanted=lambda unit: host in (None, unit.host), host=model.find)
            made = Listed(
                units,
                lambda batch: batch.units,
                lambda unit: is_old(model, unit.host, Source.UNITS),
                "no units" if host is None else f"no units of {host} are known",
            )
            units.update((unit.host, unit.name) for unit in model.units(host))
        case Kind.CONTAINERS:
            boxes = LiveList(
                CONTAINER,
                model.container,
                wanted=lambda box: host in (None, box.host) and view.image in (None, image_key(box)),
                host=model.find,
            )
            made = Listed(
                boxes,
                lambda batch: batch.containers,
                lambda box: is_old(model, box.host, Source.CONTAINERS),
                "no containers" if host is None else f"no containers of {host} are known",
            )
            boxes.update((box.host, box.id) for box in model.containers(host))
        case _:
            raise ValueError(f"{view.kind} is no list")
    return made


def holds(model: FleetModel, host: Host, source: Source) -> bool:
    """Whether the lists and pages show something that this source of a host has told, now or before."""
    match source:
        case Source.UNITS:
            return model.unit_count(host.name) > 0
        case Source.CONTAINERS:
            return model.container_count(host.name) > 0
        case Source.OS:
            return host.facts.kernel is not None
    return False  # a log says for itself which of its hosts it does not hear from


def touched(batch: Changes) -> set[str]:
    """The hosts of which something is another."""
    return batch.hosts | {host for host, _ in batch.units} | {host for host, _ in batch.containers}


def is_old(model: FleetModel, name: str, source: Source | None) -> bool:
    """Whether what is shown of a host, or of one of its sources, is not what it says now."""
    host = model.find(name)
    if host is None:
        return True  # it has just gone
    if host.state is not State.LIVE:
        return host.state is not State.CONNECTING
    status = host.sources.get(source) if source else None
    return status is not None and status.state not in (State.LIVE, State.CONNECTING)
