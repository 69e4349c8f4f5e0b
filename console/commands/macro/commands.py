"""`macro …`: named lists of lines."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from console.actions.plan import Plan, Step
from console.commands import clock
from console.commands.change import FleetChange
from console.commands.command import Command, Kind, argument, option
from console.commands.grammar import format_command
from console.commands.macro.run import MacroRun
from console.commands.rows.base import TEXT
from console.commands.rows.macro import MACRO, MACRO_DETAIL
from console.commands.values import SECONDS_OR_TIME
from console.errors import ConfigError, NothingSelected

if TYPE_CHECKING:
    from console.actions.audit import Record
    from console.commands.core import Core
    from console.commands.output import Output


@dataclass(frozen=True)
class MacroList(Command):
    """List macros: your own, the fleet's, and those that come with Quarterdeck, in this order."""

    words = ("macro", "list")

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.macro.library import all_macros, macro_folders

        macros, problems = all_macros(macro_folders(core))
        out.rows(MACRO, macros)
        if problems:
            raise ConfigError(tuple(problem for error in problems for problem in error.problems))


@dataclass(frozen=True)
class MacroShow(Command):
    """Show a macro: what it is for, its parameters, its steps."""

    words = ("macro", "show")
    macro: str = argument("MACRO", "a macro's name, or the path of its file", required=True)

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.macro.file import load_macro
        from console.commands.macro.library import find_macro, macro_folders

        out.document(MACRO_DETAIL, load_macro(find_macro(self.macro, macro_folders(core))))


@dataclass(frozen=True)
class MacroRecord(Command):
    """Write a new macro from what was done: the lines of audit records, oldest first.

    Of records by their ids, or of all writes `--since` a time; those that were refused and those
    that were part of a macro are left out. With `--plan` the macro is printed and not written. In the
    terminal a macro is recorded while you work.
    """

    words = ("macro", "record")
    kind = Kind.WRITE
    name: str = argument("NAME", "of the new macro", required=True)
    ids: tuple[str, ...] = argument("ID", "of audit records", many=True)
    since: Any = option(SECONDS_OR_TIME, "of all writes from then on: 10m, or 2026-11-23T21:00")

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.macro.library import own_folder
        from console.commands.macro.record import escaped_line, macro_text, write_macro

        lines = [escaped_line(record.line) for record in await self._records(core, out)]
        if core.options.plan:
            out.document(TEXT, macro_text(self.name, lines, clock.now()))
            return
        path = write_macro(own_folder(core.environ), self.name, lines, clock.now())
        out.note(f"{path}: {len(lines)} steps; quarterdeck macro run {self.name}")

    async def _records(self, core: Core, out: Output) -> list[Record]:
        from console.actions.audit import REFUSED
        from console.actions.audit_file import read_records
        from console.commands.audit import chosen, records

        found = await records(core, out.note, self.since)
        if self.since is None:
            return chosen(found, self.ids)
        # Of what was done from here: what others did meanwhile is no part of it.
        ours = {record.id for record in read_records(core.state_folder)[0]}
        wanted = [
            record
            for record in found
            if record.id in ours and record.outcome != REFUSED and record.part_of is None
        ]
        if not wanted:
            raise NothingSelected("no write since then", hint="`quarterdeck audit list` has what was done")
        return wanted


@dataclass(frozen=True)
class MacroPublish(FleetChange):
    """Give a macro to the fleet: every console of it can run it from then on. It is kept in etcd."""

    words = ("macro", "publish")
    macro: str = argument("MACRO", "a macro's name, or the path of its file", required=True)

    async def draw(self, core: Core, out: Output) -> Plan:
        from console.actions.memory import KeepText
        from console.commands.macro.file import load_macro
        from console.commands.macro.library import find_macro, macro_folders

        path = find_macro(self.macro, macro_folders(core))
        load_macro(path)  # what cannot be read is not given to others
        name, text = path.stem, path.read_text(encoding="utf-8")
        before = await core.mind.text("macros", name)
        act = KeepText(core.mind, "macros", name, text, before)
        now, then = _known(before), f"{len(text.splitlines())} lines of {path}"
        undo = None if before is not None else shlex.join(["macro", "withdraw", name])
        step = Step("etcd", f"macros/{name}", "publish", now, then, act, (), undo)
        return Plan(format_command(self), () if before == text else (step,))


@dataclass(frozen=True)
class MacroWithdraw(FleetChange):
    """Take a macro of the fleet's back: no console has it any more, but who has a file of it."""

    words = ("macro", "withdraw")
    name: str = argument("NAME", "of the macro", required=True)

    async def draw(self, core: Core, out: Output) -> Plan:
        from console.actions.memory import KeepText

        before = await core.mind.text("macros", self.name)
        if before is None:
            raise NothingSelected(
                f"the fleet has no macro {self.name!r}", hint="`quarterdeck macro list` tells which there are"
            )
        act = KeepText(core.mind, "macros", self.name, None, before)
        step = Step("etcd", f"macros/{self.name}", "withdraw", _known(before), "gone", act)
        return Plan(format_command(self), (step,), grave=True)


def _known(text: str | None) -> str:
    return "not there" if text is None else f"{len(text.splitlines())} lines"


COMMANDS: tuple[type[Command], ...] = (
    *(MacroList, MacroShow, MacroRun, MacroRecord),
    *(MacroPublish, MacroWithdraw),
)
