"""What a lab remembers between commands: its network and its hosts. Not their states: those are looked up."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from console.errors import LabError
from console.lab.plan import Place, Subnet


@dataclass(frozen=True, slots=True)
class State:
    """The content of lab.json."""

    subnet: Subnet
    hosts: tuple[Place, ...] = ()

    def host(self, name: str) -> Place:
        """The host called `name`.

        :raises LabError: there is none.
        """
        for place in self.hosts:
            if place.name == name:
                return place
        there = ", ".join(place.name for place in self.hosts) or "none"
        raise LabError(f"the lab has no host called {name}", hint=f"there are: {there}")


def load(path: Path) -> State | None:
    """The state, or None where no lab is.

    :raises LabError: the file is there and is not ours.
    """
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    try:
        raw = json.loads(text)
        hosts = tuple(Place(host["name"], host["kind"], host["number"]) for host in raw["hosts"])
        return State(Subnet(raw["subnet"]), hosts)
    except (ValueError, KeyError, TypeError) as error:
        raise LabError(f"{path} cannot be read: {error!r}", hint="lab down starts over") from error


def save(path: Path, subnet: Subnet, hosts: Iterable[Place]) -> None:
    """Write the state."""
    raw = {"subnet": subnet.number, "hosts": [asdict(host) for host in hosts]}
    replace(path, json.dumps(raw, indent=1) + "\n")


def replace(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old or the new, never a part."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    os.replace(new, path)
