"""What a host session tells the fleet: facts as they arrive, in the order they happened."""

from __future__ import annotations

from dataclasses import dataclass

from console.model.container import Container
from console.model.deployment import NOTHING_SAID, UpdateStatus
from console.model.host import OsFacts
from console.model.log import Gap, LogRecord
from console.model.state import Source, Status
from console.model.unit import Unit


@dataclass(frozen=True, slots=True)
class HostChanged:
    """The connection to a host changed its state."""

    host: str
    status: Status


@dataclass(frozen=True, slots=True)
class SourceChanged:
    """One source of a host changed its state."""

    host: str
    source: Source
    status: Status


@dataclass(frozen=True, slots=True)
class UnitsListed:
    """The whole truth about a host's units; what is not in it no longer exists."""

    host: str
    units: tuple[Unit, ...]


@dataclass(frozen=True, slots=True)
class UnitsChanged:
    """Some units changed; `removed` holds names."""

    host: str
    changed: tuple[Unit, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContainersListed:
    """The whole truth about a host's containers."""

    host: str
    containers: tuple[Container, ...]


@dataclass(frozen=True, slots=True)
class ContainersChanged:
    """Some containers changed; `removed` holds full ids."""

    host: str
    changed: tuple[Container, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FactsRead:
    """The `os` source has a new reading."""

    host: str
    facts: OsFacts


@dataclass(frozen=True, slots=True)
class UpdatesRead:
    """What drives a host's updates, and what it says; `problem`: why that is unknown."""

    host: str
    driver: str | None
    status: UpdateStatus = NOTHING_SAID
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Logged:
    """Journal records of one host, in the host's own order."""

    host: str
    records: tuple[LogRecord | Gap, ...]


Event = (
    HostChanged
    | SourceChanged
    | UnitsListed
    | UnitsChanged
    | ContainersListed
    | ContainersChanged
    | FactsRead
    | UpdatesRead
    | Logged
)
