"""What an engine counts of itself while it runs: facts, for whoever tells of them (`metrics.py`). No I/O."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.actions.plan import Outcome
    from console.engine.reporting import Report


class Role(StrEnum):
    """What an engine is to the others."""

    BEGINS = "begins"  # it asks etcd to be elected, for the first time or again
    LEADS = "leads"
    STANDS_BY = "stands by"
    WAITS = "waits for etcd"


class Spread:
    """How often something took how long.

    :param bounds: in seconds, rising: what took no longer than each is counted by it.
    """

    def __init__(self, *bounds: float) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def take(self, seconds: float) -> None:
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds


@dataclass(slots=True)
class Tally:
    """Of one engine, from its beginning.

    :param elected: how often it became the leader.
    :param report: how everything is, as of its last look; None while it does not lead.
    :param braked: whether nothing may be taken away now.
    :param looks: seconds that a look at everything took, with what it had to write to etcd.
    :param changes: of hosts, by how they ended.
    :param stalls: seconds for which the event loop did not go round.
    """

    role: Role = Role.BEGINS
    elected: int = 0
    report: Report | None = None
    braked: bool = False
    looks: Spread = field(default_factory=lambda: Spread(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5))
    changes: Counter[Outcome] = field(default_factory=Counter)
    stalls: Spread = field(default_factory=lambda: Spread(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5))
