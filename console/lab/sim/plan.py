"""What is to be simulated, and where each host listens. Pure but for one probe."""

from __future__ import annotations

import hashlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from console.errors import LabError
from console.lab.sim.catalog import KINDS
from console.lab.sim.script import Fault

#: Hosts in one block of addresses; more would need a second one.
MOST_HOSTS = 16_000
_PORT = 2222
_BLOCKS = range(64, 192)
#: Where a machine has 127.0.0.1 only, hosts differ by their port.
_FIRST_PORT = 21_000
_ROLES = ("web", "web", "db", "worker")
_ZONES = ("a", "b", "c")


@dataclass(frozen=True, slots=True)
class SimPlan:
    """The fleet that is asked for.

    :param churn: changes a second over the whole fleet.
    :param pace: how many times as fast as ours its time goes.
    :param system: what all hosts are (`catalog.KINDS`); a mixture if left out.
    :param speed: how many times as fast as real ones they boot, and fetch versions.
    """

    hosts: int = 50
    units: int = 200
    containers: int = 20
    seed: int = 7
    churn: float = 0.0
    script: tuple[Fault, ...] = ()
    workers: int | None = None
    pace: float = 1.0
    system: str | None = None
    speed: float = 1.0

    def check(self) -> None:
        """:raises LabError: this cannot be."""
        if not 1 <= self.hosts <= MOST_HOSTS:
            raise LabError(f"a simulated fleet has 1 to {MOST_HOSTS} hosts")
        if not 1 <= self.units <= 10_000 or not 0 <= self.containers <= 2_000 or self.churn < 0:
            raise LabError(
                "a host has 1 to 10,000 units and at most 2,000 containers, and churn is 0 or more"
            )
        if self.system is not None and self.system not in KINDS:
            raise LabError(f"no simulated host is a {self.system}", hint=f"one of {', '.join(KINDS)}")
        if self.speed <= 0:
            raise LabError("hosts have a speed above 0")

    @property
    def processes(self) -> int:
        """How many processes carry it: no more than this machine has cores, nor than it is worth."""
        if self.workers is not None:
            return max(1, min(self.workers, self.hosts))
        return max(1, min(os.cpu_count() or 1, 8, -(-self.hosts // 25)))


@dataclass(frozen=True, slots=True)
class SimPlace:
    """One host's name and address, and its labels."""

    number: int
    name: str
    address: str
    port: int

    @property
    def labels(self) -> dict[str, str]:
        number = self.number
        return {"role": _ROLES[number % len(_ROLES)], "zone": _ZONES[number % len(_ZONES)]}


def places(plan: SimPlan, root: Path) -> list[SimPlace]:
    """Where the hosts listen: each its own loopback address, in a block that goes by the folder.

    A block that another fleet has is left to it.
    """
    names = [f"sim-{number:04}" for number in range(1, plan.hosts + 1)]
    if not _can_bind(f"127.{_BLOCKS[0]}.0.1", 0):  # a machine that has 127.0.0.1 only
        return [
            SimPlace(number, name, "127.0.0.1", _FIRST_PORT + number) for number, name in enumerate(names)
        ]
    first = hashlib.sha256(os.fsencode(root)).digest()[0]
    blocks = (_BLOCKS[(first + step) % len(_BLOCKS)] for step in range(len(_BLOCKS)))
    block = next((block for block in blocks if _can_bind(f"127.{block}.0.1", _PORT)), _BLOCKS[0])
    return [
        SimPlace(number, name, f"127.{block}.{number // 250}.{number % 250 + 1}", _PORT)
        for number, name in enumerate(names)
    ]


def _can_bind(address: str, port: int) -> bool:
    """Whether nobody else listens there, and the machine has the address (Linux has all of 127.0.0.0/8)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True
