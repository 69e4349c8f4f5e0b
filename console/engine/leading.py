"""One engine's time as the leader: it sees what is wanted and what is, and has the one become the other.

    services/ instances/ ─┐                    ┌─▶ instances/  (compares the claim)
    the fleet's model ────┼─▶ assign, reconcile ┼─▶ hosts       (carry the claim's revision)
    brakes ───────────────┘                    └─▶ observed/, for consoles

All that changes wakes one loop, which looks at everything and does what comes of it; a host is changed by
one task at a time. It acts only while its claim surely holds, and it stops nothing by ending.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from console.actions.plan import Outcome
from console.engine.applying import Hand, work_of
from console.engine.assigning import Assignment, Marks, Registry, assign, leases, spared, wants
from console.engine.brake import Brake
from console.engine.brakes import loss_brake, registry_brake
from console.engine.catalogue import Catalogue
from console.engine.duties import Duty, done, name_of
from console.engine.ear import Ear
from console.engine.inspecting import Inspected, inspect
from console.engine.leasing import Leasing
from console.engine.placements import Placements
from console.engine.reporting import EVERY_S, Report, Reporter, elsewhere_too, explained, warned
from console.engine.retrying import Retrying, another_host
from console.engine.roster import follow_roster
from console.engine.settling import Settling
from console.engine.term import Term
from console.engine.world import World
from console.errors import (
    Conflict,
    HostError,
    QuarterdeckError,
    StoreError,
    Unreachable,
    first_of,
)
from console.fleet.model import Feed
from console.model.state import State
from console.placement.candidate import Candidate, Standing
from console.placement.lease import Terms
from console.placement.outcome import Placed
from console.placement.reconcile import Condition, Todo, reconcile
from console.store.lease import now as boottime
from console.store.mirror import mirror

if TYPE_CHECKING:
    from console.actions.apply_units import UnitWork
    from console.hosts.transport import Transport
    from console.store.values import Entry, Event

#: What changes within so many seconds is looked at together; and within as long as a look takes, so that in a
#: large fleet of which all speaks at once no more than half of the time is spent on looking.
GATHER_S = 0.02

#: Everything is looked at so often although nothing has changed, or every second while time may tell.
SAFETY_S = 30.0
_TICK_S = 1.0

#: Of hosts that may run something twice so many are tried at a time, each second.
_AWAITED_AT_ONCE = 20

#: A host that has failed to be read or changed is left alone for so many seconds; twice as many each time.
_PAUSE_S, _PAUSE_MOST_S = 5.0, 300.0


class Deposed(Exception):
    """The claim is lost, or another's. Inside the engine only."""


class Leadership:
    """Made for one term, and run once.

    :param duties: what is done beside.
    """

    def __init__(self, term: Term, duties: Iterable[Duty] = ()) -> None:
        setting, claim, fleet, fleet_id = term.setting, term.claim, term.fleet, term.fleet_id
        self._term = term
        self._duties = tuple(duties)
        self._memory = setting.memory
        self._file = setting.file
        self._told = setting.told
        self._tally = setting.tally
        self._claim = claim
        self._fleet = fleet
        self._fleet_id = fleet_id
        self._keys = setting.memory.keys
        self._ear = Ear()
        self._world = World(fleet.model, fleet_id)
        self._hand = Hand(fleet_id, claim.revision, self._reach, setting.permit, setting.audit)
        self._placements = Placements(setting.memory.etcd)
        self._catalogue = Catalogue(self._keys)
        self._listed: set[str] = set()
        self._brake = Brake(setting.memory.etcd, claim)
        self._retrying = Retrying()
        self._leasing = Leasing(
            setting.memory.etcd,
            claim,
            Terms(setting.file.lease_ttl, setting.file.lease_wind),
            wind=self._hand.wind,
            ask=self._clock,
            told=setting.told,
            changed=self._due_now,
        )
        self._reporter = Reporter(setting.memory.etcd, claim)
        self._report: Report | None = None
        self._reportable = asyncio.Event()
        self._due = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._paused: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._saying: dict[str, str] = {}
        self._moves: dict[str, str] = {}
        self._assignment = Assignment()
        self._asked: object = None
        self._called = 0.0
        self._awaited: list[str] = []  # hosts that may run what was moved away from them

    async def run(self) -> None:
        """Lead, until cancelled or replaced. :raises StoreError: etcd says no."""
        self._settling = Settling(_now())
        feed = self._fleet.model.feed()
        try:
            async with asyncio.TaskGroup() as self._group:
                for name, doing in (
                    ("claim", self._holding()),
                    ("ear", self._ear.listen()),
                    ("services", self._watch("services", self._catalogue.take)),
                    ("instances", self._watch("instances", self._take_instances)),
                    ("engine", self._watch("engine", self._take_engine)),
                    ("memory", self._memory.follow(self._take_memory)),
                    ("model", self._follow(feed)),
                    ("leading", self._leading()),
                    ("leases", self._leasing.run()),
                    ("superseded", self._superseded()),
                    ("reports", self._reporting()),
                    *((name_of(duty), done(duty, self._term)) for duty in self._duties),
                ):
                    self._group.create_task(doing, name=f"engine: {name}")
        except* Deposed:
            self._told("another engine may lead by now; nothing of what runs is touched")
        except* QuarterdeckError as errors:
            raise first_of(errors) from None
        finally:
            self._fleet.model.leave(feed)

    # -- being told -------------------------------------------------------------------------

    async def _holding(self) -> None:
        await self._claim.lease.lost.wait()
        raise Deposed

    async def _superseded(self) -> None:
        await self._leasing.superseded.wait()
        raise Deposed

    async def _watch(self, kind: str, take: Callable[[dict[str, Entry], tuple[Event, ...]], None]) -> None:
        entries: dict[str, Entry] = {}
        async with aclosing(mirror(self._memory.etcd, self._keys.under(kind), entries)) as changing:
            async for events in changing:
                take(entries, events)
                self._listed.add(kind)
                self._due.set()

    def _take_instances(self, entries: dict[str, Entry], events: tuple[Event, ...]) -> None:
        self._placements.take(events)

    def _take_engine(self, entries: dict[str, Entry], events: tuple[Event, ...]) -> None:
        leader = entries.get(self._keys.leader)
        if leader is None or leader.created != self._claim.revision:
            raise Deposed
        for event in events:
            if event.key == self._keys.brake:
                self._brake.take(event.entry)

    def _take_memory(self, kind: str, names: frozenset[str]) -> None:
        if kind == "hosts" and follow_roster(self._fleet, self._file, self._memory):
            self._due.set()

    async def _follow(self, feed: Feed) -> None:
        """Wake at what hosts tell of themselves, and of units of ours."""
        while True:
            changes = await feed.batch(pause=0)
            if self._world.concerned(changes):
                self._due.set()

    # -- leading ----------------------------------------------------------------------------

    async def _leading(self) -> None:
        await self._reporter.begin()
        took = 0.0
        while True:
            self._paused = {host: until for host, until in self._paused.items() if until > _now()}
            restless = self._world.restless or self._retrying or self._paused or not self._ready
            restless = restless or self._leasing.waiting or bool(self._awaited)
            try:
                async with asyncio.timeout(_TICK_S if restless else SAFETY_S):
                    await self._due.wait()
            except TimeoutError:
                # Everything is looked at all the same.
                if not restless:
                    self._world.look_again()
            await asyncio.sleep(max(GATHER_S, min(took, _TICK_S)))
            began = _now()
            self._due.clear()
            if not self._claim.holds():
                await asyncio.sleep(_TICK_S)  # its lease is being confirmed, or it is lost
                self._due.set()
                continue
            self._world.look(_now(), self._ear.clock(_now()), self._fleet.waiting)
            self._settling.look(self._world.standing, _now())
            self._read_hosts()
            self._call_awaited()
            if self._ready:
                try:
                    await self._pass()
                except Conflict as conflict:
                    self._say("etcd", f"{conflict}; looked at anew")
                    self._due.set()
                except StoreError as error:
                    self._say("etcd", f"{error}; nothing is placed or taken away until it answers")
                    await asyncio.sleep(_TICK_S)
                    self._due.set()
                else:
                    self._tally.looks.take(_now() - began)
                    self._say("etcd", "")
            took = _now() - began

    @property
    def _ready(self) -> bool:
        """Whether all is known that there is to know before the first placement."""
        listed = self._listed >= {"services", "instances", "engine"} and self._leasing.begun.is_set()
        return listed and (self._world.settled or self._settling.over(_now()))

    def _read_hosts(self) -> None:
        for host, first in self._world.twins.items():
            self._say(host, f"{host}: is {first} under another name, and left alone")
        for host in self._world.unread():
            self._task(host, self._inspect(host))

    def _call_awaited(self) -> None:
        """Have a few of them connected to now: what runs twice is to end as soon as they are reached."""
        if _now() - self._called < _TICK_S:
            return
        self._called = _now()
        for host in random.sample(self._awaited, min(len(self._awaited), _AWAITED_AT_ONCE)):
            if (session := self._fleet.sessions.get(host)) is not None:
                session.hurry()

    async def _pass(self) -> None:
        """Look at everything, and begin what is to be done.

        :raises StoreError: etcd does not take it; no host was touched.
        """
        now, services = _now(), self._catalogue.services
        everywhere = frozenset(name for name, one in services.items() if one.spec.policy.everywhere)
        candidates, marks = self._world.candidates(), self._world.marks()
        registry = self._registry()
        held = await self._held(registry)
        assignment = self._assign(registry, candidates, marks, held)
        if assignment.put or assignment.forget:
            await self._placements.write(assignment, everywhere, self._claim)
            registry = self._registry()
        placed = wants(registry, assignment.leaving)
        self._leasing.want(*leases(registry, assignment.leaving, held=held is not None), self._windable())
        sights = self._world.sights((want.host, want.instance) for want in placed)
        found = reconcile(
            placed,
            sights,
            unplacing=held is None,
            spared=spared(registry, marks),
            leased=self._leasing.leased(),
            unwound=self._leasing.unwound,
        )
        told = self._leasing.told(found.conditions, placed)
        twice = elsewhere_too(self._world.left, registry.assigned)
        self._awaited = sorted({host for hosts in twice.values() for host in hosts})
        found = replace(found, conditions=warned(told, twice))
        for host, todo in found.todo.items():
            if self._is_free(host):
                # By what was looked at here: by the time it is done a service may be there no more.
                work = [work_of(one, registry.services, self._fleet_id) for one in todo]
                self._task(host, self._apply(host, todo, work))
        self._retry(found.conditions, candidates, everywhere, now)
        conditions = explained(found.conditions, assignment.staying)
        report = Report(self._world.standing, conditions, assignment.pending, self._remarks())
        self._tally.report, self._tally.braked = report, held is not None
        if report != self._report:
            self._report = report
            self._reportable.set()

    def _windable(self) -> dict[str, object]:
        """Hosts that are reached and ours, and what tells their connections from the next."""
        others = self._world.foreign.keys() | self._world.twins.keys()
        return {
            host.name: host.status.since
            for host in self._fleet.model.hosts()
            if host.state is State.LIVE and host.name not in others
        }

    def _due_now(self) -> None:
        self._due.set()

    def _remarks(self) -> dict[str, str]:
        """Why hosts are left alone."""
        failing = {host: self._saying.get(host, "").removeprefix(f"{host}: ") for host in self._failures}
        foreign = {host: f"is of the fleet {fleet}" for host, fleet in self._world.foreign.items()}
        return {host: remark for host, remark in (failing | foreign).items() if remark}

    def _assign(
        self, registry: Registry, candidates: list[Candidate], marks: Marks, held: str | None
    ) -> Assignment:
        """What is to be written of placements. Where nothing of what it comes from has changed, as before."""
        versions = self._catalogue.version, self._placements.version, self._world.version
        firm = self._leasing.firm(registry, self._world.standing.keys())
        asked = (versions, candidates, held, firm)
        if self._moves or asked != self._asked:
            embedded = self._term.setting.embedded
            self._assignment = assign(
                *(registry, candidates, marks, self._moves, held, self._busy.keys(), firm), embedded=embedded
            )
            # What has to be gone from where it is first, is still to go where it was to.
            leaving = self._assignment.leaving
            self._moves = {name: host for name, host in self._moves.items() if name in leaving}
            self._asked = asked
        return self._assignment

    def _registry(self) -> Registry:
        catalogue = self._catalogue
        placements = self._placements
        unreadable = frozenset(catalogue.problems)
        return Registry(catalogue.services, tuple(placements), unreadable, placements.dismissed.keys())

    async def _held(self, registry: Registry) -> str | None:
        """Why nothing may be taken away now, or None."""
        causes: dict[str, str] = {}
        if why_registry := registry_brake(registry, self._world.marks()):
            causes["registry"] = why_registry
        bearing = {one.host for one in registry.assigned}
        wait, stop = loss_brake(self._world.silences(bearing), self._world.standing.keys())
        if stop:
            causes["loss"] = stop
        if self._brake.judge(causes) and self._brake.pulled is not None:
            self._told(
                f"BRAKE: {self._brake.pulled.why}; nothing is moved or stopped"
                " until `quarterdeck engine resume`"
            )
        await self._brake.keep()
        pulled = self._brake.pulled
        self._say("wait", f"{wait}; waiting for them" if wait and pulled is None else "")
        if pulled is not None:
            return pulled.why
        # One that was let go by a person is no reason to wait any more.
        return wait if wait and not stop else None

    def _retry(
        self,
        conditions: tuple[Condition, ...],
        candidates: list[Candidate],
        everywhere: frozenset[str],
        now: float,
    ) -> None:
        """Have what systemd gave up run elsewhere, or once more where it is."""
        for one in self._retrying.look(conditions, everywhere, now):
            if self._world.standing.get(one.host) is not Standing.LIVE:
                continue
            tried = self._retrying.tried(one, everywhere, now)
            other = None
            if one.service not in everywhere:
                specs = [service.spec for service in self._catalogue.services.values()]
                current = [Placed(each.service, each.instance, each.host) for each in self._placements]
                other = another_host(one.instance, specs, candidates, current, tried)
            if other is not None:
                self._told(f"{one.instance}: {one.reason} on {one.host}; {other} is tried")
                self._moves[one.instance] = other
            else:
                self._told(f"{one.instance}: {one.reason} on {one.host}; it is tried again there")
                self._retrying.anew(one.instance)
                self._world.start_again(one.host, one.instance)
            self._due.set()

    # -- hosts ------------------------------------------------------------------------------

    def _is_free(self, host: str) -> bool:
        """Whether something may be begun on a host now."""
        return host not in self._busy and self._paused.get(host, 0) <= _now()

    def _task(self, host: str, doing: Coroutine[None, None, None]) -> None:
        """One thing at a time on a host; what is to be done besides is seen at the next look."""
        if not self._is_free(host):
            doing.close()
            return

        async def done() -> None:
            try:
                await doing
            finally:
                del self._busy[host]
                self._due.set()

        self._busy[host] = self._group.create_task(done(), name=f"engine: {host}")

    def _reach(self, host: str) -> Transport:
        if host not in self._fleet.sessions:
            raise Unreachable("it is no host of the fleet any more", host=host)
        return self._fleet.transport(host)

    async def _clock(self, host: str) -> Inspected:
        return await inspect(self._reach(host))

    async def _inspect(self, host: str) -> None:
        connection = self._world.connection(host)
        try:
            found = await inspect(self._reach(host))
        except HostError as error:
            self._say(host, str(error))
            self._pause(host, gone=isinstance(error, Unreachable))
            return
        self._world.inspected(host, connection, found)
        self._leasing.inspected(host, connection, found, boottime())
        foreign = self._world.foreign.get(host)
        self._say(host, f"{host}: is of the fleet {foreign}, and left alone" if foreign else "")

    async def _apply(self, host: str, todo: tuple[Todo, ...], work: list[UnitWork]) -> None:
        result, applied = await self._hand.apply(host, work)
        self._tally.changes[result.status] += 1
        if applied is not None:
            self._failures.pop(host, None)
            self._world.applied(host, todo, applied, _now())
            if applied.superseded is not None:
                raise Deposed
        else:
            self._world.unsure(host)
            self._pause(host, gone=result.status is Outcome.UNREACHABLE)
        self._say(host, "" if result.status.good else f"{host}: {result.detail}")

    def _pause(self, host: str, *, gone: bool) -> None:
        if gone:  # the next connection begins anew
            self._paused[host] = _now() + _TICK_S
            return
        failures = self._failures[host] = self._failures.get(host, 0) + 1
        self._paused[host] = _now() + min(_PAUSE_MOST_S, _PAUSE_S * 2 ** (failures - 1))

    # -- telling ----------------------------------------------------------------------------

    async def _reporting(self) -> None:
        while True:
            await self._reportable.wait()
            self._reportable.clear()
            assert self._report is not None
            try:
                await self._reporter.report(self._report)
            except StoreError:
                self._reportable.set()  # told by who writes what matters more
            await asyncio.sleep(EVERY_S)

    def _say(self, about: str, text: str) -> None:
        """Tell an operator what has changed about something; nothing where it is as it was."""
        if text and self._saying.get(about) != text:
            self._told(text)
        self._saying[about] = text


def _now() -> float:
    return asyncio.get_running_loop().time()
