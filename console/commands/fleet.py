"""`fleet …`: all of it at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.commands.command import Command, switch
from console.commands.parameters import OnHosts
from console.commands.picture import take
from console.commands.watching import PAUSE
from console.model.wants import EVERYTHING

if TYPE_CHECKING:
    from console.commands.core import Core, View
    from console.commands.output import Output
    from console.commands.picture import Trouble


#: What is wrong now, asked for each time.
Troubles = Callable[[], "list[Trouble]"]


@dataclass(frozen=True)
class FleetStatus(OnHosts):
    """Show how the fleet is: every host, and what is wrong on it.

    Units that fail, containers that ail, hosts and sources that do not answer. `--watch` keeps
    the picture on the screen, live. As JSON it is the hosts' rows.
    """

    words = ("fleet", "status")
    watch: bool = switch("stay, and show each change")

    async def run(self, core: Core, out: Output) -> None:
        async with core.observe(self.on, EVERYTHING, wait=not self.watch) as view:
            async with self._services(core, view, out) as services:
                if self.watch:
                    from console.commands.remembering import kept_up

                    async with kept_up(core, view.fleet, out.note, self.on):
                        await self._watch(core, view, services, out)
                own = [*_own(core), *services()]
                out.picture(take(core.config.name, view.fleet.model, list(view.hosts()), own))
            for error in view.missing:
                out.failed(error)

    @asynccontextmanager
    async def _services(self, core: Core, view: View, out: Output) -> AsyncIterator[Troubles]:
        """What is wrong with services; of a part of the hosts that cannot be said."""
        if core.memory is None or self.on is not None:
            yield list
            return
        from console.commands.service_book import services_watched

        etcd, model = core.memory.etcd, view.fleet.model
        async with services_watched(etcd, model, out.note, follow=self.watch) as troubles:
            yield troubles

    async def _watch(self, core: Core, view: View, services: Troubles, out: Output) -> None:
        model = view.fleet.model
        feed = model.feed()
        try:
            while True:
                batch = await feed.batch(PAUSE, idle=1.0)
                changed = {name for name in batch.hosts if view.includes(name)}
                own = [*_own(core), *services()]
                picture = take(core.config.name, model, list(view.hosts()), own)
                out.picture(picture, changed)
        finally:
            model.leave(feed)


def _own(core: Core) -> list[Trouble]:
    """What is wrong with the console itself."""
    if core.memory is None:
        return []
    from console.commands.etcd_watch import store_troubles
    from console.commands.lock_troubles import lock_troubles

    hosts = (host.name for host in core.config.hosts)
    return [*store_troubles(core.memory.status), *lock_troubles(core.memory, hosts)]


COMMANDS: tuple[type[Command], ...] = (FleetStatus,)
