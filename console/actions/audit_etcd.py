"""The audit in etcd: what every console of a fleet did, each record a key, for a set time.

A write does not wait for etcd, and is not refused because etcd is away: it is recorded in the state
folder's file (`audit_file.py`), and from there brought to etcd by whichever console of the user comes to
it first. How far that has come is kept beside the file. A record is brought again when it has ended; the
key is its own, so that bringing it twice does no harm.

Records expire with the lease of their day, which all consoles share (`audit-leases/<day>`).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from console.actions.audit import Record, result_fields
from console.actions.audit_file import Trail
from console.actions.plan import Outcome, Result
from console.errors import ConfigError, Problem
from console.store.client import Compacted, Etcd
from console.store.lease import grant
from console.store.mirror import mirror
from console.store.records import pack, time, unpack, written
from console.store.schema import Keys, check_schema
from console.store.values import Entry, Put, Span, Unchanged
from console.store.watch import watch

#: How long a record is kept in etcd.
KEPT = timedelta(days=90)

#: A value that is larger goes without its plan: etcd takes 1.5 MiB at once.
_VALUE_MAX = 1 << 20
_RESULTS_MAX = 2000

#: A record that has not ended by then will not: its console was killed.
_GIVEN_UP = timedelta(days=1)

SHIPPED_FILE = "audit.shipped"


class Shipping:
    """Brings one fleet's records from the state folder's file to etcd.

    :param folder: the state folder.
    :param fleet: the fleet's file, as records name it; those of other fleets are left.
    """

    def __init__(self, etcd: Etcd, folder: Path, fleet: str) -> None:
        self._etcd = etcd
        self._keys = Keys(etcd.prefix)
        self._fleet = fleet
        self._folder = folder
        self._mark = folder / SHIPPED_FILE
        self._trail: Trail | None = None
        self._leases: dict[str, int] = {}
        self._waiting: dict[str, Record] = {}

    async def ship(self, now: datetime) -> int:
        """Bring what is not there yet; how many records that was.

        :raises StoreError: etcd does not take them now; they are brought another time.
        :raises ConfigError: the file cannot be read, or how far it has come not kept.
        """
        if self._trail is None:
            await check_schema(self._etcd, write=True)
            self._trail = Trail(self._folder, offset=self._read_mark())
        for record in await asyncio.to_thread(self._trail.look):
            if record.fleet == self._fleet:
                self._waiting[record.id] = record
        done = 0
        for record in list(self._waiting.values()):
            lease = await self._lease(record.time)
            await self._etcd.write(
                [Put(self._keys.audit(record.time, record.id), record_bytes(record), lease)]
            )
            del self._waiting[record.id]
            done += 1
        if done:
            open_ones = [
                record.id
                for record in self._trail.records.values()
                if record.outcome is None and now - record.time < _GIVEN_UP
            ]
            self._write_mark(self._trail.offset_before(open_ones))
        return done

    async def _lease(self, at: datetime) -> int:
        """The lease of a day, made if need be."""
        day = f"{at.astimezone(UTC):%Y-%m-%d}"
        if day in self._leases:
            return self._leases[day]
        key = self._keys.audit_lease(day)
        while (found := await self._etcd.get(key)) is None:
            lease = await grant(self._etcd, int((KEPT + timedelta(days=1)).total_seconds()))
            # Should another console be faster, its lease counts, and ours holds nothing and ends by itself.
            await self._etcd.write([Put(key, str(lease).encode(), lease)], [Unchanged(key, 0)])
        self._leases[day] = found.lease
        return found.lease

    def _read_mark(self) -> int:
        try:
            offset = json.loads(self._mark.read_text()).get(self._place, 0)
            return offset if isinstance(offset, int) and offset >= 0 else 0
        except (FileNotFoundError, ValueError, AttributeError):
            return 0  # all is brought again
        except OSError as error:
            raise ConfigError((Problem(self._mark, 0, f"cannot be read: {error.strerror}"),)) from error

    def _write_mark(self, offset: int) -> None:
        try:
            try:
                marks = json.loads(self._mark.read_text())
            except (FileNotFoundError, ValueError):
                marks = {}
            new = self._mark.with_suffix(".new")
            new.write_text(json.dumps({**marks, self._place: offset}))
            new.replace(self._mark)
        except OSError as error:
            raise ConfigError((Problem(self._mark, 0, f"cannot be written: {error.strerror}"),)) from error

    @property
    def _place(self) -> str:
        """What the mark counts for: these records, at this place in this etcd."""
        endpoints = ",".join(one.url for one in self._etcd.connection.endpoints)
        return f"{self._fleet} {endpoints}{self._etcd.prefix}"


def record_bytes(record: Record) -> bytes:
    """A record as its key holds it; without its plan if that is more than etcd takes."""
    fields = {
        "id": record.id,
        "time": written(record.time),
        "actor": record.actor,
        "from": record.origin,
        "line": record.line,
        "plan_id": record.plan_id,
        "plan": record.plan,
        "results": [result_fields(one) for one in record.results],
        "outcome": record.outcome,
        "why": record.why,
        "undo": list(record.undo),
        "seconds": record.seconds,
        "part_of": record.part_of,
    }
    value = pack(fields)
    if len(value) <= _VALUE_MAX:
        return value
    cut = len(record.results) - _RESULTS_MAX
    why = record.why or "its plan is in the file of the console that made it"
    fields |= {"plan": None, "results": [result_fields(one) for one in record.results[:_RESULTS_MAX]]}
    fields["why"] = f"{why}; {cut} more results are there too" if cut > 0 else why
    return pack(fields)


def read_record(entry: Entry) -> Record:
    """:raises ValueError: it is none."""
    found = unpack(entry.value)
    try:
        return Record(
            str(found["id"]),
            time(found["time"]),
            str(found["actor"]),
            str(found["from"]),
            str(found["line"]),
            found.get("plan_id"),
            found.get("plan"),
            tuple(_result(one) for one in found["results"]),
            found["outcome"],
            str(found["why"]),
            tuple(str(line) for line in found["undo"]),
            found["seconds"],
            found.get("part_of"),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"is no audit record: {error}") from None


async def read_records(etcd: Etcd, since: datetime | None) -> tuple[list[Record], list[str]]:
    """The fleet's records, oldest first, and what is wrong with keys that hold none.

    :param since: only those of then or later.
    :raises StoreError: etcd does not say.
    """
    keys = Keys(etcd.prefix)
    span = keys.under("audit")
    if since is not None:
        span = Span(keys.audit(since, ""), span.end)
    records, problems = [], []
    for entry in (await etcd.list(span)).entries:
        try:
            records.append(read_record(entry))
        except ValueError as error:
            problems.append(f"{entry.key} in etcd {error}")
    return records, problems


async def find_record(etcd: Etcd, wanted: str) -> Record | None:
    """The record of an id; None: there is none. :raises StoreError: etcd does not say."""
    listing = await etcd.list(Keys(etcd.prefix).under("audit"), values=False)
    for key in reversed([entry.key for entry in listing.entries if entry.key.endswith(f"-{wanted}")]):
        if (entry := await etcd.get(key)) is not None:
            return _record_or_none(entry)
    return None


async def all_records(etcd: Etcd) -> AsyncGenerator[list[Record], None]:
    """The records that there are, then each as consoles bring it, until closed. Without their plans.

    :raises StoreError: etcd says no.
    """
    entries: dict[str, Entry] = {}
    async with aclosing(mirror(etcd, Keys(etcd.prefix).under("audit"), entries)) as changing:
        async for events in changing:
            found = [record for event in events if event.entry and (record := _record_or_none(event.entry))]
            yield [replace(record, plan=None) for record in found]


async def follow_records(etcd: Etcd) -> AsyncIterator[Record]:
    """Records as consoles bring them, from now on.

    :raises StoreError: etcd says no.
    """
    span = Keys(etcd.prefix).under("audit")
    after = (await etcd.range(span, limit=1)).revision
    while True:
        try:
            async for events in watch(etcd, span, after):
                for event in events:
                    after = event.revision
                    if event.entry is not None and (record := _record_or_none(event.entry)):
                        yield record
        except Compacted:
            listing = await etcd.list(span)
            for entry in listing.entries:
                if entry.modified > after and (record := _record_or_none(entry)):
                    yield record
            after = listing.revision


def _record_or_none(entry: Entry) -> Record | None:
    """A key that holds no record is told by who lists them."""
    try:
        return read_record(entry)
    except ValueError:
        return None


def merged(ours: Iterable[Record], theirs: Iterable[Record]) -> list[Record]:
    """The records of the state folder and of etcd, oldest first, each once: the one that has ended."""
    found = {record.id: record for record in theirs}
    for record in ours:
        known = found.get(record.id)
        if known is None or record.outcome is not None or known.outcome is None:
            found[record.id] = record
    return sorted(found.values(), key=lambda record: record.time)


def _result(one: Mapping[str, Any]) -> Result:
    return Result(str(one["target"]), Outcome(one["status"]), str(one["detail"]), one["seconds"])
