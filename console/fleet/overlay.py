"""What was said of hosts beside the fleet's file: labels, and which are cordoned. Kept until etcd keeps it.

One JSON file a fleet, in the user's state folder:

    {"fleet": "/home/me/.config/quarterdeck/fleet.toml",
     "hosts": {"docker1": {"labels": {"role": "web", "zone": null}, "cordoned": "2026-11-24T03:12:00Z"}}}

A label that is null was taken away. What it says of a host that the fleet's file does not have is kept,
and counts for nothing.
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
from console.fleet.config_values import Rejected
from console.model.config import FleetConfig, HostConfig

FOLDER = "fleets"


@dataclass(frozen=True, slots=True)
class HostOverlay:
    """What was said of one host.

    :param labels: None for one that was taken away.
    :param cordoned: since when, None if it is not.
    """

    labels: Mapping[str, str | None] = field(default_factory=dict)
    cordoned: datetime | None = None

    def __bool__(self) -> bool:
        return bool(self.labels) or self.cordoned is not None


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
    """The fleet as its file and the overlay say together."""
    if not overlay:
        return config
    return replace(config, hosts=tuple(overlaid_host(host, overlay.get(host.name)) for host in config.hosts))


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
    return replace(host, labels=labels, cordoned=said.cordoned)


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


def _host(path: Path, name: str, entry: object) -> HostOverlay:
    if not isinstance(entry, dict):
        raise _wrong(path, f"host {name}: is not a table")
    labels = entry.get("labels", {})
    if not isinstance(labels, dict):
        raise _wrong(path, f"host {name}: labels is not a table")
    for key, value in labels.items():
        try:
            checked_label(key, "none" if value is None else value)
        except Rejected as error:
            raise _wrong(path, f"host {name}: {error}") from None
    cordoned = entry.get("cordoned")
    try:
        since = None if cordoned is None else datetime.fromisoformat(cordoned)
    except (TypeError, ValueError):
        raise _wrong(path, f"host {name}: cordoned is not a time") from None
    return HostOverlay(labels, since)


def _write(path: Path, config: Path, overlay: Overlay) -> None:
    hosts: dict[str, Any] = {}
    for name, host in sorted(overlay.items()):
        hosts[name] = {"labels": dict(host.labels)} if host.labels else {}
        if host.cordoned is not None:
            hosts[name]["cordoned"] = host.cordoned.isoformat()
    text = json.dumps({"fleet": str(config.absolute()), "hosts": hosts}, ensure_ascii=False, indent=1)
    new = path.with_suffix(".new")
    try:
        new.write_text(text + "\n", encoding="utf-8")
        new.replace(path)
    except OSError as error:
        raise _wrong(path, f"cannot be written: {error.strerror}") from None


def _wrong(path: Path, text: str, line: int = 0) -> ConfigError:
    return ConfigError((Problem(path, line, text),))
