"""The fleet file: where it is, what may be in it, and everything that is wrong with it at once.

`docs/configuration.md` is the user's page of the same. The tables below are all there is to know
about which keys exist: a new key is one line here and one field in `console/model/config.py`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from console.errors import ConfigError, Problem, UsageError
from console.fleet import config_values as values
from console.fleet.config_values import Converter, Rejected, shown
from console.fleet.toml_lines import TomlPath
from console.fleet.toml_tables import Table, TableReader
from console.model.config import (
    LEASE_TTL_S,
    LEASE_WIND_S,
    EtcdConfig,
    FleetConfig,
    HostConfig,
    KeySetting,
    TerminalConfig,
    WatchConfig,
)

_HOW_TO_LOG_IN: Mapping[str, Converter[Any]] = {
    "user": values.user,
    "port": values.port,
    "identity": values.identity,
    "known_hosts": values.existing_file,
}
_BECOME: Mapping[str, Converter[Any]] = {"become": values.one_of("sudo", "none")}

FLEET = Table(
    "[fleet]",
    {
        "name": values.name,
        "timezone": values.timezone,
        "read_only": values.boolean,
        "lease_ttl": values.number(5, 3600),
        "lease_wind": values.number(1, 1200),
    },
)
ETCD = Table(
    "[etcd]",
    {
        "endpoints": values.endpoints,
        "ca": values.existing_file,
        "cert": values.existing_file,
        "key": values.existing_file,
        "user": values.string,
        "password_file": values.existing_file,
        "prefix": values.prefix,
    },
    required=("endpoints",),
)
SSH = Table("[ssh]", {**_HOW_TO_LOG_IN, **_BECOME, "config": values.boolean})
HOST = Table(
    "[[host]]",
    {
        "name": values.name,
        "address": values.address,
        "transport": values.one_of("ssh", "local"),
        **_HOW_TO_LOG_IN,
        **_BECOME,
        "labels": values.labels,
    },
    required=("name",),
)

TERMINAL = Table(
    "[terminal]",
    {"theme": values.name, "rate": values.number(0.5, 10), "mouse": values.boolean},
)
_PERCENT = values.number(0, 100)
WATCH = Table(
    "[watch]",
    {
        "disk_warn": _PERCENT,
        "disk_bad": _PERCENT,
        "memory_warn": _PERCENT,
        "stall_warn": _PERCENT,
        "clock_warn": values.number(0, 86400),
        "alert": values.some_of("bell", "osc9"),
        "alert_command": values.argv,
    },
)
#: Which actions there are is known to the terminal alone (`console/tui/keys.py`).
KEYS = Table("[keys]", {})

#: What stands at the top of the file.
TABLES: Mapping[str, Table] = {
    "fleet": FLEET,
    "etcd": ETCD,
    "ssh": SSH,
    "host": HOST,
    "terminal": TERMINAL,
    "watch": WATCH,
    "keys": KEYS,
}

#: Keys that say how to reach another machine, and so nothing about this one.
_NOT_LOCAL = ("address", *_HOW_TO_LOG_IN)

_HOW_TO_MAKE_ONE = (
    "no such file; make one with `quarterdeck host import --ssh-config ~/.ssh/config`, "
    "or try `quarterdeck lab up` for a fleet on this machine"
)

_SYNTAX_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def config_home(environ: Mapping[str, str]) -> Path:
    """Where Quarterdeck's configuration lives: `quarterdeck/` in the XDG config folder."""
    xdg = environ.get("XDG_CONFIG_HOME", "")
    # The XDG base directory specification has relative paths ignored.
    base = Path(xdg) if xdg.startswith("/") else _home(environ) / ".config"
    return base / "quarterdeck"


def find_config(explicit: Path | None, fleet: str | None, environ: Mapping[str, str]) -> Path:
    """The file to load. It need not exist, unless `fleet` names it.

    :param explicit: `--config FILE`.
    :param fleet: `--fleet NAME`.
    :raises UsageError: both are given, or there is no fleet of that name.
    """
    if fleet is not None:
        if explicit is not None:
            raise UsageError("--config and --fleet both say which fleet", hint="give one of them")
        return _named_fleet(fleet, config_home(environ) / "fleets")
    if explicit is not None:
        return explicit
    if given := environ.get("QUARTERDECK_CONFIG"):
        return _home(environ) / given[2:] if given.startswith("~/") else Path(given)
    return config_home(environ) / "fleet.toml"


def load_config(path: Path) -> FleetConfig:
    """Read and check a fleet file. Nothing is connected to and no name is resolved.

    :raises ConfigError: every problem of the file, in the order of its lines.
    """
    return parse_config(read_text(path, missing=_HOW_TO_MAKE_ONE), path)


def parse_config(text: str, path: Path) -> FleetConfig:
    """Check the text of the fleet file that stands at `path`.

    :raises ConfigError: every problem of the text, in the order of its lines.
    """
    file = _File(path, text, parse_toml(text, path), TABLES)
    config = file.fleet()
    file.check()
    return config


def read_text(path: Path, *, missing: str = "no such file") -> str:
    """The text of a file of the user's.

    :param missing: what to say if there is none.
    :raises ConfigError: it is missing, unreadable or not UTF-8.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise _error(path, 0, missing) from None
    except IsADirectoryError:
        raise _error(path, 0, "is a folder, not a file") from None
    except OSError as error:
        raise _error(path, 0, f"cannot be read: {error.strerror}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start]
        raise _error(path, line, f"byte 0x{byte:02x} is not UTF-8; save the file as UTF-8") from None


def parse_toml(text: str, path: Path) -> dict[str, Any]:
    """The tables of a TOML text.

    :raises ConfigError: it is not TOML; with the line, where the parser tells one.
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise _error(path, 0, "not TOML we can read: nested too deeply") from None
    except ValueError as error:  # also of numbers too long for Python to convert
        message = str(error)
        line = 0
        if place := _SYNTAX_PLACE.search(message):
            line = int(place[1]) if place[1] else text.rstrip().count("\n") + 1
            column = f", column {place[2]}" if place[2] else ", at the end of the file"
            message = message[: place.start()] + column
        raise _error(path, line, f"not TOML: {message}") from None


class _File(TableReader):
    """One pass over a parsed fleet file."""

    def fleet(self) -> FleetConfig:
        """The checked file; meaningless if there were problems."""
        self.top()
        fleet = self.table(FLEET, "fleet")
        ttl, wind = fleet.get("lease_ttl", LEASE_TTL_S), fleet.get("lease_wind", LEASE_WIND_S)
        if wind * 3 > ttl:
            key = "lease_wind" if "lease_wind" in fleet else "lease_ttl"
            self.note(
                ("fleet", key),
                f"[fleet] {key}: a lease of {ttl:g} s, wound every {wind:g} s, would not outlast two lost "
                "winds; accepted: lease_ttl of at least three times lease_wind",
            )
        fleet.setdefault("name", self.path.stem if values.is_name(self.path.stem) else "fleet")
        ssh = self.table(SSH, "ssh")
        honoured = ssh.pop("config", True)
        return FleetConfig(
            path=self.path,
            hosts=self._hosts(ssh),
            ssh_config=honoured,
            ssh=HostConfig("", **ssh),
            etcd=self._etcd(),
            terminal=TerminalConfig(**self.table(TERMINAL, "terminal")),
            watch=WatchConfig(**self.table(WATCH, "watch")),
            keys=self._keys(),
            **fleet,
        )

    def _etcd(self) -> EtcdConfig | None:
        if "etcd" not in self.data:
            return None
        etcd = self.table(ETCD, "etcd")
        for one, other in (("cert", "key"), ("key", "cert")):
            if one in etcd and other not in self.data["etcd"]:
                self.note(
                    ("etcd", one), f"[etcd] {one} is of no use without {other}; accepted: both or neither"
                )
        return EtcdConfig(**{"endpoints": (), **etcd})

    def _keys(self) -> dict[str, KeySetting]:
        found = self.data.get("keys", {})
        settings: dict[str, KeySetting] = {}
        if not isinstance(found, dict):
            self.note(
                ("keys",), f"[keys]: {shown(found)} is not a table; accepted: actions, each with its keys"
            )
            return settings
        # Without quotes TOML reads `list.down` as a table in a table, which is fine by us.
        for name, path, value in _flat(found, "", ("keys",)):
            try:
                keys = values.keys(value, self.path)
            except Rejected as error:
                self.rejected(path, f"[keys] {shown(name)}", error)
                continue
            if name in settings:
                other = settings[name].line
                self.note(
                    path, f"[keys] {shown(name)}: line {other} has it already; accepted: one of the two"
                )
                continue
            settings[name] = KeySetting(keys, self.line(path))
        return settings

    def _hosts(self, ssh: Mapping[str, Any]) -> tuple[HostConfig, ...]:
        tables = self.data.get("host", [])
        if not isinstance(tables, list):
            self.note(("host",), "[host] is one table; accepted: [[host]], once for each host")
            return ()
        hosts: list[HostConfig] = []
        names: dict[str, int] = {}
        local: int | None = None
        for index, table in enumerate(tables):
            title = _host_title(table, index)
            own = self.values(HOST, ("host", index), table, title)
            name = own.setdefault("name", "")
            if (first := names.setdefault(name, index)) != index and name:
                self.note(
                    ("host", index, "name"),
                    f"{title}: the host in line {self.line(('host', first, 'name'))} "
                    "has this name already; accepted: a name of its own for each host",
                )
            if own.get("transport") == "local":
                self._check_local(index, title, table, local)
                local = index if local is None else local
                own = {**{key: ssh[key] for key in _BECOME if key in ssh}, **own}
            else:
                own = {**ssh, **own}
            hosts.append(HostConfig(**own))
        return tuple(hosts)

    def _check_local(self, index: int, title: str, table: Mapping[str, Any], other: int | None) -> None:
        keys = ", ".join(key for key in HOST.keys if key not in _NOT_LOCAL)
        for key in _NOT_LOCAL:
            if key in table:
                self.note(
                    ("host", index, key),
                    f'{title}: {key} makes no sense with transport = "local", '
                    f"which is this machine; accepted: {keys}",
                )
        if other is not None:
            self.note(
                ("host", index, "transport"),
                f"{title}: the host in line {self.line(('host', other))} is this machine "
                'already; accepted: one host with transport = "local"',
            )


def _flat(table: Mapping[str, Any], prefix: str, path: TomlPath) -> Iterator[tuple[str, TomlPath, object]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.", (*path, key))
        else:
            yield f"{prefix}{key}", (*path, key), value


def _host_title(table: object, index: int) -> str:
    name = table.get("name") if isinstance(table, dict) else None
    return (
        f"[[host]] {name}" if isinstance(name, str) and values.is_name(name) else f"[[host]] no. {index + 1}"
    )


def _named_fleet(name: str, folder: Path) -> Path:
    path = folder / f"{name}.toml"
    if values.is_name(name) and path.exists():
        return path
    known = sorted(file.stem for file in folder.glob("*.toml") if values.is_name(file.stem))
    hint = f"there are {', '.join(known)}" if known else "there are none yet"
    raise UsageError(f"there is no fleet {shown(name)} in {folder}", hint=hint)


def _home(environ: Mapping[str, str]) -> Path:
    home = environ.get("HOME")
    return Path(home) if home else Path.home()


def _error(path: Path, line: int, text: str) -> ConfigError:
    return ConfigError((Problem(path, line, text),))
