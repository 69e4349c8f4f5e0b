"""`service list|status|cat|history|plan|why`: services as they are to be, and as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.commands.command import Command, Recall, argument, option
from console.commands.parameters import Listing
from console.commands.rows.service import (
    REVISION,
    SERVICE,
    SERVICE_DETAIL,
    SERVICE_TEXT,
    SERVICE_WHY,
    RevisionRow,
    ServiceRow,
    ServiceText,
)
from console.commands.service_change import at_desk
from console.commands.values import INTEGER
from console.errors import Incomplete, NothingSelected, UsageError
from console.model.selector import state_words
from console.model.text import clean

if TYPE_CHECKING:
    from console.commands.core import Core, View
    from console.commands.output import Output
    from console.commands.service_desk import Desk
    from console.engine.following import Seen
    from console.engine.manifest import Manifest


@dataclass(frozen=True)
class ServiceList(Listing):
    """List services: what each is to be, and how its instances are.

    `--state` takes desired states and those of instances; `--on` leaves services that have an instance on
    one of these hosts.
    """

    words = ("service", "list")
    recall = Recall.WRITE
    names: tuple[str, ...] = argument("SERVICE", "services: names or globs", many=True)

    async def run(self, core: Core, out: Output) -> None:
        states = _states(self.state) if self.state else frozenset()
        async with at_desk(core, out) as desk:
            if self.watch:
                await self._watch(desk, states, out)
            rows = [row for row in desk.rows() if self._wants(row, desk.manifest, desk.view, states)]
            out.rows(SERVICE, rows)
            tell_engine(desk.seen, out)
            for error in desk.view.missing:
                out.failed(error)

    async def _watch(self, desk: Desk, states: frozenset[str], out: Output) -> None:
        from console.commands.service_desk import service_rows
        from console.commands.service_wait import watched

        shown: dict[str, ServiceRow] = {}
        model = desk.view.fleet.model

        def look(seen: Seen) -> bool:
            rows = {
                row.name: row
                for row in service_rows(seen, model.hosts(), model.unit)
                if self._wants(row, seen.manifest, desk.view, states)
            }
            for name, row in rows.items():
                if shown.get(name) != row:
                    out.put(SERVICE, row)
            for name in shown.keys() - rows.keys():
                out.delete(SERVICE, shown[name])
            shown.clear()
            shown.update(rows)
            return False

        await watched(desk.store, desk.view, look)

    def _wants(self, row: ServiceRow, manifest: Manifest, view: View, states: frozenset[str]) -> bool:
        from console.commands.service_names import means

        if self.names and not any(means(word, row.name) for word in self.names):
            return False
        if states and row.desired not in states and not any(one.state in states for one in row.instances):
            return False
        if self.on is None:
            return True
        model = view.fleet.model
        chosen = {host.name for host in model.hosts() if self.on.matches_host(host)}
        return any(one.host in chosen for one in manifest.of(row.name))


def _states(text: str) -> frozenset[str]:
    """The words of `--state`. :raises UsageError: no service or instance is ever in such a state."""
    from console.engine.service_states import InstanceState
    from console.engine.services import Desired

    known = [*Desired, *InstanceState]
    states = state_words(text)
    if unknown := sorted(states - set(known)):
        raise UsageError(f"no state {clean(unknown[0], 40)!r}", hint=f"one of {', '.join(known)}")
    return states


@dataclass(frozen=True)
class ServiceStatus(Command):
    """Show services and each of their instances: host, state, unit, and why."""

    words = ("service", "status")
    aliases = (("status",),)
    recall = Recall.WRITE
    names: tuple[str, ...] = argument("SERVICE", "services: names or globs", many=True, required=True)

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.service_names import named

        async with at_desk(core, out) as desk:
            names = {service.name for service in named(self.names, desk.manifest)}
            out.rows(SERVICE_DETAIL, [row for row in desk.rows() if row.name in names])
            tell_engine(desk.seen, out)


class _OfEtcd(Command):
    """Reads what is kept of services; no host is asked."""

    recall = Recall.WRITE


@dataclass(frozen=True)
class ServiceCat(_OfEtcd):
    """Show the unit file of services, as it is or as it was."""

    words = ("service", "cat")
    aliases = (("cat",),)
    names: tuple[str, ...] = argument("SERVICE", "services: names or globs", many=True, required=True)
    revision: int | None = option(INTEGER, "as it was in this revision")

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.service_names import named
        from console.engine.manifest import read_manifest
        from console.engine.services import ServiceStore

        store = ServiceStore(core.mind.etcd)
        found = []
        for service in named(self.names, await read_manifest(store)):
            number, text = service.revision, service.spec.text
            if self.revision is not None and self.revision != number:
                number = self.revision
                texts = {one.number: one.unit for one in await store.revisions(service.name)}
                if number not in texts:
                    has = ", ".join(map(str, texts))
                    raise NothingSelected(f"{service.name} has no revision {number}", hint=f"it has {has}")
                text = texts[number]
            found.append(ServiceText(service.name, number, text))
        out.rows(SERVICE_TEXT, found)


@dataclass(frozen=True)
class ServiceHistory(_OfEtcd):
    """List the revisions of a service: who made each, when, and by which line."""

    words = ("service", "history")
    name: str = argument("SERVICE", "one service", required=True)

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.service_names import one_service
        from console.engine.manifest import read_manifest
        from console.engine.services import ServiceStore

        store = ServiceStore(core.mind.etcd)
        service = one_service(self.name, await read_manifest(store))
        out.rows(
            REVISION,
            [
                RevisionRow(
                    service.name, one.number, one.time, one.by, one.line, one.number == service.revision
                )
                for one in await store.revisions(service.name)
            ],
        )


@dataclass(frozen=True)
class ServicePlan(Command):
    """Show what a start of services or unit files would do, and where it would place what. Writes nothing.

    Ends with 4 if an instance would have no host; the plan says which rules keep it off how many.
    """

    words = ("service", "plan")
    recall = Recall.WRITE
    names: tuple[str, ...] = argument("SERVICE", "unit files, or services", many=True, required=True)

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.rows.change import PLAN
        from console.commands.service_drawing import to_be
        from console.commands.service_names import meant
        from console.engine.services import Desired

        async with at_desk(core, out) as desk:
            found = meant(self.names, desk.manifest)
            drawn = await to_be(self, core, desk, found, Desired.LAUNCHED, out, verb="start")
        out.document(PLAN, drawn.plan)
        if drawn.plan.refused:
            count = len(drawn.plan.refused)
            raise Incomplete(f"{count} instance{'' if count == 1 else 's'} would have no host")


@dataclass(frozen=True)
class ServiceWhyShow(Command):
    """Show why an instance is where it is, or nowhere: each host, with its score or the rule against it."""

    words = ("service", "why")
    recall = Recall.WRITE
    instance: str = argument("INSTANCE", "one instance: web@3", required=True)

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.service_looking import why_of

        async with at_desk(core, out) as desk:
            out.document(SERVICE_WHY, why_of(desk.seen, desk.view.fleet.model, self.instance))


def tell_engine(seen: Seen, out: Output) -> None:
    """That nobody carries out what is shown, or that it is held up, where that is so."""
    from console.commands.service_desk import NO_ENGINE

    if seen.manifest.services and seen.leader is None:
        out.note(NO_ENGINE)
    if seen.brake is not None:
        out.note(f"{seen.brake.why}: nothing is moved or stopped until `quarterdeck engine resume`")


COMMANDS: tuple[type[Command], ...] = (
    *(ServiceList, ServiceStatus, ServiceCat, ServiceHistory),
    *(ServicePlan, ServiceWhyShow),
)
