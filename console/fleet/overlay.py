"""What is said of hosts beside the fleet's file: labels, cordons, drains, and hosts that it does not have.

The fleet's etcd keeps it (`fleet/memory.py`); a file in the user's state folder has what was last known,
for when no etcd is there to ask. Where a fleet has none at all, the file is where it is kept.

    {"fleet": "/home/me/.config/quarterdeck/fleet.toml",
     "hosts": {"docker1": {"labels": {"role": "web", "zone": null}, "cordoned": "2026-11-24T03:12:00Z"},
               "docker2": {"drained-by": {"r-2f9c": "2026-11-24T03:15:00Z"}},
               "web9": {"address": "198.51.100.9", "user": "core"}}}

A label that is null was taken away. A host is drained for as long as anybody keeps it so: a rollout that is
done with it does not take back what a person has said. A host with an address is one that the fleet's
file need not have; where it has it too, with another address, the file counts, and the conflict is told.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from console.errors import ConfigError, Problem
from console.fleet import config_values as values
from console.fleet.config_values import Fault, Rejected
from console.model.config import FleetConfig, HostConfig
from console.model.text import clean

FOLDER = "fleets"

#: Of the name of who drains a host.
_WHO_MAX = 120


@dataclass(frozen=True, slots=True)
class HostOverlay:
    """What was said of one host.

    :param labels: None for one that was taken away.
    :param cordoned: since when, None if it is not.
    :param drained: who keeps it drained, and since when; see `host drain`.
    :param address, port, user: how it is reached, where it is a host of the fleet by being said here.
    """

    labels: Mapping[str, str | None] = field(default_factory=dict)
    cordoned: datetime | None = None
    address: str | None = None
    port: int | None = None
    user: str | None = None
    drained: Mapping[str, datetime] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.labels or self.drained) or self.cordoned is not None or self.address is not None


Overlay = Mapping[str, HostOverlay]


def overlay_path(state: Path, config: Path) -> Path:
    """Where the overlay of the fleet file at `config` is kept.

    :param state: the user's state folder for Quarterdeck.
    """
    whole = config.absolute()
    mark = hashlib.sha256(os.fsencode(whole)).hexdigest()[:12]
    return state / FOLDER / f"{whole.stem}-{mark}.json"


def read_overlay(path: Path) -> dict[str, HostOverlay]:
    """What was said, by host; nothing where there is no file.

    :raises ConfigError: it cannot be read: which line, which host, and why.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8"
        raise _wrong(path, f"cannot be read: {reason}") from None
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise _wrong(path, f"is not JSON: {error.msg}", error.lineno) from None
    hosts = found.get("hosts") if isinstance(found, dict) else None
    if not isinstance(hosts, dict):
        raise _wrong(path, "has no table of hosts")
    return {name: _host(path, name, entry) for name, entry in hosts.items()}


def change_overlay(
    path: Path, config: Path, change: Callable[[dict[str, HostOverlay]], Overlay]
) -> dict[str, HostOverlay]:
    """Read it, change it, and write it, with nobody else at it meanwhile; what it is now.

    :param config: the fleet's file, named in it for who comes across it.
    :raises ConfigError: it cannot be read, or not written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _wrong(path, f"cannot be written: {error.strerror}") from None
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        changed = {name: host for name, host in change(read_overlay(path)).items() if host}
        _write(path, config, changed)
    finally:
        os.close(held)
    return changed


def overlaid(config: FleetConfig, overlay: Overlay) -> FleetConfig:
    """The fleet as its file and the overlay say together: the file's hosts, then those it does not have."""
    if not overlay:
        return config
    hosts = [overlaid_host(host, overlay.get(host.name)) for host in config.hosts]
    named = {host.name for host in config.hosts}
    hosts += [
        overlaid_host(new_host(name, said, config.ssh), said)
        for name, said in sorted(overlay.items())
        if said.address is not None and name not in named
    ]
    return replace(config, hosts=tuple(hosts))


def new_host(name: str, said: HostOverlay, ssh: HostConfig) -> HostConfig:
    """A host that the fleet's file does not have. `ssh`: what its `[ssh]` says of all."""
    return replace(
        ssh, name=name, address=said.address, port=said.port or ssh.port, user=said.user or ssh.user
    )


def conflict(host: HostConfig, said: HostOverlay | None) -> str | None:
    """What the file and the overlay say differently of how a host is reached; None: nothing."""
    if said is None or said.address is None or host.transport == "local":
        return None
    pairs = (("address", host.address or host.name, said.address), ("port", host.port, said.port))
    differing = [
        f"{what} is {theirs} in etcd, and {ours} in the fleet's file, which counts"
        for what, ours, theirs in pairs
        if theirs is not None and ours != theirs
    ]
    return "; ".join(differing) or None


def overlaid_host(host: HostConfig, said: HostOverlay | None) -> HostConfig:
    """One host as the file and the overlay say together."""
    if not said:
        return host
    labels: dict[str, str] = {**host.labels}
    for key, value in said.labels.items():
        if value is None:
            labels.pop(key, None)
        else:
            labels[key] = value
    return replace(
        host, labels=labels, cordoned=said.cordoned, drained=said.drained, conflict=conflict(host, said)
    )


def labelled(host: HostConfig, said: HostOverlay, labels: Mapping[str, str | None]) -> HostOverlay:
    """What is said of a host once `labels` are set, or taken away where they are None.

    :param host: as the fleet's file has it: what that says already is not said again.
    """
    wanted = {**said.labels, **labels}
    return replace(
        said, labels={key: value for key, value in wanted.items() if host.labels.get(key) != value}
    )


def checked_label(key: str, value: str) -> None:
    """:raises Rejected: it could not stand in the fleet's file."""
    values.labels({key: value}, Path())


def read_record(entry: object) -> HostOverlay:
    """What is said of one host, as etcd and the file have it. :raises Rejected: what is wrong with it."""
    if not isinstance(entry, dict):
        raise _rejected("is not a table")
    labels = entry.get("labels", {})
    if not isinstance(labels, dict):
        raise _rejected("labels is not a table")
    for key, value in labels.items():
        checked_label(key, "none" if value is None else value)
    cordoned = entry.get("cordoned")
    since = None if cordoned is None else _time("cordoned", cordoned)
    drained = entry.get("drained-by", {})
    if not isinstance(drained, dict):
        raise _rejected("drained-by is not a table")
    address, port, user = entry.get("address"), entry.get("port"), entry.get("user")
    return HostOverlay(
        labels,
        since,
        None if address is None else values.address(address, Path()),
        None if port is None else values.port(port, Path()),
        None if user is None else values.user(user, Path()),
        {clean(who, _WHO_MAX): _time("drained-by", at) for who, at in drained.items()},
    )


def record_fields(said: HostOverlay) -> dict[str, Any]:
    """The same as data, without what is not said."""
    fields = {
        "address": said.address,
        "port": said.port,
        "user": said.user,
        "labels": dict(said.labels) or None,
        "cordoned": None if said.cordoned is None else said.cordoned.isoformat(),
        "drained-by": {who: at.isoformat() for who, at in said.drained.items()} or None,
    }
    return {key: value for key, value in fields.items() if value is not None}


def _host(path: Path, name: str, entry: object) -> HostOverlay:
    try:
        return read_record(entry)
    except Rejected as error:
        raise _wrong(path, f"host {name}: {error}") from None


def _time(what: str, text: object) -> datetime:
    try:
        return datetime.fromisoformat(text)  # type: ignore[arg-type]  # what is no text is no time either
    except (TypeError, ValueError):
        raise _rejected(f"{what} is not a time") from None


def _rejected(text: str) -> Rejected:
    return Rejected(Fault(text))


def _write(path: Path, config: Path, overlay: Overlay) -> None:
    hosts = {name: record_fields(host) for name, host in sorted(overlay.items())}
    text = json.dumps({"fleet": str(config.absolute()), "hosts": hosts}, ensure_ascii=False, indent=1)
    new = path.with_suffix(".new")
    try:
        new.write_text(text + "\n", encoding="utf-8")
        new.replace(path)
    except OSError as error:
        raise _wrong(path, f"cannot be written: {error.strerror}") from None


def _wrong(path: Path, text: str, line: int = 0) -> ConfigError:
    return ConfigError((Problem(path, line, text),))
