"""States of hosts and of their sources: as many as there are truths."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """How much of what is shown about a host or a source can be believed."""

    CONNECTING = "connecting"  # never had an answer yet, and is being asked
    LIVE = "live"  # pushed to us as it happens
    STALE = "stale"  # was live; what is shown is from `since` or before
    REFUSED = "refused"  # the other side, or our check of it, says no
    ABSENT = "absent"  # the host has no such thing (no docker, no systemd)
    FAILED = "failed"  # it is there and broken
    UNREACHABLE = "unreachable"  # the network gives no answer
    FOREIGN = "foreign"  # claimed by another fleet; left alone

    @property
    def settled(self) -> bool:
        """Whether the first attempt has come to an end, good or bad."""
        return self is not State.CONNECTING


class Source(StrEnum):
    """One live feed from a host."""

    UNITS = "units"
    CONTAINERS = "containers"
    JOURNAL = "journal"
    OS = "os"


@dataclass(frozen=True, slots=True)
class Status:
    """A state, since when (UTC), and why, in the words of whoever knows."""

    state: State
    since: datetime
    reason: str | None = None
