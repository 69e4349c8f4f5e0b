"""When an instance ran on which host, as the hosts themselves wrote it down.

What runs appends the uptime to a file on its host, several times a second; the lab's hosts share one kernel,
and so one uptime. A copy that systemd thinks is gone is seen all the same.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping

from tests.campaign.records import STARTED, STOPPED, Life, overlap, paired
from tests.lab.fleet.placing import Placing

#: A life is over where nothing was written for so many seconds.
_GAP_S = 1.5


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


def forget(placing: Placing, names: Iterable[str]) -> None:
    """Nothing is written down yet."""
    for host in placing.hosts:
        placing.ask(host, "; ".join(f"rm -f /var/tmp/{name}.beats" for name in names))


def doubled(placing: Placing, names: Iterable[str]) -> Mapping[str, float]:
    """Instances that two hosts had at a time, and for how long."""
    found = {name: overlap(lives(placing, name)) for name in names}
    return {name: seconds for name, seconds in found.items() if seconds}


def journal_lives(placing: Placing, unit: str, since: float) -> list[Life]:
    """Every copy's time by the journals of hosts that lose no power meanwhile, in seconds of the epoch."""
    asked = f"journalctl -o json --since=@{since:.0f} UNIT={unit} MESSAGE_ID={STARTED} MESSAGE_ID={STOPPED}"
    found: list[Life] = []
    for host, said in placing.ask_all(asked).items():
        entries = [json.loads(line) for line in said.splitlines()]
        told = [(int(one["__REALTIME_TIMESTAMP"]) / 1e6, one["MESSAGE_ID"] == STARTED) for one in entries]
        found += paired(host, told, time.time())
    return sorted(found, key=lambda life: life.began)


def container_lives(placing: Placing, name: str) -> list[Life]:
    """Every container's time by what docker has told of it, in seconds of the epoch."""
    events = f"docker events --since 2h --until $(date +%s.%N) --filter container={name}"
    asked = f"{events} --filter event=start --filter event=die --format '{{{{.TimeNano}}}} {{{{.Action}}}}'"
    found: list[Life] = []
    for host, said in placing.ask_all(asked).items():
        words = [line.split() for line in said.splitlines()]
        told = [(int(at) / 1e9, action == "start") for at, action in words]
        found += paired(host, told, time.time())
    return sorted(found, key=lambda life: life.began)


def _lives(host: str, beats: list[float]) -> list[Life]:
    found: list[Life] = []
    for beat in beats:
        if found and beat - found[-1].ended < _GAP_S:
            found[-1] = Life(host, found[-1].began, beat)
        else:
            found.append(Life(host, beat, beat))
    return found
