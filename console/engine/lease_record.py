"""A host's lease as etcd has it, for the engine that comes after and for consoles. Values, no I/O.

leases/<host>   {"ttl": 60, "boot": …, "machine": …, "until": …, "wound": …, "every": 10, "why": null}

Written before each wind. The next engine goes by `ttl`, `boot` and `machine`, and by its own clock; the
times are for people, by the clock of the engine that wrote them.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from console.placement.lease import MARGIN_S, STOP_S, Kept
from console.store.records import pack, text, time, unpack, written
from console.store.schema import Keys
from console.store.values import Entry

#: Winds that are overdue by so many times are late: one may be lost, and is made up for by the next.
_LATE = 3


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """One host's.

    :param until: the host's lease does not hold any longer.
    :param wound: when the host last said that it is wound; None: not to this engine yet.
    :param every: how often it is to be wound, in seconds.
    :param why: why the last wind failed; None if it did not.
    """

    kept: Kept
    until: datetime
    wound: datetime | None
    every: float
    why: str | None = None

    @property
    def takeover(self) -> datetime:
        """Before then nothing that runs on it is started elsewhere, unless the host says that it is down."""
        return self.until + timedelta(seconds=STOP_S + MARGIN_S)

    def age(self, now: datetime) -> float | None:
        """Seconds since it was wound."""
        return None if self.wound is None else max(0.0, (now - self.wound).total_seconds())

    @property
    def since(self) -> datetime:
        """When it was last wound, as far as the host has said so; else when it was first to be."""
        return self.wound or self.until - timedelta(seconds=self.kept.ttl)

    def is_late(self, now: datetime) -> bool:
        """Whether a wind is overdue, while nobody has let the lease go."""
        return (now - self.since).total_seconds() > _LATE * self.every


def leases_of(keys: Keys, entries: Iterable[Entry]) -> dict[str, LeaseRecord]:
    """All that can be read, by host: what cannot is told by the engine, which goes by it too."""
    found: dict[str, LeaseRecord] = {}
    for entry in entries:
        with suppress(ValueError):
            found[keys.name(entry.key)] = read_lease(entry.value)
    return found


def lease_bytes(record: LeaseRecord) -> bytes:
    return pack(
        {
            "ttl": record.kept.ttl,
            "boot": record.kept.boot,
            "machine": record.kept.machine,
            "until": written(record.until),
            "wound": None if record.wound is None else written(record.wound),
            "every": record.every,
            "why": record.why,
        }
    )


def read_lease(value: bytes) -> LeaseRecord:
    """:raises ValueError: it is none."""
    found = unpack(value)
    try:
        ttl, every = float(found["ttl"]), float(found["every"])
        until, wound = time(found["until"]), found["wound"]
    except (KeyError, TypeError) as error:
        raise ValueError(f"is no lease: {error}") from error
    return LeaseRecord(
        Kept(ttl, text(found, "boot"), text(found, "machine")),
        until,
        None if wound is None else time(wound),
        every,
        None if found.get("why") is None else text(found, "why", 300),
    )
