"""`container history`: which updates containers have had, and what is kept of them.

What was done is in the audit, of every console that shares the etcd. What is kept is on the hosts: under
names that say what it is, or told by a label of a unit's container.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from console.actions.audit import Record
from console.actions.container_update import Names, place_of
from console.actions.successor import BEFORE, REPLACED
from console.commands.audit import records
from console.commands.command import Command, argument, option
from console.commands.container_standing import asked_image
from console.commands.parameters import OnHosts
from console.commands.rows.container_history import MOVE, Move
from console.commands.values import SECONDS_OR_TIME
from console.errors import NothingSelected
from console.model.container import Container
from console.model.selector import NamePatterns
from console.model.state import Source
from console.model.text import clean
from console.model.wants import Wants

if TYPE_CHECKING:
    from console.commands.core import Core, View
    from console.commands.output import Output

#: The verbs of a plan's steps that bring a container to another image.
_VERBS = {"update": "update", "roll back": "rollback"}
_NOT_ENDED = "not ended"


@dataclass(frozen=True)
class ContainerHistory(OnHosts):
    """Show the updates that containers have had: when, from what to what, by whom, and how it ended.

    Then what is there of it: the one that has the place, and those that are kept, by their names.
    """

    words = ("container", "history")
    patterns: tuple[str, ...] = argument("CONTAINER", "names or globs", many=True, required=True)
    since: float | datetime | None = option(SECONDS_OR_TIME, "from then on: 7d, or a time", short="-S")

    async def run(self, core: Core, out: Output) -> None:
        patterns = NamePatterns.parse(self.patterns)
        async with core.observe(self.on, Wants(units=False, os=False)) as view:
            known = {host.name for host in view.hosts()}
            boxes = [
                box
                for box in view.fleet.model.containers()
                if view.includes(box.host) and patterns.matches_name(_place(box))
            ]
            broken = view.broken(Source.CONTAINERS)
            done = [
                move
                for record in await records(core, out.note, self.since)
                for move in moves_of(record)
                if move.host in known and patterns.matches_name(move.name)
            ]
        if not (boxes or done or broken):
            raise NothingSelected(f"no container is or was called {' '.join(self.patterns)}")
        out.rows(MOVE, [*done, *there(boxes)], missing=broken)


async def moves_of_place(core: Core, view: View, box: Container, note: Callable[[str], None]) -> list[Move]:
    """The updates of one container's place, and what is kept of them, oldest first.

    :raises QuarterdeckError: the records cannot be read.
    """
    place = _place(box)
    done = [
        move
        for record in await records(core, note)
        for move in moves_of(record)
        if (move.host, move.name) == (box.host, place)
    ]
    boxes = [each for each in view.fleet.model.containers(box.host) if _place(each) == place]
    return sorted([*done, *there(boxes)], key=MOVE.sort)


def _place(box: Container) -> str:
    """Whose place a container is about."""
    name = place_of(box.name)
    if REPLACED in box.labels:  # those are called so by updates alone
        for other in ("next", "failed", "after"):
            name = name.removesuffix(f".{other}")
    return name


def moves_of(record: Record) -> Iterator[Move]:
    """What one record tells of containers. Pure; a record is a file that anybody may have written in."""
    plan = record.plan or {}
    steps = plan.get("steps")
    ended = {result.target: result for result in record.results}
    for step in steps if isinstance(steps, list) else ():
        if not isinstance(step, Mapping) or not _about_container(record, step):
            continue
        host, name = str(step.get("host", "")), str(step.get("object", ""))
        result = ended.get(f"{host}/{name}")
        yield Move(
            record.time,
            host,
            name,
            _VERBS[str(step["verb"])],
            _image(step.get("now")),
            _image(step.get("then")),
            record.actor,
            result.status.value if result is not None else record.outcome or _NOT_ENDED,
            result.detail if result is not None else record.why,
            record.id,
        )


def _about_container(record: Record, step: Mapping[str, Any]) -> bool:
    """Hosts and services are updated too, by lines of their own; an undo may be of anything on a host."""
    noun = record.line.partition(" ")[0]
    known = noun in ("container", "audit") and str(step.get("verb")) in _VERBS
    return known and bool(step.get("host") and step.get("object"))


def _image(said: object) -> str | None:
    """The image in what a step says of before and after: the first words, up to a comma or semicolon."""
    if not isinstance(said, str) or said.startswith("it does not run"):
        return None
    return clean(said.split(", ")[0].split("; ")[0], 300) or None


def there(boxes: Iterable[Container]) -> Iterator[Move]:
    """What is on the hosts: who has the place, and what is kept. Pure."""
    for box in sorted(boxes, key=lambda box: (box.host, _place(box), box.name != _place(box), box.name)):
        place = _place(box)
        yield Move(
            box.created,
            box.host,
            place,
            "there" if box.name == place else "kept",
            None,
            asked_image(box),
            None,
            box.state,
            "" if box.name == place else f"as {box.name}: {_what(Names(place), box.name)}",
            None,
        )
        if before := box.labels.get(BEFORE):
            told = "told by a label: `container rollback` pulls it where it is gone"
            yield Move(None, box.host, place, "kept", None, before, None, None, told, None)


def _what(names: Names, name: str) -> str:
    return {
        names.before: "the one before",
        names.failed: "it did not prove itself",
        names.after: "it was rolled back from",
        names.next: "an update was broken off, or is on its way",
        names.leaving: "an update was broken off, or is on its way",
    }.get(name, "")


COMMANDS: tuple[type[Command], ...] = (ContainerHistory,)
