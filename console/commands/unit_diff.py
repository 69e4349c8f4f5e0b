"""`unit diff`: one unit's file, compared over hosts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.commands.command import Command
from console.commands.rows import UnitFile
from console.commands.rows.unit_diff import UNIT_DIFF, compared
from console.commands.unit import AboutUnits

if TYPE_CHECKING:
    from console.commands.core import Core, View
    from console.commands.output import Output
    from console.hosts.manager import SystemdManager


@dataclass(frozen=True)
class UnitDiff(AboutUnits):
    """Compare a unit's file and drop-ins over hosts: who has the same, and how the others differ.

    The hosts are grouped by text; each group but the largest is shown as a difference from it.
    """

    words = ("unit", "diff")

    async def run(self, core: Core, out: Output) -> None:
        async def text(view: View, manager: SystemdManager, name: str) -> UnitFile:
            return UnitFile(manager.host, name, await manager.unit_file(name))

        out.rows(UNIT_DIFF, compared(await self.answers(core, out, text)))


COMMANDS: tuple[type[Command], ...] = (UnitDiff,)
