"""fleetctl's lists in fleet's columns, and its `journal` and `ssh`, for hands and scripts that know them.

Columns and fields are those of fleetctl 1.0 (list_units.go, list_unit_files.go, list_machines.go); an
instance of a template is a unit of its own there. `submit`, `load`, `start`, `stop`, `unload`, `destroy`,
`cat` and `status` are other spellings of `service …`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from console.commands.command import Command, Kind, Recall, Shape, argument, option, rest, switch
from console.commands.rows.base import Cell, RowKind
from console.commands.service_change import at_desk
from console.commands.values import INTEGER, TEXT
from console.errors import NothingSelected, UsageError
from console.model.selector import NameTerm, Selector
from console.model.state import State
from console.model.text import clean

if TYPE_CHECKING:
    from console.commands.core import Core
    from console.commands.output import Output
    from console.commands.service_desk import Desk
    from console.engine.service_states import Instance
    from console.engine.services import Assigned, Service
    from console.model.host import Host

#: What fleet writes where there is nothing to say.
_NOTHING = "-"
_MACHINES = "`quarterdeck list-machines`"

#: A machine id, or as much of it as lists show (machine-id(5); fleet went by the first eight).
_MACHINE_ID = re.compile(r"[0-9a-f]{8}(?:\.\.\.|[0-9a-f]{24})?")

#: Of a machine's id and of a unit's hash fleet shows so much, without `--full`.
_SHORT_ID, _SHORT_HASH = 8, 7

Fields = Mapping[str, str]


@dataclass(frozen=True)
class _FleetList(Command):
    """A list with fleet's own options."""

    recall = Recall.WRITE
    full: bool = switch("whole machine ids and hashes", short="-l")
    no_legend: bool = switch("no line of titles")
    fields: str | None = option(TEXT, "which columns, joined by commas")

    def show(self, out: Output, known: Sequence[str], default: Sequence[str], rows: Iterable[Fields]) -> None:
        """:raises UsageError: a field that fleet has not."""
        chosen = self.fields.split(",") if self.fields else [*default]
        if unknown := [name for name in chosen if name not in known]:
            raise UsageError(
                f"{' '.join(self.words)}: no field {clean(unknown[0], 40)!r}",
                hint=f"of {', '.join(known)}",
            )
        found = sorted(rows, key=lambda row: [row[name] for name in known])
        name = self.words[0].removeprefix("list-").removesuffix("s").replace("-", " ")
        out.rows(_kind(name, chosen, found, legend=not self.no_legend), found)


def _kind(name: str, chosen: Sequence[str], rows: Sequence[Fields], *, legend: bool) -> RowKind[Fields]:
    """Rows of these fields, as wide as the widest; the titles stand before the first."""
    widths = {
        field: max([len(field) if legend else 0, *(len(clean(row[field])) for row in rows)])
        for field in chosen
    }

    def line(texts: Mapping[str, str]) -> tuple[Cell, ...]:
        return (Cell("  ".join(clean(texts[field]).ljust(widths[field]) for field in chosen).rstrip()),)

    def lines(row: Fields) -> list[tuple[Cell, ...]]:
        titles = [line({field: field.upper() for field in chosen})] if legend and row is rows[0] else []
        return [*titles, line(row)]

    def fields(row: Fields) -> dict[str, Any]:
        return {field: None if row[field] == _NOTHING else row[field] for field in chosen}

    order = {id(row): place for place, row in enumerate(rows)}
    return RowKind(name, lambda row: (str(order[id(row)]),), fields, (), lambda row: order[id(row)], lines)


@dataclass(frozen=True)
class ListMachines(_FleetList):
    """List the hosts that are live, in fleet's columns (`host list` says more)."""

    words = ("list-machines",)

    async def run(self, core: Core, out: Output) -> None:
        async with at_desk(core, out) as desk:
            rows = [
                {
                    "machine": _machine_id(host, self.full),
                    "ip": host.address,
                    "metadata": ",".join(f"{key}={host.labels[key]}" for key in sorted(host.labels))
                    or _NOTHING,
                }
                for host in desk.view.fleet.model.hosts()
                if host.state is State.LIVE
            ]
        known = ("machine", "ip", "metadata")
        self.show(out, known, known, rows)


@dataclass(frozen=True)
class ListUnits(_FleetList):
    """List the instances of services on their hosts, in fleet's columns (`unit list`: all units)."""

    words = ("list-units",)

    async def run(self, core: Core, out: Output) -> None:
        async with at_desk(core, out) as desk:
            rows = [
                {
                    "unit": one.name,
                    "load": one.unit.load if one.unit else _NOTHING,
                    "active": one.unit.active if one.unit else _NOTHING,
                    "sub": one.unit.sub if one.unit else _NOTHING,
                    "machine": _machine(desk, one.host, self.full),
                    "hash": _hash(desk.manifest.services[one.service], self.full),
                }
                for one in desk.instances()
                if one.host is not None and one.revision is not None
            ]
        self.show(
            out,
            ("unit", "load", "active", "sub", "machine", "hash"),
            ("unit", "machine", "active", "sub"),
            rows,
        )


@dataclass(frozen=True)
class ListUnitFiles(_FleetList):
    """List services and their instances with their states, in fleet's columns (`service list` says more)."""

    words = ("list-unit-files",)

    async def run(self, core: Core, out: Output) -> None:
        async with at_desk(core, out) as desk:
            found = desk.instances()
            rows: list[Fields] = []
            for service in desk.manifest.services.values():
                own = [one for one in found if one.service == service.name]
                everywhere = service.spec.policy.everywhere
                if everywhere or not own or own[0].name != service.name:
                    rows.append(_unit_file(desk, service, None, self.full))
                if not everywhere:
                    rows += [_unit_file(desk, service, one, self.full) for one in own]
        self.show(
            out,
            ("unit", "hash", "dstate", "state", "target", "tmachine", "desc", "global"),
            ("unit", "hash", "dstate", "state", "target"),
            rows,
        )


def _unit_file(desk: Desk, service: Service, one: Instance | None, full: bool) -> Fields:
    everywhere = service.spec.policy.everywhere
    target = "global" if everywhere else _machine(desk, one.host if one else None, full)
    return {
        "unit": one.name if one else service.name,
        "hash": _hash(service, full),
        "dstate": service.desired.value,
        "state": _NOTHING if everywhere else _fleet_state(one),
        "target": target,
        "tmachine": target,
        "desc": _description(service),
        "global": "true" if everywhere else "false",
    }


def _fleet_state(one: Instance | None) -> str:
    """fleet's word: how far it is with its host, not whether it runs well (facts of fleet's registry)."""
    if one is None or one.revision is None:
        return "inactive"
    return "launched" if one.unit is not None and one.unit.active != "inactive" else "loaded"


def _machine(desk: Desk, host: str | None, full: bool) -> str:
    """`148a18ff…/10.10.1.1`, as fleet writes a machine."""
    found = next((each for each in desk.view.fleet.model.hosts() if each.name == host), None)
    if found is None:
        return host or _NOTHING
    return f"{_machine_id(found, full)}/{found.address}"


def _machine_id(host: Host, full: bool) -> str:
    identity = host.facts.machine_id or host.name
    return identity if full or len(identity) <= _SHORT_ID else f"{identity[:_SHORT_ID]}..."


def _hash(service: Service, full: bool) -> str:
    """As fleet took it: SHA-1 of the unit file as it would be written from what was read (unit/unit.go)."""
    import hashlib

    from console.placement.unit_file import parse, serialise

    text = serialise(parse(service.spec.text).options)
    found = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return found if full else found[:_SHORT_HASH]


def _description(service: Service) -> str:
    from console.placement.unit_file import parse

    return parse(service.spec.text).description or _NOTHING


@dataclass(frozen=True)
class Journal(Command):
    """Show the journal of one instance, on the host where it is placed (`log show` does more)."""

    words = ("journal",)
    taken: ClassVar[dict[str, Shape]] = {"--sudo": Shape.SWITCH}  # the journal is read as who may
    recall = Recall.WRITE
    unit: str = argument("INSTANCE", "one instance, or a service with one: web@3", required=True)
    lines: int = option(INTEGER, "the newest so many (default 10)", short="-n", default=10)
    follow: bool = switch("go on with what comes", short="-f")

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.log import LogFollow, LogShow

        placed = await _placed(core, self.unit)
        on = Selector(tuple(NameTerm(host) for host in sorted({one.host for one in placed})))
        units = tuple(sorted({one.instance for one in placed}))
        kind = LogFollow if self.follow else LogShow
        await kind(on=on, unit=units, lines=self.lines).run(core, out)


@dataclass(frozen=True)
class Ssh(Command):
    """Open a shell on a host, or on the host of an instance; or run a command there."""

    words = ("ssh",)
    kind = Kind.WRITE
    name: str | None = argument("HOST", "a host by name or machine id, or an instance: web@3")
    machine: str | None = option(TEXT, "a host, by its name or machine id")
    unit: str | None = option(TEXT, "the host of this instance")
    argv: tuple[str, ...] = rest("CMD", "the command, as an argv: no shell reads it", required=False)

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.interactive import HostExec, HostShell

        host = await self._host(core)
        if self.argv:
            await HostExec(on=Selector((NameTerm(host),)), argv=self.argv).run(core, out)
        else:
            await HostShell(host).run(core, out)

    async def _host(self, core: Core) -> str:
        """:raises UsageError: not one is said. :raises NothingSelected: there is no such host or instance."""
        said = [word for word in (self.name, self.machine, self.unit) if word]
        if len(said) != 1:
            raise UsageError("ssh: one host or instance", hint="HOST, --machine ID or --unit INSTANCE")
        (word,) = said
        if self.unit is None:
            if any(host.name == word for host in core.config.hosts):
                return word
            if _MACHINE_ID.fullmatch(word):
                return await _of_machine(core, word)
            if self.machine is not None:
                raise NothingSelected(f"there is no host {clean(word, 80)}", hint=_MACHINES)
        hosts = sorted({one.host for one in await _placed(core, word)})
        if len(hosts) > 1:
            raise UsageError(f"{word} is on {len(hosts)} hosts: {', '.join(hosts[:8])}", hint="say one")
        return hosts[0]


async def _of_machine(core: Core, word: str) -> str:
    """The host that says it has this machine id, whole or as much of it as lists show.

    :raises NothingSelected: none does. :raises UsageError: several do.
    """
    from console.commands.service_desk import WANTS

    wanted = word.removesuffix("...")
    async with core.observe(None, WANTS) as view:
        found = [host.name for host in view.hosts() if (host.facts.machine_id or "").startswith(wanted)]
    if len(found) > 1:
        raise UsageError(f"{len(found)} machine ids begin with {wanted}", hint="say all of it")
    if not found:
        raise NothingSelected(f"no host has the machine id {wanted}", hint=_MACHINES)
    return found[0]


async def _placed(core: Core, word: str) -> list[Assigned]:
    """Where what a word means is placed. Nothing is asked of hosts. :raises NothingSelected: nowhere."""
    from console.commands.service_names import placements
    from console.engine.manifest import read_manifest
    from console.engine.services import ServiceStore

    return placements((word,), await read_manifest(ServiceStore(core.mind.etcd)))


COMMANDS: tuple[type[Command], ...] = (
    *(ListMachines, ListUnits, ListUnitFiles),
    *(Journal, Ssh),
)
