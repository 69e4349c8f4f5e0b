"""A docker or podman container as it exists on one host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Port:
    """A published or exposed port; `host_port` is None where it is only exposed."""

    port: int
    protocol: str
    host_ip: str | None = None
    host_port: int | None = None


@dataclass(frozen=True, slots=True)
class Container:
    """One container.

    `state` is the engine's word (created, running, paused, restarting, removing, exited, dead);
    `health` is its health check's (starting, healthy, unhealthy), None where it has no check or
    does not run. `since` is when it entered its state, None where the engine does not say (paused).
    `exit_code` is that of the last run, None while it runs and for one that never did. `image` is
    the name it was created from, `image_id` what that name stood for then, `digest` the manifest
    (`sha256:…`) it was pulled as. `unit` is the systemd unit that says it owns it.
    """

    host: str
    name: str
    id: str
    image: str
    image_id: str
    state: str
    engine: str = "docker"  # docker or podman
    health: str | None = None
    restarts: int = 0
    exit_code: int | None = None
    oom_killed: bool = False
    since: datetime | None = None
    created: datetime | None = None
    unit: str | None = None
    digest: str | None = None
    ports: tuple[Port, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    pid: int | None = None
    restart_policy: str | None = None
    error: str | None = None  # the engine's own words on why it could not be started

    @property
    def key(self) -> tuple[str, str]:
        return (self.host, self.id)

    @property
    def unhealthy(self) -> bool:
        """Whether a person should look: a failing check, a restart loop, an OOM kill, a death."""
        if self.health == "unhealthy" or self.state in {"restarting", "dead"}:
            return True
        return self.state == "exited" and self.oom_killed


@dataclass(frozen=True, slots=True)
class ContainerStats:
    """One sample. CPU in percent of one core; memory, network and block I/O in bytes."""

    host: str
    name: str
    id: str
    cpu_percent: float | None
    memory: int | None
    memory_limit: int | None
    net_rx: int | None
    net_tx: int | None
    block_read: int | None
    block_write: int | None
    pids: int | None
