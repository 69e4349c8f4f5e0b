"""How etcd itself is doing, looked at now and then for as long as a console runs.

What every console needs at once, that etcd answers and who acts where, comes by itself (`fleet/memory.py`).
Members, sizes and alarms have to be asked for: seldom, and more often while somebody looks at them.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from console.commands import clock
from console.commands.picture import Trouble
from console.commands.rows.base import Cell, Tone
from console.commands.rows.etcd import MemberRow
from console.errors import StoreError
from console.model.state import State
from console.model.store import StoreStatus

if TYPE_CHECKING:
    from console.fleet.memory import Memory

#: Seconds between two looks: while nobody looks, while somebody does, and at the very least.
SELDOM_S, OFTEN_S, LEAST_S = 15.0, 5.0, 1.0

#: The cluster has to say within so many seconds how it is; then each endpoint is asked by itself.
_PATIENCE_S = 3.0

#: From this share of the quota on, in percent, somebody should make room.
_FILLING = 80


@dataclass(frozen=True, slots=True)
class ClusterLook:
    """What one look has shown.

    :param at: when it was, UTC.
    :param revision: the store's; None where the cluster did not say.
    :param newest: the revision at which one of the fleet's keys was changed last, 0: there are none.
    :param alarms: (member, what).
    :param problem: why the cluster did not say; its endpoints were asked then, each by itself.
    """

    at: datetime
    members: tuple[MemberRow, ...] = ()
    revision: int | None = None
    newest: int = 0
    alarms: tuple[tuple[str, str], ...] = ()
    problem: str | None = None


class ClusterWatch:
    """Looks at the cluster behind a memory, by `run`.

    :ivar last: what the last look has shown; None before the first one.
    :param changed: called after each look.
    """

    def __init__(self, memory: Memory, changed: Callable[[], None]) -> None:
        self.last: ClusterLook | None = None
        self._memory = memory
        self._changed = changed
        self._watchers = 0
        self._soon = asyncio.Event()
        self._names: dict[str, str] = {}
        self._since: dict[tuple[str, str], datetime] = {}

    async def run(self) -> None:
        """Look, until cancelled: now and then, and whenever etcd comes or goes."""
        told = self._memory.etcd.health.changed
        told.append(self._soon.set)
        try:
            while True:
                self._soon.clear()
                self.last = await self._look()
                self._changed()
                await asyncio.sleep(LEAST_S)
                try:
                    async with asyncio.timeout(OFTEN_S if self._watchers else SELDOM_S):
                        await self._soon.wait()
                except TimeoutError:
                    pass  # nothing has happened; it is looked at all the same
        finally:
            told.remove(self._soon.set)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Somebody looks at it for as long as the context is held."""
        self._watchers += 1
        self._soon.set()
        try:
            yield
        finally:
            self._watchers -= 1

    def troubles(self) -> list[Trouble]:
        """What is wrong with etcd as far as the last look has shown; see `store_troubles` for the rest."""
        found = list(_troubles(self.last)) if self.last is not None else []
        now = clock.now()
        self._since = {
            (one.what, one.how.text): self._since.get((one.what, one.how.text), now) for one in found
        }
        return [dataclasses.replace(one, since=self._since[one.what, one.how.text]) for one in found]

    async def _look(self) -> ClusterLook:
        from console.store.members import cluster_status, endpoints_status

        etcd, status = self._memory.etcd, self._memory.status
        problem = status.reason
        if problem is None:
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    cluster = await cluster_status(etcd)
                    newest = await etcd.range(self._memory.keys.all, limit=1, values=False, newest=True)
            except TimeoutError:
                problem = self._memory.status.reason or "it does not say how it is in time"
            except StoreError as error:
                problem = error.message
            else:
                self._names |= {one.endpoint: one.name for one in cluster.members}
                return ClusterLook(
                    clock.now(),
                    tuple(MemberRow(**dataclasses.asdict(one)) for one in cluster.members),
                    cluster.revision,
                    max((entry.modified for entry in newest.entries), default=0),
                    cluster.alarms,
                )
        told = await endpoints_status(etcd, self._names)
        members = tuple(MemberRow(**dataclasses.asdict(one)) for one in told)
        return ClusterLook(clock.now(), members, problem=problem)


def why_not(status: StoreStatus) -> str:
    """Why etcd does not answer, without that it has no quorum, which is told beside it."""
    return (status.reason or "").removeprefix("no quorum: ")


def store_troubles(status: StoreStatus) -> list[Trouble]:
    """That etcd does not answer, as a trouble of the console itself; nothing while it does."""
    if status.state is State.LIVE or status.reason is None:
        return []
    how = Cell.state("no quorum" if status.no_quorum else "unreachable", Tone.BAD)
    return [Trouble("", "etcd", how, status.contact or status.since, why_not(status))]


def _troubles(look: ClusterLook) -> Iterator[Trouble]:
    for member, what in look.alarms:
        yield Trouble("", f"etcd {member}", Cell.state(what, Tone.BAD), None, "no writes; see `etcd recover`")
    for one in look.members:
        if one.problem is not None:
            how = "down" if one.version is None else "ailing"
            yield Trouble("", f"etcd {one.name}", Cell.state(how, Tone.WARN), None, one.problem)
        elif one.size is not None and one.quota and 100 * one.size >= _FILLING * one.quota:
            why = f"{100 * one.size // one.quota}% of its quota is used; see `etcd recover`"
            yield Trouble("", f"etcd {one.name}", Cell.state("filling", Tone.WARN), None, why)
