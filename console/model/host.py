"""A host: how it is reached, what it is, and how much of that is believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from console.model.deployment import NOTHING_SAID, Deployment, UpdateStatus
from console.model.memory import Acting, Denied
from console.model.state import Source, State, Status


@dataclass(frozen=True, slots=True)
class Disk:
    """One file system of interest. Sizes in bytes."""

    path: str
    size: int
    available: int


@dataclass(frozen=True, slots=True)
class Pressure:
    """One line of a PSI file: percent of the last 10 s and 60 s in which `some` or `full` tasks stalled."""

    resource: str  # cpu, memory, io
    kind: str  # some, full
    avg10: float
    avg60: float


@dataclass(frozen=True, slots=True)
class OsFacts:
    """What the `os` source read. Sizes in bytes, times in seconds; None where the host does not say."""

    os: str | None = None  # ID= of os-release
    variant: str | None = None  # VARIANT_ID=
    name: str | None = None  # PRETTY_NAME=
    version: str | None = None  # OSTREE_VERSION=, IMAGE_VERSION=, VERSION_ID= or VERSION=, first that is set
    kernel: str | None = None
    boot_id: str | None = None
    machine_id: str | None = None
    uptime_s: float | None = None
    load: tuple[float, float, float] | None = None
    cpus: int | None = None
    memory_total: int | None = None
    memory_available: int | None = None
    disks: tuple[Disk, ...] = ()
    pressure: tuple[Pressure, ...] = ()
    clock_offset_s: float | None = None  # host's clock minus ours, half the round trip taken off


@dataclass(frozen=True, slots=True)
class Host:
    """One machine as the console knows it now."""

    name: str
    address: str
    labels: Mapping[str, str]
    status: Status
    sources: Mapping[Source, Status] = field(default_factory=dict)
    facts: OsFacts = OsFacts()
    units_failed: int | None = None
    containers_unhealthy: int | None = None
    driver: str | None = None  # the updater that looks after it; None until one is known
    updates: UpdateStatus = NOTHING_SAID  # what that says
    updates_problem: str | None = None  # why it cannot be read
    pending_since: datetime | None = None  # since when this console has seen a version wait for its reboot
    cordoned: datetime | None = None  # since when nothing new is to be placed on it
    drained: Mapping[str, datetime] = field(default_factory=dict)  # who keeps it drained, and since when
    conflict: str | None = None  # what etcd says otherwise of how it is reached
    acting: tuple[Acting, ...] = ()  # who is changing something on it just now, through any console
    denied: tuple[Denied, ...] = ()  # of the versions that it has booted and would boot next

    @property
    def state(self) -> State:
        return self.status.state

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        """In boot order."""
        return self.updates.deployments
