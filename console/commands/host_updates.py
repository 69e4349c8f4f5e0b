"""`host updates`: the fleet by what its hosts boot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.commands.command import Command
from console.commands.parameters import OnHosts
from console.commands.rows.updates import HOST_UPDATES
from console.model.wants import Wants

if TYPE_CHECKING:
    from console.commands.core import Core
    from console.commands.output import Output


@dataclass(frozen=True)
class HostUpdates(OnHosts):
    """List hosts by their updaters: what is booted, next, available, and what a rollback would boot.

    The state says what is out of the ordinary: `denied` (it has booted, or would boot, a version that nobody
    is to have: `denied list`), `failed` (the last work on it), `working`, `reboot` (another version waits
    for one), `locked` (it waits, and a reboot does not take it), `behind` (a newer one is known), `unlocked`
    (its files may be written), `driven` (an agent on it takes updates or reboots it).
    """

    words = ("host", "updates")

    async def run(self, core: Core, out: Output) -> None:
        async with core.observe(self.on, Wants(units=False, containers=False)) as view:
            out.rows(HOST_UPDATES, list(view.hosts()))
            for error in view.missing:
                out.failed(error)


COMMANDS: tuple[type[Command], ...] = (HostUpdates,)
