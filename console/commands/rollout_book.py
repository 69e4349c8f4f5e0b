"""The rollouts in etcd, kept up to date by what changes: of a thousand targets, one that goes on costs one.

mirror of rollouts/ ──▶ RolloutBook ──ids that changed──▶ a list, a screen
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING

from console.commands import clock
from console.rollouts import records
from console.rollouts.course import Progress
from console.rollouts.ledger import driver_name
from console.rollouts.rollout import Account, Rollout
from console.store.mirror import mirror

if TYPE_CHECKING:
    from console.fleet.memory import Memory
    from console.store.values import Entry, Event, Span


class RolloutBook:
    """All rollouts, or one. Filled by `run`, in a task of whoever shows it.

    :param only: the id of the one; None: all.
    :ivar problems: what cannot be read, by key.
    """

    def __init__(self, memory: Memory, only: str | None = None) -> None:
        self._memory = memory
        self._keys = memory.keys
        self._span: Span = memory.keys.under("rollouts") if only is None else memory.keys.rollout_span(only)
        self._rollouts: dict[str, Rollout] = {}
        self._progress: dict[str, dict[str, Progress]] = {}
        self._drivers: dict[str, str] = {}
        self._waiting: dict[tuple[str, str], datetime] = {}
        self._listed = False
        self._changed: set[str] = set()
        self._targets: set[str] = set()
        self._some = asyncio.Event()
        self.problems: dict[str, str] = {}

    # -- being told -------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow etcd, until cancelled. :raises StoreError: etcd says no."""
        entries: dict[str, Entry] = {}
        async with aclosing(mirror(self._memory.etcd, self._span, entries)) as changing:
            async for events in changing:
                self.take(events)

    def take(self, events: Iterable[Event]) -> None:
        """What has changed in etcd; the first time, all that there is."""
        copied: set[str] = set()  # an account that somebody holds does not change
        for event in events:
            identity, part, target = self._keys.rollout_parts(event.key)
            if part == "targets" and identity not in copied:
                copied.add(identity)
                self._progress[identity] = dict(self._progress.get(identity, {}))
            self.problems.pop(event.key, None)
            try:
                self._take(identity, part, target, event.entry)
            except (ValueError, KeyError) as error:
                self.problems[event.key] = str(error)
            self._changed.add(identity)
            if part == "targets":
                self._targets.add(target)
        self._listed = True
        self._some.set()

    def _take(self, identity: str, part: str, target: str, entry: Entry | None) -> None:
        if part == "targets":
            was = self._progress[identity].pop(target, None)
            if entry is not None:
                self._progress[identity][target] = now = records.read_progress(entry.value)
                self._see_waiting(identity, target, was, now)
        elif part == "driver":
            self._drivers.pop(identity, None)
            if entry is not None:
                self._drivers[identity] = driver_name(entry)
        elif not part:
            self._rollouts.pop(identity, None)
            if entry is not None:
                self._rollouts[identity] = records.read_rollout(entry.value)

    def _see_waiting(self, identity: str, target: str, was: Progress | None, now: Progress) -> None:
        key = identity, target
        if was is None or (was.stage, was.waiting) != (now.stage, now.waiting):
            self._waiting.pop(key, None)
            if self._listed:  # else it may have come long before we looked
                self._waiting[key] = clock.now()

    async def batch(self, pause: float) -> tuple[set[str], set[str]]:
        """Wait for a change, then gather what comes within `pause` seconds: rollouts, and targets, by ids."""
        await self._some.wait()
        await asyncio.sleep(pause)
        changed, self._changed = self._changed, set()
        targets, self._targets = self._targets, set()
        self._some.clear()
        return changed, targets

    # -- what is known ----------------------------------------------------------------------

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self._rollouts)

    def look_up(self, identity: str) -> Account | None:
        rollout = self._rollouts.get(identity)
        if rollout is None:
            return None
        return Account(rollout, self._progress.get(identity, {}), self._drivers.get(identity))

    def waiting_since(self, identity: str, target: str) -> datetime | None:
        """Since when it waits for what it waits for now, if we saw it begin."""
        return self._waiting.get((identity, target))
