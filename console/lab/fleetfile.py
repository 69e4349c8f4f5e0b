"""What the lab writes for its users: `fleet.toml`, and the known hosts that go with it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from console.lab.plan import FIRST_NUMBER, Place, Subnet

ROLES = ("web", "web", "db")
ZONES = ("a", "b", "c")
USER = "core"


def labels(host: Place) -> dict[str, str]:
    """A host's labels: roles and zones go round with its number, so that they stay when others go."""
    position = host.number - FIRST_NUMBER
    return {"role": ROLES[position % len(ROLES)], "zone": ZONES[position % len(ZONES)], "kind": host.kind}


def fleet_toml(hosts: Iterable[Place], subnet: Subnet, identity: Path, known_hosts: Path) -> str:
    """The fleet file of `hosts`, each at its public address."""
    lines = ["# Written by `quarterdeck lab up`.", "", "[fleet]", 'name = "lab"', "", "[ssh]"]
    lines += [f"user = {_text(USER)}", f"identity = {_text(str(identity))}"]
    lines += [f"known_hosts = {_text(str(known_hosts))}"]
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
