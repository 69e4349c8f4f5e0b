"""Entries to be written into the fleet file, and the writing of them."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from console.errors import ConfigError, InternalError, Problem
from console.fleet import config_values as values
from console.fleet.config import parse_toml
from console.model.config import Transport

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

#: No file is checked for or read here, so no path is relative to anything yet.
_NOWHERE = Path()


@dataclass(frozen=True, slots=True)
class HostEntry:
    """One `[[host]]` to be written. What is None or empty is left to `[ssh]` and OpenSSH's own config."""

    name: str
    address: str | None = None
    port: int | None = None
    user: str | None = None
    identity: tuple[str, ...] = ()
    transport: Transport = "ssh"
    labels: Mapping[str, str] = field(default_factory=dict)

    def table(self) -> dict[str, Any]:
        """The keys and values of its table in the file."""
        table: dict[str, Any] = {"name": self.name}
        if self.transport != "ssh":
            table["transport"] = self.transport
        for key in ("address", "port", "user"):
            value = getattr(self, key)
            if value is not None:
                table[key] = value
        if self.identity:
            table["identity"] = self.identity[0] if len(self.identity) == 1 else list(self.identity)
        if self.labels:
            table["labels"] = dict(self.labels)
        return table

    def fault(self) -> str | None:
        """Why the fleet file would not accept it, but for files that may be missing."""
        checks: list[tuple[str, values.Converter[Any], object]] = [
            ("name", values.name, self.name),
            ("address", values.address, self.address),
            ("port", values.port, self.port),
            ("user", values.user, self.user),
            *(("identity", values.path, path) for path in self.identity),
            ("labels", values.labels, dict(self.labels)),
        ]
        for key, check, value in checks:
            try:
                if value is not None:
                    check(value, _NOWHERE)
            except values.Rejected as error:
                return f"{key}: {error}"
        return None


@dataclass(frozen=True, slots=True)
class Imported:
    """What another tool's file gave: entries, and a line for everything that was left out."""

    entries: tuple[HostEntry, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Appended:
    """The new text of the fleet file, the names added to it, those it had already, and a line for
    each that was left out for another reason."""

    text: str
    added: tuple[str, ...]
    present: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def usable(entries: Iterable[HostEntry], notes: Iterable[str] = ()) -> Imported:
    """The entries that the fleet file accepts; of the others, a note."""
    good: list[HostEntry] = []
    told = list(notes)
    for entry in entries:
        fault = entry.fault()
        if fault is None:
            good.append(entry)
        else:
            told.append(f"{values.shown(entry.name)} is left out: {fault}")
    return Imported(tuple(good), tuple(told))


def append_hosts(existing: str | None, entries: Iterable[HostEntry], path: Path) -> Appended:
    """The text of the fleet file at `path` with `entries` behind what it holds, which stays as it is.

    A name that the file has already is left alone, and so is a second host that is this machine.

    :param existing: the file's text, None if there is no file yet.
    :raises ConfigError: the existing text is not TOML, or lists its hosts in a way that cannot be
        appended to.
    """
    old = existing or ""
    before = _parse(old, path)
    hosts = before.get("host", [])
    if not isinstance(hosts, list) or not all(isinstance(host, dict) for host in hosts):
        raise _unsuited(path)
    names = {host.get("name") for host in hosts}
    local = any(host.get("transport") == "local" for host in hosts)
    added: list[HostEntry] = []
    present: list[str] = []
    notes: list[str] = []
    for entry in entries:
        if entry.name in names:
            present.append(entry.name)
        elif entry.transport == "local" and local:
            notes.append(f"{entry.name} is left out: another host is this machine already")
        else:
            names.add(entry.name)
            local = local or entry.transport == "local"
            added.append(entry)
    text = old + ("\n" if old and not old.endswith("\n") else "")
    for entry in added:
        text += ("\n" if text else "") + _written(entry)
    _verify(text, before, [*hosts, *(entry.table() for entry in added)], path)
    return Appended(text, tuple(entry.name for entry in added), tuple(present), tuple(notes))


def _written(entry: HostEntry) -> str:
    lines = "".join(f"{key} = {_toml(value)}\n" for key, value in entry.table().items())
    return f"[[host]]\n{lines}"


def _toml(value: str | int | list[str] | Mapping[str, str]) -> str:
    if isinstance(value, str):
        # A JSON string is a TOML basic string, except that TOML wants DEL escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    pairs = (
        f"{key if _BARE_KEY.fullmatch(key) else _toml(key)} = {_toml(item)}" for key, item in value.items()
    )
    return "{ " + ", ".join(pairs) + " }"


def _verify(text: str, before: dict[str, Any], hosts: list[Any], path: Path) -> None:
    """Read back what was written: it must hold the old tables, the new hosts, and nothing else."""
    try:
        after = tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError:
        raise _unsuited(path) from None  # the old text alone was right
    expected = {**before, "host": hosts} if hosts else before
    # By their spelling, since a `nan` in the old tables is not equal to itself.
    if repr(after) != repr(expected):
        raise InternalError(f"the hosts appended to {path} do not read back as they were written")


def _parse(text: str, path: Path) -> dict[str, Any]:
    return parse_toml(text.removeprefix("\ufeff"), path)


def _unsuited(path: Path) -> ConfigError:
    wrong = "its hosts stand in one array, which cannot be appended to; accepted: [[host]] tables"
    return ConfigError((Problem(path, 0, wrong),))
