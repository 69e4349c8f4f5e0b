"""A fleet as its file describes it. Reading and checking the file is `console/fleet/config.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

Transport = Literal["ssh", "local"]
Become = Literal["sudo", "none"]

#: How long the lease of a host lasts, and how often it is wound, in seconds.
LEASE_TTL_S, LEASE_WIND_S = 60.0, 10.0


@dataclass(frozen=True, slots=True)
class HostConfig:
    """One `[[host]]` with the `[ssh]` defaults already applied.

    `address` is None where OpenSSH's own config is to say it (then `name` is the alias looked
    up there); the same goes for `port`, `user` and `identity`. `labels`, `cordoned`, `drained` and `conflict`
    are as `console/fleet/overlay.py` leaves them; no fleet file cordons or drains a host.
    """

    name: str
    address: str | None = None
    port: int | None = None
    transport: Transport = "ssh"
    user: str | None = None
    become: Become = "sudo"
    identity: tuple[Path, ...] = ()
    known_hosts: Path | None = None  # None: OpenSSH's own files
    labels: Mapping[str, str] = field(default_factory=dict)
    cordoned: datetime | None = None  # since when nothing new is to be placed on it
    drained: Mapping[str, datetime] = field(default_factory=dict)  # who keeps it drained, and since when
    conflict: str | None = None  # what etcd says otherwise of how it is reached; the file counts


@dataclass(frozen=True, slots=True)
class EtcdConfig:
    """The `[etcd]` table. Absent in the file means None in `FleetConfig`."""

    endpoints: tuple[str, ...]
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    user: str | None = None
    password_file: Path | None = None
    password: str | None = field(default=None, repr=False)  # from $ETCDCTL_USER; no file holds one
    prefix: str = "/quarterdeck/"


@dataclass(frozen=True, slots=True)
class TerminalConfig:
    """The `[terminal]` table. `theme` None: whichever fits the terminal."""

    theme: str | None = None
    rate: float = 10.0  # how many times a second changes reach the screen, at most
    mouse: bool = True


@dataclass(frozen=True, slots=True)
class WatchConfig:
    """The `[watch]` table: from where on a host is in trouble. 0: that is never told."""

    disk_warn: float = 90.0  # percent of a file system that is used
    disk_bad: float = 97.0
    memory_warn: float = 95.0  # percent of memory that nothing could have at once
    stall_warn: float = 20.0  # percent of the last minute in which nothing ran for want of memory
    clock_warn: float = 5.0  # seconds between a host's clock and ours
    alert: tuple[str, ...] = ()  # how the terminal tells of a new failure: bell, osc9
    alert_command: tuple[str, ...] = ()  # what it runs then


@dataclass(frozen=True, slots=True)
class KeySetting:
    """The keys of one action in `[keys]`, as written; none: it has no key. `line` is in the file."""

    keys: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class FleetConfig:
    """One fleet file, checked."""

    path: Path
    name: str
    hosts: tuple[HostConfig, ...]
    timezone: str = "UTC"
    read_only: bool = False
    lease_ttl: float = LEASE_TTL_S  # for which a host may run exclusive instances with no word of an engine
    lease_wind: float = LEASE_WIND_S  # how often that is said anew
    ssh_config: bool = True  # honour ~/.ssh/config and the system's
    ssh: HostConfig = HostConfig("")  # what `[ssh]` says of every host
    etcd: EtcdConfig | None = None
    terminal: TerminalConfig = field(default_factory=TerminalConfig)
    watch: WatchConfig = field(default_factory=WatchConfig)
    keys: Mapping[str, KeySetting] = field(default_factory=dict)  # by action, `list.down`
