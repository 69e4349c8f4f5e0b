"""`fleet …`: all of it at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
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
            async with self._fleets_own(core, view, out) as own:
                if self.watch:
                    from console.commands.remembering import kept_up

                    async with kept_up(core, view.fleet, out.note, self.on):
                        await self._watch(core, view, own, out)
                troubles = [*_own(core), *own()]
                out.picture(take(core.config.name, view.fleet.model, list(view.hosts()), troubles))
            for error in view.missing:
                out.failed(error)

    @asynccontextmanager
    async def _fleets_own(self, core: Core, view: View, out: Output) -> AsyncIterator[Troubles]:
        """What is wrong with rollouts, and with services: of a part of the hosts these cannot be told."""
        if core.memory is None:
            yield list
            return
        from console.commands.rollout_troubles import rollouts_watched
        from console.commands.service_book import services_watched

        etcd, model = core.memory.etcd, view.fleet.model
        async with AsyncExitStack() as stack:
            watched = [rollouts_watched(etcd, core.memory.keys, out.note, follow=self.watch)]
            if self.on is None:
                watched.append(services_watched(etcd, model, out.note, follow=self.watch))
            asked = [await stack.enter_async_context(each) for each in watched]
            yield lambda: [trouble for troubles in asked for trouble in troubles()]

    async def _watch(self, core: Core, view: View, own: Troubles, out: Output) -> None:
        model = view.fleet.model
        feed = model.feed()
        try:
            while True:
                batch = await feed.batch(PAUSE, idle=1.0)
                changed = {name for name in batch.hosts if view.includes(name)}
                picture = take(core.config.name, model, list(view.hosts()), [*_own(core), *own()])
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
