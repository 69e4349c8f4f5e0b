"""What hosts and engines have written down of a campaign, and what is to hold of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

#: An audited change may take so long until systemd says that it is done; a stop comes so soon after its lease
#: is over (`STOP_S`, and what a loop takes to see it). Clocks may differ a little. Seconds.
_CHANGE_S, _LEASE_S, _EARLY_S = 90.0, 15.0, 2.0


#: systemd's own messages: a unit has started, has been stopped, has ended well by itself (sd-messages(3)).
STARTED, STOPPED = "39f53479d3a045ac8e11786248231fbf", "9d1aaa27d60140bd96365438aad20286"
ENDED = "7ad2d189f7e94e70a38c781354912448"
LEASE_UNIT = "quarterdeck-lease.service"

#: What is stopped by a change, as an engine records it.
_STOPS = re.compile(r"\b(?:stop|remove) (\S+?)(?:,|$)")


@dataclass(frozen=True, slots=True)
class Life:
    """One copy's time on a host, in seconds of a clock that all hosts have."""

    host: str
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Stop:
    """A unit that was, or is to be, stopped on a host, and when, in seconds of the epoch."""

    host: str
    unit: str
    at: float


@dataclass(frozen=True)
class Records:
    """What is written down.

    :param lives: every copy's time, of each exclusive unit.
    :param stops: units of ours that have stopped, by the journals of their hosts.
    :param over: leases that have run out, likewise; their unit is what keeps them.
    :param causes: what engines have recorded that they stop, before they began with it.
    """

    lives: Mapping[str, list[Life]] = field(default_factory=dict)
    stops: list[Stop] = field(default_factory=list)
    over: list[Stop] = field(default_factory=list)
    causes: list[Stop] = field(default_factory=list)

    @property
    def doubled(self) -> Mapping[str, float]:
        """Exclusive units that two hosts had at a time, and for how many seconds."""
        found = {unit: overlap(lives) for unit, lives in self.lives.items()}
        return {unit: seconds for unit, seconds in found.items() if seconds}

    @property
    def uncaused(self) -> list[Stop]:
        """What has stopped, and no engine's record says so, and no lease was over that it ran on.

        A record is the cause of one stop.
        """
        found: list[Stop] = []
        causes = sorted(self.causes, key=lambda cause: cause.at)
        for stop in sorted(self.stops, key=lambda stop: stop.at):
            cause = next((one for one in causes if _is_cause(one, stop)), None)
            if cause is not None:
                causes.remove(cause)
            elif not self._was_over(stop):
                found.append(stop)
        return found

    def _was_over(self, stop: Stop) -> bool:
        return stop.unit in self.lives and any(
            one.host == stop.host and one.at - _EARLY_S <= stop.at <= one.at + _LEASE_S for one in self.over
        )


def _is_cause(cause: Stop, stop: Stop) -> bool:
    same = (cause.host, cause.unit) == (stop.host, stop.unit)
    return same and cause.at - _EARLY_S <= stop.at <= cause.at + _CHANGE_S


def overlap(there: Iterable[Life]) -> float:
    """For how long two hosts had a copy, in seconds."""
    total = 0.0
    ordered = sorted(there, key=lambda life: life.began)
    for at, one in enumerate(ordered):
        for other in ordered[at + 1 :]:
            if other.host != one.host:
                total += max(0.0, min(one.ended, other.ended) - other.began)
    return total


def causes(audits: Iterable[Mapping[str, Any]]) -> Iterator[Stop]:
    """What engines have recorded that they stop, before they began with it: records of the audit file."""
    for record in audits:
        if record["phase"] != "begin":
            continue
        at = datetime.fromisoformat(record["time"]).timestamp()
        for step in record["plan"]["steps"]:
            yield from (Stop(step["host"], unit, at) for unit in _STOPS.findall(step["then"]))


def audits(folder: Path) -> Iterator[dict[str, Any]]:
    """All records of engines that keep their state in folders `state-…` of this one."""
    for path in sorted(folder.glob("state-*/quarterdeck/audit.jsonl")):
        # One that was killed may have left half a line, and has not begun what it was about to record.
        lines = path.read_bytes().split(b"\n")
        yield from map(json.loads, lines[:-1])


def paired(host: str, told: Iterable[tuple[float, bool]], now: float) -> list[Life]:
    """The lives of one unit on a host, by what was told of it: when, and whether it began or ended.

    What has begun and not ended goes on `now`; an end without a beginning is of none.
    """
    found: list[Life] = []
    began: float | None = None
    for at, begins in sorted(told):
        if begins:
            began = at if began is None else began
        elif began is not None:
            found.append(Life(host, began, at))
            began = None
    return found if began is None else [*found, Life(host, began, now)]
