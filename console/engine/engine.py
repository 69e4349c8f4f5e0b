"""The engine: any number of them run, one is elected and leads, the others stand by.

    claimed (etcd, a lease of 15 s) ──▶ Leadership ──▶ claimed …

An engine that ends lets its claim go, so that another leads at once; one that was killed or cut off is
replaced when its lease has run out. None of it stops a unit.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from console.engine.duties import DUTIES, Duty, Task, name_of
from console.engine.leading import Leadership
from console.engine.present import EngineRecord, be_present, engine_bytes, read_leader
from console.engine.roster import hosts_of
from console.engine.tally import Role
from console.engine.term import Setting, Term
from console.errors import QuarterdeckError, StoreError, first_of
from console.fleet.fleet import open_fleet
from console.hosts.links import Links
from console.model.wants import Wants
from console.store.claim import Claim, claimed
from console.store.schema import check_schema
from console.store.values import Entry, Put, Unchanged

#: Seconds after which another engine leads, where the leader has vanished.
TTL_S = 15

#: Before an engine that etcd has turned away asks again. Seconds.
_PAUSE_S = 1.0

_WANTS = Wants(containers=False)


class Engine:
    """One engine. `run` it; cancelled, it ends, and all that runs goes on.

    :param links: how hosts are connected to.
    :param stands: takes what it is to the others, and what it is doing in a few words: each time that is
        something else.
    :param tasks: what it does beside, whether it leads or not.
    :param duties: what it does beside while it leads.
    """

    def __init__(
        self,
        setting: Setting,
        links: Links,
        stands: Callable[[Role, str], None],
        tasks: Iterable[Task] = (),
        duties: Iterable[Duty] = DUTIES,
    ) -> None:
        self._setting = setting
        self._links = links
        self._stands = stands
        self._tally = setting.tally
        self._tasks = tuple(tasks)
        self._duties = tuple(duties)
        self._fleet_id: str | None = None
        self.name = f"{socket.gethostname()}/{os.getpid()}"
        self._began = datetime.now(UTC)

    async def run(self) -> None:
        """Lead whenever it is our turn, and do what is to be done besides, until cancelled.

        :raises QuarterdeckError: what one of `tasks` cannot do.
        """
        try:
            async with asyncio.TaskGroup() as group:
                for task in self._tasks:
                    group.create_task(task(self._setting), name=f"engine: {name_of(task)}")
                present = be_present(self._setting.memory.etcd, self._record(self._began), self._setting.told)
                group.create_task(present, name="engine: present")
                group.create_task(self._run_for_leader(), name="engine: election")
        except* QuarterdeckError as errors:
            raise first_of(errors) from None

    async def _run_for_leader(self) -> None:
        memory, told = self._setting.memory, self._setting.told
        while True:
            try:
                await check_schema(memory.etcd, write=True)
                await memory.read()
                value = engine_bytes(self._record(datetime.now(UTC)))
                async with claimed(memory.etcd, memory.keys.leader, value, TTL_S, self._waits) as claim:
                    try:
                        await self._lead(claim)
                    finally:
                        self._tally.role, self._tally.report = Role.BEGINS, None
            except StoreError as error:
                self._stand(Role.WAITS, "waiting for etcd")
                told(str(error))
            await asyncio.sleep(_PAUSE_S)

    def _record(self, since: datetime) -> EngineRecord:
        return EngineRecord(self.name, since, self._setting.embedded)

    def _waits(self, holder: Entry) -> None:
        self._stand(Role.STANDS_BY, f"standing by: {read_leader(holder).name} leads")

    def _stand(self, role: Role, words: str) -> None:
        self._tally.role = role
        self._stands(role, words)

    async def _lead(self, claim: Claim) -> None:
        memory = self._setting.memory
        self._fleet_id = await fleet_id(claim, self._setting, self._fleet_id)
        hosts = hosts_of(self._setting.file, memory).values()
        self._tally.elected += 1
        self._stand(Role.LEADS, f"leading the fleet {self._fleet_id}, elected at {claim.revision}")
        async with open_fleet(hosts, _WANTS, self._links) as fleet:
            term = Term(self._setting, claim, fleet, self._fleet_id)
            await Leadership(term, self._duties).run()


async def fleet_id(claim: Claim, setting: Setting, known: str | None) -> str:
    """The fleet's id, made where there is none: it tells this fleet's hosts from any other's.

    :param known: what it was, where we have led before: an etcd that has lost it gets it back.
    :raises StoreError: etcd does not say, or does not take it.
    """
    etcd, key = setting.memory.etcd, setting.memory.keys.fleet
    while True:
        if (entry := await etcd.get(key)) is not None:
            return entry.value.decode("utf-8", "replace").strip()
        made = known or f"f-{secrets.token_hex(4)}"
        if (await etcd.write([Put(key, made.encode())], [claim.guard, Unchanged(key, 0)])).done:
            return made
