"""Who leads, as etcd keeps it for as long as the claim holds.

engine/leader       {"name": "host/pid", "since": "…", "version": "…"}
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from console import __version__
from console.store.records import pack, text, time, unpack, written
from console.store.values import Entry


@dataclass(frozen=True, slots=True)
class Leader:
    """Who leads, and since when."""

    name: str
    since: datetime


def leader_bytes(leader: Leader) -> bytes:
    return pack({"name": leader.name, "since": written(leader.since), "version": __version__})


def read_leader(entry: Entry) -> Leader:
    """Who holds the claim, as far as that can be read."""
    try:
        found = unpack(entry.value)
        return Leader(text(found, "name"), time(found["since"]))
    except (ValueError, KeyError):
        return Leader("somebody", datetime.now(UTC))
