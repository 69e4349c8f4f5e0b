"""What the lab writes for its users: `fleet.toml`, and the known hosts that go with it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from console.lab.plan import FIRST_NUMBER, Place, Subnet

ROLES = ("web", "web", "db")
ZONES = ("a", "b", "c")
USER = "core"


@dataclass(frozen=True, slots=True)
class Etcd:
    """What the `[etcd]` table says: where, whom to trust, and who we are."""

    endpoints: tuple[str, ...]
    ca: Path
    cert: Path
    key: Path


def labels(host: Place) -> dict[str, str]:
    """A host's labels: roles and zones go round with its number, so that they stay when others go."""
    position = host.number - FIRST_NUMBER
    return {"role": ROLES[position % len(ROLES)], "zone": ZONES[position % len(ZONES)], "kind": host.kind}


def fleet_toml(
    hosts: Iterable[Place], subnet: Subnet, identity: Path, known_hosts: Path, etcd: Etcd | None = None
) -> str:
    """The fleet file of `hosts`, each at its public address; with an `[etcd]` table if they have one."""
    lines = ["# Written by `quarterdeck lab up`.", "", "[fleet]", 'name = "lab"', "", "[ssh]"]
    lines += [f"user = {_text(USER)}", f"identity = {_text(str(identity))}"]
    lines += [f"known_hosts = {_text(str(known_hosts))}"]
    if etcd is not None:
        endpoints = ", ".join(map(_text, etcd.endpoints))
        files = {"ca": etcd.ca, "cert": etcd.cert, "key": etcd.key}
        lines += ["", "[etcd]", f"endpoints = [{endpoints}]"]
        lines += [f"{key} = {_text(str(file))}" for key, file in files.items()]
    for host in hosts:
        table = ", ".join(f"{key} = {_text(value)}" for key, value in labels(host).items())
        address = subnet.public(host.number)
        lines += ["", "[[host]]", f"name = {_text(host.name)}", f"address = {_text(address)}", "port = 22"]
        lines += [f"labels = {{ {table} }}"]
    return "\n".join(lines) + "\n"


def known_hosts_text(keys: Iterable[tuple[str, str]]) -> str:
    """sshd(8)'s SSH_KNOWN_HOSTS format, from (address, public key file's text)."""
    return "".join(f"{address} {' '.join(key.split()[:2])}\n" for address, key in keys)


def _text(value: str) -> str:
    # TOML's basic strings take JSON's escapes; DEL alone must be escaped in TOML and is not by JSON.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
