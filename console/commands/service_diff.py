"""`service diff`: what is otherwise in one revision of a service than in another, and what that comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.commands.command import Command, Recall, argument
from console.commands.rows.service_diff import SERVICE_DIFF
from console.commands.rows.service_diff import ServiceDiff as Difference
from console.commands.values import INTEGER
from console.errors import NothingSelected, UsageError

if TYPE_CHECKING:
    from console.commands.core import Core
    from console.commands.output import Output
    from console.engine.services import Service


@dataclass(frozen=True)
class ServiceDiffer(Command):
    """Compare two revisions of a service: the text, and what a change from one to the other does.

    With no number it is what the current revision changed of the one before it; with one, what a change from
    the current one to that does.
    """

    words = ("service", "diff")
    recall = Recall.WRITE
    name: str = argument("SERVICE", "one service", required=True)
    revisions: tuple[str, ...] = argument("REVISION", "one or two (`service history`)", many=True)

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.service_names import one_service
        from console.commands.service_rollout import spec_of
        from console.engine.manifest import read_manifest
        from console.engine.services import ServiceStore
        from console.placement.unit_change import change_of

        store = ServiceStore(core.mind.etcd)
        service = one_service(self.name, await read_manifest(store))
        texts = {one.number: one.unit for one in await store.revisions(service.name)}
        before, after = self._which(service, sorted(texts))
        change = change_of(spec_of(service, texts[before]), spec_of(service, texts[after]))
        found = Difference(service.name, before, after, texts[before], texts[after], change)
        out.rows(SERVICE_DIFF, [found])

    def _which(self, service: Service, there: list[int]) -> tuple[int, int]:
        """From which to which. :raises NothingSelected: one of them is not there."""
        given = [INTEGER.parse(word) for word in self.revisions]
        if len(given) > 2:
            raise UsageError("more than two revisions", hint="`service diff SERVICE FROM TO`")
        has = ", ".join(map(str, there))
        for number in given:
            if number not in there:
                raise NothingSelected(f"{service.name} has no revision {number}", hint=f"it has {has}")
        if len(given) == 2:
            return given[0], given[1]
        if given:
            return service.revision, given[0]
        earlier = [number for number in there if number < service.revision]
        if not earlier:
            raise NothingSelected(f"{service.name} has no earlier revision", hint=f"it has {has}")
        return earlier[-1], service.revision


COMMANDS: tuple[type[Command], ...] = (ServiceDiffer,)
