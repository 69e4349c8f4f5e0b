"""Which engines there are, as etcd has it: each tells of itself, on a lease, whether it leads or not.

engine/leader           {"name": "…", "since": "…", "version": "…"}       of the one that leads
engine/present/<id>     the same, of each

One that runs inside a console, and ends with it, has `"embedded": true` besides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from console import __version__
from console.errors import StoreError
from console.store.client import Etcd
from console.store.lease import leased
from console.store.records import pack, text, time, unpack, written
from console.store.schema import Keys, check_schema
from console.store.values import Entry, Put

#: Seconds after which an engine that has vanished is told of no more.
TTL_S = 15

_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True)
class EngineRecord:
    """One engine.

    :param since: when it began to lead; of one that stands by, when it began.
    :param revision: of the one that leads, what it was elected at: what its writes carry.
    """

    name: str
    since: datetime
    embedded: bool = False
    version: str = __version__
    revision: int | None = None


def engine_bytes(engine: EngineRecord) -> bytes:
    found = {"name": engine.name, "since": written(engine.since), "version": engine.version}
    return pack({**found, "embedded": True} if engine.embedded else found)


def read_leader(entry: Entry) -> EngineRecord:
    """Who holds the claim, as far as that can be read."""
    try:
        return _read(entry, entry.created)
    except (ValueError, KeyError):
        return EngineRecord("somebody", datetime.now(UTC), version="", revision=entry.created)


def read_present(entry: Entry) -> EngineRecord | None:
    """None where it cannot be read."""
    try:
        return _read(entry, None)
    except (ValueError, KeyError):
        return None


def _read(entry: Entry, revision: int | None) -> EngineRecord:
    found = unpack(entry.value)
    since = time(found["since"])
    return EngineRecord(
        text(found, "name"), since, found.get("embedded") is True, text(found, "version"), revision
    )


async def be_present(etcd: Etcd, engine: EngineRecord, told: Callable[[str], None]) -> None:
    """Have etcd tell of an engine, until cancelled.

    :param told: takes why it does not, each time that is something else: the engine does its work all the
        same.
    """
    key, value = Keys(etcd.prefix).present(engine.name), engine_bytes(engine)
    said = ""
    while True:
        try:
            await check_schema(etcd, write=False)
            async with leased(etcd, TTL_S) as lease:
                await etcd.write([Put(key, value, lease.id)])
                said = ""
                await lease.lost.wait()
        except StoreError as error:
            if str(error) != said:
                said = str(error)
                told(f"etcd does not tell of this engine: {said}")
        await asyncio.sleep(_PAUSE_S)
