"""Two exclusive services on the lab's hosts: what the tests of leases start, and how long what takes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tests.lab.fleet.placing import Placing
from tests.lab.fleet.witness import beating, lives


@dataclass(frozen=True)
class Lasting:
    """How long leases are, in seconds."""

    ttl: float
    wind: float

    @property
    def lines(self) -> str:
        return f"lease_ttl = {self.ttl:g}\nlease_wind = {self.wind:g}"


#: Short leases, so that a test need not wait for long ones; `full` runs the default ones.
SHORT, DEFAULT = Lasting(12.0, 2.0), Lasting(60.0, 10.0)
TTL_S = SHORT.ttl

#: After a lease that was wound in the last moment: the stop, the margin, and a start.
AFTER_S = 15.0

EXCLUSIVE = "[X-Quarterdeck]\nExclusive=yes\n"
CALM = f"[Service]\n{beating('calm')}\n{EXCLUSIVE}"
STUBBORN = f"[Service]\n{beating('stubborn', stubborn=True)}\n{EXCLUSIVE}"
UNITS = {"calm.service": CALM, "stubborn.service": STUBBORN}
NAMES = ("calm", "stubborn")


def running(placing: Placing, *hosts: str) -> dict[str, tuple[str, ...]]:
    """The hosts on which each of them is up, of these or of all."""
    return placing.active(" ".join(UNITS), *hosts)


def start(placing: Placing) -> str:
    """Both units run, on one host; which."""
    placing.until_all_live()
    host = placing.hosts[0]
    units = {name: f"{text}Prefer=100 name={host}\n" for name, text in UNITS.items()}
    placing.submit(units)
    placing.until(lambda: running(placing) == dict.fromkeys(UNITS, (host,)), "both run", 30)
    placing.until(lambda: all(lives(placing, name) for name in NAMES), "they say so")
    return host


def inside(placing: Placing, host: str, script: str) -> bool:
    """Whether a shell's script succeeds on a host; it is asked past the network, which need not be there."""
    return asyncio.run(placing.lab.exec(host, ["sh", "-c", script])) == 0
