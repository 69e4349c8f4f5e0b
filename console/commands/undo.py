"""`audit undo`: takes back what a record says was done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from console.actions.audit import DONE, Record
from console.actions.plan import Plan
from console.commands.audit import chosen, records
from console.commands.change import Change
from console.commands.command import Command, Recall, argument
from console.commands.everything import core_registry
from console.commands.grammar import format_command, parse_line
from console.commands.hearing import WithoutNotes
from console.errors import InternalError, Refused
from console.model.selector import NameTerm, Selector
from console.model.wants import Wants

if TYPE_CHECKING:
    from console.commands.core import Core, View
    from console.commands.output import Output


@dataclass(frozen=True)
class AuditUndo(Change):
    """Take back what a record says was done, as far as it can be: its plan is shown first.

    What is to be done is in the record (`audit show`): a line for each target that was changed. A
    target that has moved on since is planned as it is now.
    """

    words = ("audit", "undo")
    recall = Recall.MAY_WRITE
    id: str = argument("ID", "of the record", required=True)

    async def reach(self, core: Core, out: Output) -> tuple[Selector, Wants]:
        parts = await self._parts(core, out)
        names = dict.fromkeys(name for part in parts for name in _names(part.on))
        wants = Wants(
            units=any(part.wants.units for part in parts),
            containers=any(part.wants.containers for part in parts),
            os=any(part.wants.os for part in parts),
            connect=any(part.wants.connect for part in parts),
        )
        return self.on or Selector(tuple(NameTerm(name) for name in names)), wants

    async def draw(self, core: Core, view: View, out: Output) -> Plan:
        plans = [await part.draw(core, view.narrowed(part.on), out) for part in await self._parts(core, out)]
        return Plan(
            format_command(self),
            tuple(step for plan in plans for step in plan.steps),
            tuple(refusal for plan in plans for refusal in plan.refused),
            tuple(note for plan in plans for note in plan.notes),
            any(plan.grave for plan in plans),
        )

    async def _parts(self, core: Core, out: Output) -> list[Change]:
        """The commands that take it back, those of one kind on one host as one."""
        return list(_joined(await self._commands(core, out)))

    async def _commands(self, core: Core, out: Output) -> list[Command]:
        (record,) = chosen(await records(core, WithoutNotes(out).note), (self.id,))
        _check(record)
        registry = core_registry()
        found = [parse_line(line, registry).command for line in record.undo]
        return [command for command in found if command is not None]

    async def run(self, core: Core, out: Output) -> None:
        commands = await self._commands(core, out)
        if any(isinstance(command, Change) for command in commands):
            await super().run(core, out)
            return
        # What etcd keeps is taken back a line after the other: each is planned on what the one before left.
        for command in commands:
            await command.run(core, out)


def _check(record: Record) -> None:
    if not record.undo:
        why = "nothing was done" if record.outcome != DONE else "there is no way back from it"
        raise Refused(f"{record.id} cannot be undone: {why}", hint=f"`quarterdeck audit show {record.id}`")


def _joined(commands: Iterable[Command]) -> Iterable[Change]:
    """Commands that differ in the names they are about, and in nothing else, made one."""
    groups: dict[Change, list[str]] = {}
    for command in commands:
        if not isinstance(command, Change):
            raise InternalError("an audit record has an undo line that changes nothing")
        named = any(one.name == "patterns" for one in fields(command))
        key = replace(command, patterns=()) if named else command  # type: ignore[call-arg]  # just looked
        names = groups.setdefault(key, [])
        if named:
            names += [name for name in command.patterns if name not in names]  # type: ignore[attr-defined]
    for key, names in groups.items():
        yield replace(key, patterns=tuple(names)) if names else key  # type: ignore[call-arg]


def _names(on: Selector | None) -> tuple[str, ...]:
    """The hosts that an undo line names: each is about one."""
    return tuple(term.pattern for term in on.terms if isinstance(term, NameTerm)) if on else ()


COMMANDS: tuple[type[Command], ...] = (AuditUndo,)
