"""When an instance ran on which host, as the hosts themselves wrote it down.

What runs appends the uptime to a file on its host, several times a second; the lab's hosts share one kernel,
and so one uptime. A copy that systemd thinks is gone is seen all the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.lab.fleet.placing import Placing

#: A life is over where nothing was written for so many seconds.
_GAP_S = 1.5


@dataclass(frozen=True, slots=True)
class Life:
    """One copy's time on a host, in seconds of the uptime."""

    host: str
    began: float
    ended: float


def beating(name: str, *, stubborn: bool = False) -> str:
    """An `ExecStart=` that writes down that it runs.

    :param stubborn: it does not care for SIGTERM.
    """
    trap = 'trap "" TERM; ' if stubborn else ""
    return f"ExecStart=/bin/sh -c '{trap}{beat(name)}'"


def beat(name: str) -> str:
    """A shell's line that does, as it stands in a unit file."""
    return f"while :; do read up _ </proc/uptime; echo $$up >>/var/tmp/{name}.beats; sleep 0.2; done"


def uptime() -> float:
    """The uptime now."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def lives(placing: Placing, name: str) -> list[Life]:
    """Every copy's time, the first first. Of hosts that do not answer nothing is known yet."""
    found: list[Life] = []
    for host in placing.hosts:
        said = placing.ask(host, f"cat /var/tmp/{name}.beats 2>/dev/null || true")
        beats = [float(line) for line in said.split()]
        found += _lives(host, beats)
    return sorted(found, key=lambda life: life.began)


def overlap(there: Iterable[Life]) -> float:
    """For how long two hosts had a copy, in seconds."""
    total = 0.0
    ordered = sorted(there, key=lambda life: life.began)
    for at, one in enumerate(ordered):
        for other in ordered[at + 1 :]:
            if other.host != one.host:
                total += max(0.0, min(one.ended, other.ended) - other.began)
    return total


def forget(placing: Placing, names: Iterable[str]) -> None:
    """Nothing is written down yet."""
    for host in placing.hosts:
        placing.ask(host, "; ".join(f"rm -f /var/tmp/{name}.beats" for name in names))


def doubled(placing: Placing, names: Iterable[str]) -> Mapping[str, float]:
    """Instances that two hosts had at a time, and for how long."""
    found = {name: overlap(lives(placing, name)) for name in names}
    return {name: seconds for name, seconds in found.items() if seconds}


def _lives(host: str, beats: list[float]) -> list[Life]:
    found: list[Life] = []
    for beat in beats:
        if found and beat - found[-1].ended < _GAP_S:
            found[-1] = Life(host, found[-1].began, beat)
        else:
            found.append(Life(host, beat, beat))
    return found
