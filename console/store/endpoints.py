"""Where etcd is: its endpoints, and what is needed to open a channel to one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from console.errors import ConfigError, Problem
from console.model.config import EtcdConfig


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address of a member.

    :param url: as it was given, for people.
    :param target: as gRPC takes it; names are resolved anew with each connection.
    """

    url: str
    target: str
    tls: bool


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are to etcd, and whom we believe: PEM texts, and the user if it asks for one.

    :param files: where the certificate and its key are, for what reads no texts (Python's ssl).
    """

    ca: bytes | None = None
    cert: bytes | None = None
    key: bytes | None = None
    user: str | None = None
    password: str | None = None
    files: tuple[Path, Path] | None = None

    def __repr__(self) -> str:
        return f"Identity(user={self.user!r})"


def endpoint(url: str) -> Endpoint:
    """Read one; `unix:///path`, `http://host:port` or `https://host:port`."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return Endpoint(url, f"unix:{parts.path}", False)
    host = parts.hostname or "localhost"
    shown = f"[{host}]" if ":" in host else host
    return Endpoint(url, f"dns:///{shown}:{parts.port}", parts.scheme == "https")


def identity(config: EtcdConfig) -> Identity:
    """Read the files that the configuration names.

    :raises ConfigError: one cannot be read; which and why.
    """
    password = config.password
    if password is None and config.password_file is not None:
        password = _read(config.password_file).decode("utf-8", "replace").rstrip("\r\n")
    return Identity(
        _read(config.ca) if config.ca else None,
        _read(config.cert) if config.cert else None,
        _read(config.key) if config.key else None,
        config.user,
        password,
        (config.cert, config.key) if config.cert and config.key else None,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError((Problem(path, 0, f"cannot be read: {error.strerror}"),)) from error
