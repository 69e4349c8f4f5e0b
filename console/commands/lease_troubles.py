"""Leases that are not wound in time, as troubles of their hosts: what is exclusive there is about to stop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from console.commands import clock
from console.commands.picture import Trouble
from console.commands.rows.base import Cell, Tone
from console.model.text import clean

if TYPE_CHECKING:
    from datetime import datetime

    from console.engine.lease_record import LeaseRecord
    from console.engine.manifest import Manifest


def bearing(manifest: Manifest) -> Mapping[str, int]:
    """How many exclusive instances are placed on each host that has any, by name."""
    return Counter(one.host for one in manifest.assigned if one.leased)


def lease_troubles(manifest: Manifest, on: Mapping[str, int]) -> Iterator[Trouble]:
    """The late leases of hosts. :param on: those that something exclusive is placed on (`bearing`)."""
    now = clock.now()
    for host, count in sorted(on.items()):
        lease = manifest.leases.get(host)
        if lease is not None and lease.is_late(now):
            why = f"{_cause(lease, engine=manifest.engine)}; {_comes_of_it(lease, count, now)}"
            yield Trouble(host, "lease", Cell.state("late", Tone.BAD), lease.since, why)


def _cause(lease: LeaseRecord, *, engine: bool) -> str:
    """Why, and what mends it."""
    if not engine:
        return "no engine leads: `engine run`"
    return f"{clean(lease.why) if lease.why else 'the engine does not wind it'}: `engine status`"


def _comes_of_it(lease: LeaseRecord, count: int, now: datetime) -> str:
    what = "the exclusive instance" if count == 1 else f"the {count} exclusive instances"
    if lease.takeover <= now:
        return f"{what} there may be elsewhere by now"
    if lease.until <= now:
        ends = f"{what} there {'has' if count == 1 else 'have'} stopped"
    else:
        ends = f"{what} there {'stops' if count == 1 else 'stop'} at {lease.until:%H:%M:%S}Z"
    return f"{ends}, and may be elsewhere from {lease.takeover:%H:%M:%S}Z on"
