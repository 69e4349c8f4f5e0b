"""ctrl+p: screens, hosts, units, containers, services, commands and macros by name.

It only leads somewhere: to a view, to the line with a command in it, or to a macro's parameters and its plan.
It changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from console.commands.macro.file import MacroFile
from console.commands.macro.library import all_macros, macro_folders
from console.model.text import clean
from console.tui.acting.line import registry
from console.tui.views import TOP, Kind, View

if TYPE_CHECKING:
    from console.tui.app import QuarterdeckApp

#: More would take longer to read than another letter takes to type.
_MOST = 40


class FleetProvider(Provider):
    """Everything that has a name."""

    _macros: Sequence[MacroFile] = ()

    async def startup(self) -> None:
        core = self._app.core
        if core is not None:
            self._macros, _ = await asyncio.to_thread(all_macros, macro_folders(core))

    async def discover(self) -> Hits:
        for kind in TOP:
            yield DiscoveryHit(f"go: {kind}", partial(self._show, View(kind)))

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        found = []
        for title, view in self._places():
            score = matcher.match(title)
            if score > 0:
                found.append((score, title, view))
        found.sort(key=lambda hit: -hit[0])
        for score, title, view in found[:_MOST]:
            yield Hit(score, matcher.highlight(title), partial(self._show, view))
        for macro in self._macros:
            title = f"macro: {macro.name}"
            score = matcher.match(title)
            if score > 0:
                run = partial(self._app.run_macro, macro)
                yield Hit(score, matcher.highlight(title), run, help=clean(macro.description, 200))
        for command in registry():
            title = f"command: {' '.join(command.words)}"
            score = matcher.match(title)
            if score > 0:
                begin = partial(self._app.main.begin_command, " ".join(command.words) + " ")
                yield Hit(score, matcher.highlight(title), begin, help=command.summary())

    def _places(self) -> Iterator[tuple[str, View]]:
        model = self._app.model
        yield from ((f"go: {kind}", View(kind)) for kind in TOP)
        for host in model.hosts():
            yield f"host: {host.name}", View(Kind.PAGE, host.name)
        for unit in model.units():
            yield (
                f"unit: {unit.host} {unit.name}",
                View(Kind.PAGE, unit.host, unit.name, question="properties"),
            )
        for name in self._app.services.rows if self._app.services is not None else ():
            yield f"service: {name}", View(Kind.SERVICE, service=name)
        for box in model.containers():
            yield (
                f"container: {box.host} {box.name}",
                View(Kind.PAGE, box.host, container=box.id, label=box.name, question="properties"),
            )

    def _show(self, view: View) -> None:
        self._app.main.show(view)

    @property
    def _app(self) -> QuarterdeckApp:
        return cast("QuarterdeckApp", self.app)
