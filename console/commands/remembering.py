"""A running fleet and its memory: what every console is told by the others, for as long as it runs.

    etcd ──▶ Memory ──▶ hosts that come and go, labels, cordons, who acts where ──▶ fleet, model
    audit file ──▶ etcd          the embedded etcd, looked after          the cluster, looked at

Whoever shows the fleet has `Remembering.run` in a task of their own; it ends with all it has begun. That
etcd does not answer holds nobody up: what was last known is shown until it does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING

from console.commands import clock
from console.commands.command import Recall
from console.commands.core import may_select
from console.commands.etcd_watch import ClusterWatch, store_troubles
from console.commands.lock_troubles import lock_troubles
from console.errors import ConfigError, QuarterdeckError, StoreError, StoreUnreachable
from console.fleet.overlay import new_host, overlaid_host
from console.hosts.groups import put_away
from console.model.state import State

if TYPE_CHECKING:
    from console.commands.core import Core
    from console.commands.picture import Trouble
    from console.commands.rollout_troubles import RolloutWatch
    from console.commands.service_book import ServiceBook
    from console.engine.tally import Role
    from console.fleet.fleet import Fleet
    from console.fleet.memory import Memory
    from console.model.config import HostConfig
    from console.model.selector import Selector
    from console.model.store import StoreStatus
    from console.store.embedded import EmbeddedEtcd

#: Seconds between two looks at the audit file, and at the process of the embedded etcd.
SHIP_EVERY_S = 2.0
ALIVE_EVERY_S = 2.0

#: What etcd has refused is asked for again after so many seconds, an etcd that did not start is
#: started again, and one that has answered nothing is asked again.
_REFUSED_S, _FAILED_S, _SILENT_S = 15.0, 15.0, 0.5

#: Who acts on a host is not known any more when etcd has not answered for so long.
_ACTING_HOLDS = timedelta(seconds=15)

#: So many names are told of a batch, and so many problems.
_NAMED, _TOLD = 5, 3

#: What an engine beside a running fleet is recorded under.
ENGINE_LINE = "(the terminal) --engine"

Tell = Callable[[str], None]


class Remembering:
    """The memory of a running fleet, kept up by `run`.

    :ivar settled: set once it is known whether there is a memory.
    :ivar why: why there is none, where there is none.
    :ivar cluster: how etcd itself is doing; None without a memory.
    :ivar engine: what an engine in here is to the others, in a word or two; empty where there is none.
    :ivar services: the services of the fleet; None without a memory.
    :ivar rollouts: those that wait for a person; None without a memory.
    """

    def __init__(self, core: Core, fleet: Fleet) -> None:
        self.settled = asyncio.Event()
        self.why = ""
        self.cluster: ClusterWatch | None = None
        self.engine = ""
        self.services: ServiceBook | None = None
        self.rollouts: RolloutWatch | None = None
        self._core = core
        self._fleet = fleet
        self._told: Tell = lambda text: None
        self._changed: Callable[[], None] = lambda: None

    def listen(self, told: Tell, changed: Callable[[], None]) -> None:
        """From now on: what a person should know, and that `status` or `troubles` may be others."""
        self._told, self._changed = told, changed

    @property
    def memory(self) -> Memory | None:
        """The memory, once and while there is one."""
        return self._core.memory

    @property
    def status(self) -> StoreStatus | None:
        """Whether what is shown from etcd can be believed; None without a memory."""
        return None if self._core.memory is None else self._core.memory.status

    def troubles(self) -> list[Trouble]:
        """What is wrong with etcd now, and with what it keeps."""
        status = self.status
        if status is None or self.cluster is None or self._core.memory is None:
            return []
        locks = lock_troubles(self._core.memory, (host.name for host in self._fleet.model.hosts()))
        services = self.services.troubles() if self.services is not None else []
        rollouts = self.rollouts.troubles() if self.rollouts is not None else []
        return [*store_troubles(status), *self.cluster.troubles(), *rollouts, *locks, *services]

    async def run(self) -> None:
        """Open it, and keep all up until cancelled, or return at once where there is none."""
        try:
            # It takes a moment, in which the screen is to answer.
            await asyncio.to_thread(import_module, "console.fleet.memory")
            async with self._core.recalled(Recall.TERMINAL, self._note):
                if (memory := self._core.memory) is not None:
                    await self._keep(memory)
                elif self._core.options.engine:
                    self._note("no engine runs in here: there is no etcd to say what is wanted")
        except QuarterdeckError as error:
            self._note(str(error))
        finally:
            self.settled.set()
            self._changed()

    def _note(self, text: str) -> None:
        self.why = text
        self._told(text)

    async def _keep(self, memory: Memory) -> None:
        from console.commands.rollout_troubles import RolloutWatch
        from console.commands.service_book import ServiceBook

        self.cluster = ClusterWatch(memory, self._changed)
        self.services = ServiceBook(memory.etcd, self._fleet.model, self._changed, self._told)
        self.rollouts = RolloutWatch(memory.etcd, memory.keys, self._changed, self._told)
        self.settled.set()
        memory.etcd.health.changed.append(self._changed)
        writes = self._core.read_only() is None
        try:
            async with asyncio.TaskGroup() as group:
                keeping = keep_up(self._core, memory, self._fleet, self._told, changed=self._changed)
                group.create_task(keeping, name="memory")
                group.create_task(self.cluster.run(), name="etcd's members")
                group.create_task(self.services.run(), name="services")
                group.create_task(self.rollouts.run(), name="rollouts")
                if writes:
                    group.create_task(ship(self._core, memory, self._told), name="audit to etcd")
                if writes and self._core.embedded is not None:
                    group.create_task(look_after(self._core.embedded, self._told), name="embedded etcd")
                if self._core.options.engine:
                    group.create_task(self._engine(), name="the engine in here")
        finally:
            if writes and memory.status.state is State.LIVE:
                from console.commands.recall import bring

                await bring(self._core, memory, self._told)

    async def _engine(self) -> None:
        """Run an engine, and another where it has ended, until cancelled."""
        from console.commands.engine_here import run_engine

        while True:
            try:
                await run_engine(self._core, ENGINE_LINE, self._stands, self._told, embedded=True)
            except QuarterdeckError as error:
                self._told(f"the engine in here has ended: {error}")
            self.engine = "ended"
            self._changed()
            await asyncio.sleep(_FAILED_S)

    def _stands(self, role: Role, words: str) -> None:
        self.engine = str(role)
        self._changed()


@asynccontextmanager
async def kept_up(core: Core, fleet: Fleet, told: Tell, on: Selector | None = None) -> AsyncIterator[None]:
    """Keep a running fleet as the memory that `core` has, for as long as the context is held.

    :param on: hosts that it does not mean are not added.
    """
    if core.memory is None:
        yield
        return
    # A task of its own, so that an error of the body leaves as itself and not inside a group.
    keeping = asyncio.create_task(keep_up(core, core.memory, fleet, told, on), name="memory")
    try:
        yield
    finally:
        await put_away(keeping)


async def keep_up(
    core: Core,
    memory: Memory,
    fleet: Fleet,
    told: Tell,
    on: Selector | None = None,
    changed: Callable[[], None] = lambda: None,
) -> None:
    """Keep a running fleet as its memory has it, until cancelled.

    Hosts that the fleet's file does not have come and go as etcd says; labels, cordons, and who acts on
    a host reach the model as they change. A host that the file has stays.

    :param told: takes what cannot be read, and what etcd refuses, each once.
    :param on: hosts that it does not mean are not added.
    :param changed: told when what the memory has, and the model does not, is another.
    """
    applying = _Applying(core, memory, fleet, told, on, changed)
    forgetting = asyncio.create_task(_forget_acting(memory, fleet), name="acting that is not known any more")
    refused = ""
    try:
        while True:
            applying.begin()
            try:
                await memory.follow(applying.take)
            except StoreUnreachable:
                await asyncio.sleep(_SILENT_S)  # it is in the status of the connection
            except StoreError as error:
                if str(error) != refused:
                    refused = str(error)
                    told(refused)
                await asyncio.sleep(_REFUSED_S)
    finally:
        forgetting.cancel()
        await asyncio.wait((forgetting,))


class _Applying:
    """Puts what the memory has said to a fleet and its model."""

    def __init__(
        self,
        core: Core,
        memory: Memory,
        fleet: Fleet,
        told: Tell,
        on: Selector | None,
        changed: Callable[[], None],
    ) -> None:
        self._memory = memory
        self._fleet = fleet
        self._told = told
        self._on = on
        self._changed = changed
        self._ssh = core.file.ssh
        self._in_file = {host.name: host for host in core.file.hosts}
        self._listed: set[str] = set()
        self._problems: dict[str, str] = {}

    def begin(self) -> None:
        """All of it is told anew: what is not in it is gone, even if that was not told."""
        self._listed.clear()

    def take(self, kind: str, names: frozenset[str]) -> None:
        """What was said under some names of a kind has changed."""
        first = kind not in self._listed
        self._listed.add(kind)
        if kind == "hosts":
            self._take_hosts(names | self._fleet.sessions.keys() if first else names)
        elif kind == "acting":
            for host in self._fleet.sessions if first else {name.partition("/")[0] for name in names}:
                self._fleet.model.acted_on(host, self._memory.acting(host))
        elif kind == "acks":
            self._fleet.model.acknowledged(self._memory.acks)
        elif kind == "denied":
            self._fleet.model.deny(self._memory.denied)
        elif kind == "locks":
            self._changed()
        self._tell_problems()

    def _take_hosts(self, names: frozenset[str]) -> None:
        fleet = self._fleet
        come, gone = [], []
        for name in sorted(names):
            config, session = self._config(name), fleet.sessions.get(name)
            if session is not None and (config is None or _way(config) != _way(session.config)):
                fleet.remove(name)
                session = None
                if config is None:
                    gone.append(name)
            if config is None:
                continue
            if session is None:
                if may_select(self._on, config):
                    fleet.add(config)
                    fleet.model.acted_on(name, self._memory.acting(name))
                    come.append(name)
            else:
                fleet.model.configure(config)
        if come:
            self._told(f"of the fleet by what etcd says: {_named(come)}")
        if gone:
            self._told(f"no longer of the fleet, by what etcd says: {_named(gone)}")

    def _config(self, name: str) -> HostConfig | None:
        """How a host is reached and what is said of it; None: it is not the fleet's."""
        said = self._memory.hosts.get(name)
        if (ours := self._in_file.get(name)) is not None:
            return overlaid_host(ours, said)
        if said is None or said.address is None:
            return None
        return overlaid_host(new_host(name, said, self._ssh), said)

    def _tell_problems(self) -> None:
        known, self._problems = self._problems, dict(self._memory.problems)
        new = [f"{key} in etcd {why}" for key, why in self._problems.items() if known.get(key) != why]
        for text in new[:_TOLD]:
            self._told(text)
        if len(new) > _TOLD:
            self._told(f"{len(new) - _TOLD} more keys in etcd cannot be read")


def _way(config: HostConfig) -> tuple[object, ...]:
    """What a connection rests on."""
    return config.address, config.port, config.user, config.transport


def _named(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


async def _forget_acting(memory: Memory, fleet: Fleet) -> None:
    """Show nobody as acting once etcd has not answered for longer than that is kept there."""
    forgotten = False
    while True:
        await asyncio.sleep(1.0)
        status = memory.status
        lost = status.state is not State.LIVE and (
            status.contact is None or clock.now() - status.contact > _ACTING_HOLDS
        )
        if lost is not forgotten:
            forgotten = lost
            for host in fleet.sessions:
                fleet.model.acted_on(host, () if lost else memory.acting(host))


async def ship(core: Core, memory: Memory, told: Tell) -> None:
    """Bring what is recorded in the state folder to etcd as it comes, until cancelled.

    :param told: takes why it is not brought, once until it is again.
    """
    from console.actions.audit_etcd import Shipping

    shipping = Shipping(memory.etcd, core.state_folder, core.fleet_mark)
    trouble: type[Exception] | None = None
    while True:
        try:
            await shipping.ship(clock.now())
            trouble = None
        except (StoreError, ConfigError) as error:
            if type(error) is not trouble:
                trouble = type(error)
                told(f"what is done here is recorded, and not in etcd yet: {error}")
        await asyncio.sleep(SHIP_EVERY_S)


async def look_after(etcd: EmbeddedEtcd, told: Tell) -> None:
    """Start the embedded etcd anew whenever it has ended, until cancelled.

    :param told: takes why it has ended, and what became of it.
    """
    failed = ""
    while True:
        await asyncio.sleep(_FAILED_S if failed else ALIVE_EVERY_S)
        if etcd.alive():
            failed = ""
            continue
        end = etcd.ending()
        try:
            if await etcd.restart_if_dead():
                told(f"the console's own etcd had ended, and was started anew: {end.why}")
            failed = ""
        except StoreError as error:
            if str(error) != failed:
                told(f"the console's own etcd has ended: {error}")
            failed = str(error)
