"""The fleet at one glance: its hosts, and what is wrong on them, worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from console.commands import clock
from console.commands.rows.base import Cell, Tone
from console.commands.rows.container import container_state_cell
from console.commands.rows.host import state_cell
from console.commands.rows.unit import unit_health_cell
from console.commands.strain import strains
from console.model.container import Container
from console.model.host import Host
from console.model.memory import Ack
from console.model.state import Source, State

if TYPE_CHECKING:
    from console.fleet.model import FleetModel

#: The order in which troubles are told.
_WEIGHT = {Tone.BAD: 0, Tone.WARN: 1}

#: Where those troubles are that are no host's: the console's own, and those of all services.
PLACES = ("console", "fleet")


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong: where, what, how, since when, and the words that explain it.

    :param host: the host's name; empty: it is of the console itself, and of no host.
    """

    host: str
    what: str
    how: Cell
    since: datetime | None
    why: str
    unit: str | None = None  # its name, where the trouble is a unit's
    container: str | None = None  # its id, where it is a container's
    ack: Ack | None = None  # who looks after it
    service: str | None = None  # its name, where the trouble is a service's; empty: that of all of them
    rollout: str | None = None  # its id, where the trouble is a rollout's
    lock: tuple[str, str] | None = None  # the group and the holder, where it is a reboot lock's

    @property
    def place(self) -> str:
        """Where it is, for a person."""
        ours = self.service is None and self.rollout is None and self.lock is None
        return self.host or PLACES[not ours]

    @property
    def name(self) -> str:
        """What tells it from others: `web1/api.service`, `fleet/web@.service`; a host's own by its name."""
        return self.host if self.host and self.what == "host" else f"{self.place}/{self.what}"


@dataclass(frozen=True, slots=True)
class Picture:
    """A fleet as it is now."""

    name: str
    hosts: tuple[Host, ...]
    troubles: tuple[Trouble, ...]
    units: int
    containers: int

    def states(self) -> Counter[State]:
        """How many hosts are in each state."""
        return Counter(host.state for host in self.hosts)


def take(name: str, model: FleetModel, hosts: Sequence[Host], own: Iterable[Trouble] = ()) -> Picture:
    """The picture of `hosts` as the model has them.

    :param own: what is wrong with the console itself.
    """
    troubles = acknowledged(own, model)
    troubles += [trouble for host in hosts for trouble in troubles_of(model, host)]
    troubles.sort(key=worst_first)
    return Picture(
        name,
        tuple(hosts),
        tuple(troubles),
        sum(model.unit_count(host.name) for host in hosts),
        sum(model.container_count(host.name) for host in hosts),
    )


def worst_first(trouble: Trouble) -> tuple[int, str, str]:
    """What troubles are sorted by: those that somebody looks after come last."""
    weight = 3 if trouble.ack else _WEIGHT.get(trouble.how.tone, 2)
    return weight, trouble.host, trouble.what


def troubles_of(model: FleetModel, host: Host) -> list[Trouble]:
    """What is wrong with one host and on it, as far as that is known, and who looks after it."""
    return acknowledged(_troubles_of(model, host), model)


def acknowledged(troubles: Iterable[Trouble], model: FleetModel) -> list[Trouble]:
    """The same troubles, each with who looks after it."""
    return [_acknowledged(trouble, model.acks) for trouble in troubles] if model.acks else list(troubles)


def _acknowledged(trouble: Trouble, acks: Mapping[str, Ack]) -> Trouble:
    ack = acks.get(trouble.name)
    if ack is None or not ack.holds(clock.now()):
        return trouble
    until = "" if ack.until is None else f", until {ack.until:%Y-%m-%d %H:%M}Z"
    why = f"{ack.actor} looks after it{until}: {ack.note}; {trouble.why}"
    return replace(trouble, ack=ack, why=why, how=replace(trouble.how, tone=Tone.FAINT))


def _troubles_of(model: FleetModel, host: Host) -> list[Trouble]:
    found = []
    if host.state not in (State.LIVE, State.CONNECTING):
        found.append(
            Trouble(host.name, "host", state_cell(host.status), host.status.since, host.status.reason or "")
        )
    else:
        for source, status in host.sources.items():
            if status.state not in (State.LIVE, State.CONNECTING, State.ABSENT):
                found.append(
                    Trouble(host.name, source, state_cell(status), status.since, status.reason or "")
                )
        if host.sources.get(Source.OS, host.status).state is State.LIVE:
            found += [
                Trouble(host.name, what, how, None, why)
                for what, how, why in strains(host.facts, model.limits)
            ]
    if host.conflict:
        found.append(Trouble(host.name, "address", Cell.state("conflict", Tone.FAINT), None, host.conflict))
    found += _denied(host)
    for unit in model.ailing_units(host.name):
        result = "" if unit.result in (None, "success") else f"{unit.result}; "
        restarts = f"{unit.restarts} restarts; " if unit.restarts else ""
        found.append(
            Trouble(
                host.name,
                unit.name,
                unit_health_cell(unit),
                unit.since,
                result + restarts + unit.description,
                unit=unit.name,
            )
        )
    for box in model.unhealthy_containers(host.name):
        restarts = f"{box.restarts} restarts; " if box.restarts else ""
        found.append(
            Trouble(
                host.name,
                f"container {box.name}",
                _how(box),
                box.since,
                restarts + box.image,
                container=box.id,
            )
        )
    return found


def _denied(host: Host) -> list[Trouble]:
    """Versions that nobody is to have, where a host has one booted, or would boot it next."""
    booted = host.updates.booted
    found = []
    for one in host.denied:
        runs = booted is not None and booted.is_version(one.version)
        how = Cell.state("denied", Tone.BAD) if runs else Cell.state("denied next", Tone.WARN)
        does = "it is booted" if runs else "the next boot takes it"
        why = f"{does}; denied by {one.by}{f': {one.why}' if one.why else ''}"
        found.append(Trouble(host.name, f"version {one.version}", how, None, why))
    return found


def _how(box: Container) -> Cell:
    """What is wrong with a container, in a word: that it runs is not."""
    cell = container_state_cell(box)
    return replace(cell, text=cell.text.replace("running, ", ""))
