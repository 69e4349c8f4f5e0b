"""`host …`: the machines of the fleet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from console.commands.command import Command, argument
from console.commands.parameters import Listing, OnHosts
from console.commands.rows import HOST, HOST_DETAIL
from console.commands.watching import watch
from console.model.host import Host
from console.model.selector import Selector, host_in_state, state_words
from console.model.wants import Wants

if TYPE_CHECKING:
    from console.commands.core import Core, View
    from console.commands.output import Output

#: A host's row counts what ails it, so everything but its journal is looked at.
_WANTS = Wants()


@dataclass(frozen=True)
class HostList(Listing):
    """List hosts: their state, what fails on them, what they run.

    A host that cannot be reached is a row with the reason.
    """

    words = ("host", "list")

    async def run(self, core: Core, out: Output) -> None:
        states = state_words(self.state) if self.state else frozenset()

        def wanted(view: View, host: Host) -> bool:
            return view.includes(host.name) and (not states or host_in_state(host, states))

        async with core.observe(self.on, _WANTS, wait=not self.watch) as view:
            if self.watch:
                from console.commands.remembering import kept_up

                async with kept_up(core, view.fleet, out.note, self.on):
                    await watch(
                        view,
                        out,
                        HOST,
                        lambda batch: batch.hosts,
                        lambda model, name: model.find(name),
                        lambda host: wanted(view, host),
                    )
            out.rows(HOST, [host for host in view.hosts() if wanted(view, host)])
            for error in view.missing:
                out.failed(error)


@dataclass(frozen=True)
class HostShow(OnHosts):
    """Show all that is known of a host: its sources, its system, its pressure."""

    words = ("host", "show")
    names: tuple[str, ...] = argument("HOST", "names or globs", many=True)

    async def run(self, core: Core, out: Output) -> None:
        on = Selector.parse(",".join(self.names)) if self.names else None
        if on and self.on:
            on = replace(on, terms=(*on.terms, *self.on.terms))
        async with core.observe(on or self.on, _WANTS) as view:
            out.rows(HOST_DETAIL, list(view.hosts()))
            for error in view.missing:
                out.failed(error)


COMMANDS: tuple[type[Command], ...] = (HostList, HostShow)
