"""Services for as long as a console runs: followed in etcd, their rows worked out as etcd and hosts change.

    etcd ──Following──▶ ┐
                        ├─▶ rows, instances, troubles ──told──▶ screens, header
    fleet ──feed──────▶ ┘

How often they are worked out goes by what that costs, so that it never keeps a core busy; what is big is
worked out beside the loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from console.commands import clock
from console.commands.lease_troubles import bearing, lease_troubles
from console.commands.picture import Trouble
from console.commands.rows.base import Cell, Tone
from console.commands.rows.service import ServiceRow, state_tone
from console.commands.service_desk import service_rows
from console.engine.following import Following, Seen
from console.engine.manifest import Manifest
from console.engine.service_states import By, Instance, InstanceState
from console.errors import StoreError
from console.model.text import clean

if TYPE_CHECKING:
    from console.fleet.model import FleetModel
    from console.store.client import Etcd

#: An instance by its host, "" where it has none, and its name.
InstanceKey = tuple[str, str]

#: Two workings out are so many seconds apart at least, and so many times what one takes.
_LEAST_S, _TIMES = 0.1, 20

#: From so many instances on it is done in a thread.
_MANY = 500

#: What etcd has refused is asked for again after so many seconds.
_REFUSED_S = 15.0

#: What need not be typed of a unit's name.
_SERVICE = ".service"

#: So many reasons are told of one service.
_REASONS = 3

_BAD = (InstanceState.PENDING, InstanceState.FAILED, InstanceState.LOST)


class ServiceBook:
    """Kept up by `run`.

    :ivar rows: every service by its name, with its instances.
    :ivar instances: every instance.
    :ivar ready: whether etcd has told all of it once.
    :param changed: told when any of it is another.
    :param told: takes what etcd refuses, once.
    """

    def __init__(
        self, etcd: Etcd, model: FleetModel, changed: Callable[[], None], told: Callable[[str], None]
    ) -> None:
        self.rows: Mapping[str, ServiceRow] = {}
        self.instances: Mapping[InstanceKey, Instance] = {}
        self.ready = False
        self.seen = Seen(Manifest({}))
        self._model = model
        self._following = Following(etcd)
        self._changed, self._told = changed, told
        self._due = asyncio.Event()
        self._since: dict[str, datetime] = {}
        self._troubles: list[Trouble] = []
        self._bearing: Mapping[str, int] = {}

    async def run(self) -> None:
        """Keep it up, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(), name="following services")
            group.create_task(self._hear(), name="services on hosts")
            group.create_task(self._work(), name="rows of services")

    @property
    def no_engine(self) -> bool:
        """Whether there are services, and nobody to look after them."""
        return self.ready and bool(self.seen.manifest.services) and self.seen.leader is None

    def troubles(self) -> list[Trouble]:
        """What is wrong with services and leases: no engine, held up, late, or not as they are to be."""
        return [*self._troubles, *lease_troubles(self.seen.manifest, self._bearing)]

    def of(self, service: str) -> list[InstanceKey]:
        """The instances of a service."""
        row = self.rows.get(service)
        return [instance_key(one) for one in row.instances] if row is not None else []

    # -- being told -------------------------------------------------------------------------

    async def _follow(self) -> None:
        refused = ""
        while True:
            try:
                await self._following.follow(self._due.set)
            except StoreError as error:
                if str(error) != refused:
                    refused = str(error)
                    self._told(f"services: {refused}")
                await asyncio.sleep(_REFUSED_S)

    async def _hear(self) -> None:
        feed = self._model.feed()
        try:
            while True:
                changes = await feed.batch(_LEAST_S)
                if changes.hosts or not changes.units.isdisjoint(self.instances):
                    self._due.set()
        finally:
            self._model.leave(feed)

    # -- working it out ---------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            if not self._following.ready:
                continue
            began = time.perf_counter()
            seen = self._following.seen
            # The hosts are taken here: the model is this thread's alone. To look a unit up is one step.
            hosts, unit = self._model.hosts(), self._model.unit
            if len(seen.manifest.assigned) < _MANY:
                rows = service_rows(seen, hosts, unit)
            else:
                rows = await asyncio.to_thread(service_rows, seen, hosts, unit)
            self.take(seen, rows)
            await asyncio.sleep(max(_LEAST_S, _TIMES * (time.perf_counter() - began)))

    def take(self, seen: Seen, rows: Iterable[ServiceRow]) -> None:
        """Have it be so, and tell that it is another. :param rows: worked out of `seen`."""
        self.seen = seen
        self.rows = {row.name: row for row in rows}
        self.instances = {instance_key(one): one for row in self.rows.values() for one in row.instances}
        self.ready = True
        self._bearing = bearing(seen.manifest)
        found = list(_troubles(self.rows.values(), seen))
        now = clock.now()
        self._since = {one.what: self._since.get(one.what, one.since or now) for one in found}
        self._troubles = [replace(one, since=self._since[one.what]) for one in found]
        self._changed()


@asynccontextmanager
async def services_watched(
    etcd: Etcd, model: FleetModel, told: Callable[[str], None], *, follow: bool
) -> AsyncIterator[Callable[[], list[Trouble]]]:
    """What is wrong with services, for who has no screen: followed while the context is held, or read once.

    :param model: of all hosts of the fleet.
    :param told: takes why that is not known.
    """
    if follow:
        book = ServiceBook(etcd, model, lambda: None, told)
        task = asyncio.create_task(book.run(), name="services")
        try:
            yield book.troubles
        finally:
            task.cancel()
            await asyncio.wait((task,))
        return
    seen = Seen(Manifest({}))
    found: list[Trouble] = []
    try:
        seen = await Following(etcd).read()
    except StoreError as error:
        told(f"services: {error}")
    else:
        found = list(_troubles(service_rows(seen, model.hosts(), model.unit), seen))
    yield lambda: [*found, *lease_troubles(seen.manifest, bearing(seen.manifest))]


def instance_key(one: Instance) -> InstanceKey:
    return one.host or "", one.name


def _troubles(rows: Iterable[ServiceRow], seen: Seen) -> Iterator[Trouble]:
    if seen.brake is not None:
        why = f"{clean(seen.brake.why)}; nothing is moved or stopped until `engine resume`"
        yield Trouble("", "engine", Cell.state("brake", Tone.BAD), seen.brake.since, why, service="")
    if seen.manifest.services and seen.leader is None:
        why = "nothing is placed, moved or started again: `engine run`"
        yield Trouble("", "services", Cell.state("no engine", Tone.BAD), None, why, service="")
    for row in rows:
        bad = [one for one in row.instances if _is_bad(one)]
        if bad:
            yield _trouble(row, bad)
    for key, problem in seen.manifest.problems.items():
        how = Cell.state("not read", Tone.BAD)
        yield Trouble("", clean(key, 200), how, None, clean(problem), service="")


def _is_bad(one: Instance) -> bool:
    if one.state is InstanceState.PENDING:
        return one.blocked  # what is about to be placed is no trouble
    return one.state in _BAD and not one.goes and one.by is not By.LAST


def _trouble(row: ServiceRow, bad: list[Instance]) -> Trouble:
    states = {one.state for one in bad}
    told = f"{len(bad)} {bad[0].state}" if len(states) == 1 else f"{len(bad)} amiss"
    reasons = [
        f"{one.target} {one.state}: {one.reason}" if one.reason else f"{one.target} {one.state}"
        for one in bad[:_REASONS]
    ]
    more = f" and {len(bad) - _REASONS} more" if len(bad) > _REASONS else ""
    blocked = next((one.name for one in bad if one.state is InstanceState.PENDING), None)
    if blocked is not None:
        more += f"; `service why {blocked.removesuffix(_SERVICE)}` says it of each host"
    worst = min((state_tone(one.state) for one in bad), key=[Tone.BAD, Tone.WARN].index)
    return Trouble(
        "", row.name, Cell.state(told, worst), None, clean("; ".join(reasons)) + more, service=row.name
    )
