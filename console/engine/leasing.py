"""The leases of hosts in the hands of the engine that leads: recorded, wound, and asked about.

    what is placed ──▶ want() ──▶ wind: Leases ──▶ leases/<host> in etcd ──▶ the host ──▶ what it said
                                                (compares the claim)

One wind of a host at a time, every few seconds and at once where what its lease names has changed. A wind
that is sent counts, whether it comes there or not: so a host is asked for its clock first, and one that has
just been cut off is not given a lease that others would have to wait for. When an instance may be elsewhere
is for `Leases` to say (`console/placement/lease.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from console.actions.wind_lease import Wound
from console.engine.assigning import Registry
from console.engine.inspecting import Inspected
from console.engine.lease_record import LeaseRecord, lease_bytes, read_lease
from console.errors import HostError, StoreError
from console.placement.lease import MARGIN_S, STOP_S, Clock, Kept, Leases, Terms, Wind
from console.placement.reconcile import Condition, Phase, Want
from console.store.claim import Claim
from console.store.client import Etcd
from console.store.guarded import in_pages
from console.store.lease import now
from console.store.schema import Keys
from console.store.values import Delete, Operation, Put, Span

#: Where a wind has failed, or a unit is still to go, the next is sent after so many seconds.
_AGAIN_S = 0.5

#: A host that has said what its clock is so shortly ago is there. Seconds.
_FRESH_S = 1.0

#: Without anything to wait for, leases are looked at so often. Seconds.
_LOOK_S = 0.25


class Leasing:
    """All leases of the fleet, for one term.

    :param wind: sends one to a host.
    :param ask: asks a host what its clock is.
    :param told: takes what an operator should know, a line each.
    :param changed: called when something may be done that could not be before.
    """

    def __init__(
        self,
        etcd: Etcd,
        claim: Claim,
        terms: Terms,
        wind: Callable[[str, Wind], Awaitable[Wound]],
        ask: Callable[[str], Awaitable[Inspected]],
        told: Callable[[str], None],
        changed: Callable[[], None],
    ) -> None:
        self._etcd = etcd
        self._keys = Keys(etcd.prefix)
        self._claim = claim
        self._terms = terms
        self._wind = wind
        self._ask = ask
        self._told = told
        self._changed = changed
        self._leases = Leases(terms)
        self._holds: Mapping[str, Collection[str]] = {}
        self._drops: Mapping[str, Collection[str]] = {}
        self._live: frozenset[str] = frozenset()
        self._connections: dict[str, object] = {}
        self._recorded: set[str] = set()
        self._records: dict[str, LeaseRecord] = {}
        self._sent: dict[str, float] = {}
        self._busy: set[str] = set()
        self._why: dict[str, str] = {}
        self._late: set[str] = set()
        self._unrecorded = ""  # why etcd did not take the last records
        self._stirred = asyncio.Event()
        self.superseded = asyncio.Event()
        #: Set once what etcd has of leases is known.
        self.begun = asyncio.Event()

    # -- being told -------------------------------------------------------------------------

    def inspected(self, host: str, connection: object, found: Inspected, at: float) -> None:
        """A host has said what its clock is, over some connection."""
        if found.boot is not None and found.uptime is not None:
            self._connections[host] = connection
            self._leases.clock(host, Clock(at, found.uptime, found.boot, found.machine))
            self._stirred.set()

    def want(
        self,
        holds: Mapping[str, Collection[str]],
        drops: Mapping[str, Collection[str]],
        live: Mapping[str, object],
    ) -> None:
        """What the leases are to name.

        :param drops: what is to be gone from where it is.
        :param live: hosts that can be wound, and what tells their connections from others.
        """
        self._holds, self._drops = holds, drops
        for host in self._connections.keys() - live.keys():
            del self._connections[host]
            self._leases.silent(host)
        for host in [host for host, known in self._connections.items() if live[host] != known]:
            del self._connections[host]
            self._leases.silent(host)
        self._live = frozenset(self._connections)
        self._stirred.set()

    # -- what may be done -------------------------------------------------------------------

    def firm(self, registry: Registry, hosts: Collection[str]) -> frozenset[tuple[str, str]]:
        """Exclusive instances and the hosts they are placed on, where they may run there.

        :param hosts: all of the fleet. One that has no lease there may run on one of them until that says it
            is down; a person has taken away the others.
        """
        at = now()
        found: set[tuple[str, str]] = set()
        exclusive = {name for name, one in registry.services.items() if one.spec.policy.exclusive}
        for one in registry.assigned:
            if one.leased:
                free = self._leases.free_at(one.host, one.instance, STOP_S)
                may_run = free is not None and at < free
            else:
                unsaid = one.host in hosts and not self._leases.is_free(one.host, one.instance)
                may_run = one.service in exclusive and unsaid
            if may_run:
                found.add((one.instance, one.host))
        return frozenset(found)

    def leased(self) -> set[tuple[str, str]]:
        """Hosts and instances that may be started there now."""
        at = now()
        return {
            (host, instance)
            for host, names in self._holds.items()
            for instance in names
            if self._leases.holds(host, instance, at)
        }

    def told(self, conditions: Iterable[Condition], placed: Iterable[Want]) -> tuple[Condition, ...]:
        """The same; of what is exclusive and whose host is lost, from when on it may be elsewhere."""
        exclusive = {want.instance for want in placed if want.exclusive}

        def one(condition: Condition) -> Condition:
            until = self._leases.until(condition.host)
            if condition.phase is not Phase.LOST or condition.instance not in exclusive or until is None:
                return condition
            at = _wall(until + STOP_S + MARGIN_S)
            return replace(condition, reason=f"{condition.reason}; elsewhere from {at:%H:%M:%S}Z on")

        return tuple(map(one, conditions))

    @property
    def unwound(self) -> dict[str, str]:
        """Hosts whose last wind failed, and why."""
        return dict(self._why)

    @property
    def waiting(self) -> bool:
        """Whether time alone may set something free."""
        at = now()
        return any(
            (until := self._leases.until(host)) is not None and until + STOP_S + MARGIN_S > at
            for host in (self._holds.keys() | self._drops.keys()) - self._live
        )

    # -- winding ----------------------------------------------------------------------------

    async def run(self) -> None:
        """Wind, until cancelled. :raises StoreError: etcd does not say what leases there are."""
        for entry in (await self._etcd.list(self._keys.under("leases"))).entries:
            host = self._keys.name(entry.key)
            self._recorded.add(host)
            try:
                record = read_lease(entry.value)
            except ValueError as error:
                # For as long as any may hold that this fleet gives.
                self._told(f"{entry.key} in etcd {error}")
                self._leases.known(host, Kept(self._terms.ttl, "", ""), now())
                continue
            self._records[host] = record
            self._leases.known(host, record.kept, now())
        self.begun.set()
        self._changed()
        async with asyncio.TaskGroup() as group:
            while True:
                self._stirred.clear()
                if self._claim.holds():
                    await self._round(group)
                self._see_late()
                try:
                    async with asyncio.timeout(_LOOK_S if self._concerned() else None):
                        await self._stirred.wait()
                except TimeoutError:
                    continue

    async def _round(self, group: asyncio.TaskGroup) -> None:
        """Record what is to be wound now, and then send it."""
        winds: dict[str, Wind] = {}
        operations: list[Operation] = []
        at = now()
        for host in sorted(self._concerned() & self._live - self._busy):
            holds, drops = self._holds.get(host, ()), self._drops.get(host, ())
            if not self._is_due(host, frozenset(holds), frozenset(drops), at):
                continue
            if (age := self._leases.clock_age(host, at)) is not None and age > _FRESH_S:
                self._busy.add(host)
                group.create_task(self._hear_clock(host), name=f"engine: clock of {host}")
                continue
            wind = self._leases.wind(host, holds, drops, at)
            if wind is None:
                continue
            winds[host] = wind
            self._sent[host] = at
            self._records[host] = self._record(host, wind)
            operations.append(Put(self._keys.lease(host), lease_bytes(self._records[host])))
        over = self._over(at)
        operations += [Delete(Span(self._keys.lease(host))) for host in over]
        if not operations:
            return
        self._recorded |= winds.keys()  # whatever becomes of the write
        try:
            await in_pages(self._etcd, operations, [self._claim.guard])
        except StoreError as error:
            # Not sent what is not known to be recorded. It counts as sent all the same.
            if str(error) != self._unrecorded:
                self._unrecorded = str(error)
                self._told(f"leases are not wound: {error}")
            return
        self._unrecorded = ""
        self._recorded -= set(over)
        for host in over:
            self._records.pop(host, None)
        for host, wind in winds.items():
            self._busy.add(host)
            group.create_task(self._send(host, wind), name=f"engine: lease of {host}")

    def _concerned(self) -> set[str]:
        """Hosts whose leases name anything, or did."""
        return {*self._holds, *self._drops, *self._recorded}

    def _is_due(self, host: str, holds: frozenset[str], drops: frozenset[str], at: float) -> bool:
        confirmed = self._leases.confirmed(host)
        since = at - self._sent.get(host, float("-inf"))
        as_wanted = (
            (confirmed is None and not holds and not drops)
            or (confirmed is not None and confirmed[0].holds == holds and host not in self._why)
        ) and all(self._leases.is_free(host, name) for name in drops)
        if as_wanted:
            return bool(holds) and since >= self._terms.wind
        changed = confirmed is not None and confirmed[0].holds != holds
        return since >= _AGAIN_S or (changed and host not in self._why)

    def _record(self, host: str, wind: Wind) -> LeaseRecord:
        before = self._records.get(host)
        clock = Kept(self._terms.ttl, wind.boot, self._leases.machine(host))
        confirmed = self._leases.confirmed(host)
        wound = _wall(confirmed[1]) if confirmed else before.wound if before else None
        return LeaseRecord(clock, _wall(wind.until), wound, self._terms.wind, self._why.get(host))

    def _over(self, at: float) -> list[str]:
        """Hosts whose records say nothing any more: nothing is on their leases, and those have run out."""
        gone = []
        for host in self._recorded - self._holds.keys() - self._drops.keys() - self._busy:
            until = self._leases.until(host)
            if until is None or until + STOP_S + MARGIN_S < at:
                gone.append(host)
        return gone

    async def _hear_clock(self, host: str) -> None:
        connection = self._connections.get(host)
        try:
            found = await self._ask(host)
            at = now()
        except HostError as error:
            self._failed(host, error.message)
            self._sent[host] = now()
        else:
            if connection is not None and self._connections.get(host) == connection:
                self.inspected(host, connection, found, at)
        finally:
            self._busy.discard(host)
            self._stirred.set()

    async def _send(self, host: str, wind: Wind) -> None:
        try:
            said = await self._wind(host, wind)
        except HostError as error:
            self._failed(host, error.message)
            return
        finally:
            self._busy.discard(host)
            self._stirred.set()
        clock = Clock(now(), said.uptime, said.boot, said.machine)
        if said.outcome == "superseded":
            self.superseded.set()
        elif said.outcome == "foreign":
            self._failed(host, f"it is of the fleet {said.foreign}")
        elif said.outcome != "wound":
            self._leases.clock(host, clock)
            self._failed(host, f"the wind came {said.outcome}")
        else:
            self._leases.wound(host, wind, clock, said.down)
            self._records[host] = replace(self._records[host], wound=_wall(clock.at), why=None)
            self._why.pop(host, None)
            self._changed()

    def _failed(self, host: str, why: str) -> None:
        if self._why.get(host) != why:
            self._told(f"{host}: its lease is not wound: {why}")
        self._why[host] = why

    def _see_late(self) -> None:
        """Raise the alarm where winds are late, once each time."""
        at = datetime.now(UTC)
        for host in self._holds:
            record = self._records.get(host)
            late = record is not None and record.is_late(at)
            if record is not None and late and host not in self._late:
                age = record.age(at)
                ago = "was not wound yet" if age is None else f"was wound {age:.0f} s ago"
                self._told(
                    f"ALARM: the lease of {host} {ago}; what is exclusive there stops at "
                    f"{record.until:%H:%M:%S}Z, and is elsewhere from {record.takeover:%H:%M:%S}Z on"
                )
            (self._late.add if late else self._late.discard)(host)


def _wall(at: float) -> datetime:
    """A time of our clock, as people have it."""
    return datetime.now(UTC) + timedelta(seconds=at - now())
