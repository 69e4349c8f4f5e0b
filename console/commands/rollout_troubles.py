"""Rollouts that wait for a person, as troubles: halted, paused for long, or with nobody to carry them on.

    etcd ──keys, then changes──▶ RolloutWatch ──▶ troubles: a list, a screen

What rollouts say of each of their targets is neither read nor kept: of a thousand hosts that is much, and the
page of a rollout has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from console.commands import clock
from console.commands.picture import Trouble
from console.commands.rows.base import Cell, Tone
from console.errors import StoreError, StoreUnreachable, first_of
from console.model.text import clean
from console.rollouts import records
from console.rollouts.rollout import Rollout, State
from console.store.client import Compacted
from console.store.watch import watch

if TYPE_CHECKING:
    from console.store.client import Etcd
    from console.store.schema import Keys
    from console.store.values import Event, Listing

#: A rollout that is paused for longer may be forgotten.
PAUSED_FOR = timedelta(hours=1)

#: Who drives a rollout and vanishes is followed by another within less.
UNDRIVEN_FOR = timedelta(minutes=1)

#: What time alone makes a trouble is looked for this often, in seconds.
_LOOK_EVERY_S = 15.0

#: What etcd has refused is asked for again after so many seconds.
_REFUSED_S = 15.0

#: So many rollouts are read at a time.
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Standing:
    """How a rollout stands as a whole.

    :param undriven: since when nobody carries it out; None: somebody does.
    """

    rollout: Rollout
    undriven: datetime | None


def rollout_troubles(standing: Iterable[Standing], now: datetime) -> Iterator[Trouble]:
    """What is wrong with rollouts. Pure."""
    for one in standing:
        rollout = one.rollout
        identity, since = rollout.id, rollout.since or rollout.created
        match rollout.state:
            case State.HALTED:
                why = f"{rollout.why or 'it does not say why'}; `rollout resume {identity}`, abort or undo"
                yield _trouble(rollout, Cell.state("halted", Tone.BAD), since, why)
            case State.PAUSED if now - since > PAUSED_FOR:
                by = f"by {rollout.changed_by}, " if rollout.changed_by else ""
                why = f"{by}for longer than 1 h; `rollout resume {identity}`, or abort"
                yield _trouble(rollout, Cell.state("paused", Tone.WARN), since, why)
            case State.WRITTEN | State.RUNNING | State.ABORTING:
                if one.undriven is not None and now - one.undriven > UNDRIVEN_FOR:
                    verb = "resume" if rollout.state is State.RUNNING else "abort"
                    why = f"nobody carries it on: `rollout {verb} {identity}` does from here, or an engine"
                    yield _trouble(rollout, Cell.state("not driven", Tone.WARN), one.undriven, why)


def _trouble(rollout: Rollout, how: Cell, since: datetime, why: str) -> Trouble:
    told = f"{clean(why, 400)} ({clean(rollout.line, 80)})"
    return Trouble("", f"rollout {rollout.id}", how, since, told, rollout=rollout.id)


class RolloutWatch:
    """Kept up by `run`, or read once by `read`.

    :param changed: told when any of it is another.
    :param told: takes what etcd refuses, once.
    """

    def __init__(
        self, etcd: Etcd, keys: Keys, changed: Callable[[], None], told: Callable[[str], None]
    ) -> None:
        self._etcd = etcd
        self._keys = keys
        self._span = keys.under("rollouts")
        self._changed, self._told = changed, told
        self._standing: dict[str, Standing] = {}

    def troubles(self) -> list[Trouble]:
        """What is wrong with rollouts now."""
        return list(rollout_troubles(self._standing.values(), clock.now()))

    async def run(self) -> None:
        """Keep it up, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(), name="following rollouts")
            group.create_task(self._look(), name="rollouts that wait for long")

    async def read(self) -> None:
        """:raises StoreError: etcd does not say."""
        await self._list(await self._etcd.list(self._span, values=False))

    # -- being told -------------------------------------------------------------------------

    async def _follow(self) -> None:
        refused = ""
        while True:
            try:
                listing = await self._etcd.list(self._span, values=False)
                await self._list(listing)
                self._changed()
                async with aclosing(watch(self._etcd, self._span, listing.revision)) as watching:
                    async for events in watching:
                        if self._take(events):
                            self._changed()
            except (Compacted, StoreUnreachable):
                continue  # that etcd does not answer is in the status of the connection
            except StoreError as error:
                if str(error) != refused:
                    refused = str(error)
                    self._told(f"rollouts: {refused}")
                await asyncio.sleep(_REFUSED_S)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            if self.troubles():
                self._changed()

    async def _list(self, listing: Listing) -> None:
        """Know those of a listing, and no others. :raises StoreError: etcd does not say."""
        driven, found = set(), []
        for entry in listing.entries:
            identity, part, _ = self._keys.rollout_parts(entry.key)
            if part == "driver":
                driven.add(identity)
            elif not part:
                found.append(identity)
        turns = asyncio.Semaphore(_AT_ONCE)
        read: dict[str, Standing] = {}

        async def read_one(identity: str) -> None:
            async with turns:
                entry = await self._etcd.get(self._keys.rollout(identity))
            rollout = None if entry is None else _read(entry.value)
            if rollout is not None:
                known = self._standing.get(identity)
                since = (known and known.undriven) or rollout.since or rollout.created
                read[identity] = Standing(rollout, None if identity in driven else since)

        try:
            async with asyncio.TaskGroup() as group:
                for identity in found:
                    group.create_task(read_one(identity))
        except* StoreError as errors:
            raise first_of(errors) from None
        self._standing = read

    def _take(self, events: Iterable[Event]) -> bool:
        """What has changed; whether any of it is of a rollout as a whole."""
        whole = False
        for event in events:
            identity, part, _ = self._keys.rollout_parts(event.key)
            if part != "targets":
                whole = True
                self._take_whole(identity, part, event)
        return whole

    def _take_whole(self, identity: str, part: str, event: Event) -> None:
        known = self._standing.get(identity)
        if part == "driver" and known is not None:
            self._standing[identity] = replace(known, undriven=clock.now() if event.entry is None else None)
        elif not part:
            rollout = None if event.entry is None else _read(event.entry.value)
            if rollout is None:
                self._standing.pop(identity, None)
            else:
                undriven = clock.now() if known is None else known.undriven
                self._standing[identity] = Standing(rollout, undriven)


def _read(value: bytes) -> Rollout | None:
    """None for what cannot be read: the list of rollouts says so."""
    try:
        return records.read_rollout(value)
    except (ValueError, KeyError):
        return None


@asynccontextmanager
async def rollouts_watched(
    etcd: Etcd, keys: Keys, told: Callable[[str], None], *, follow: bool
) -> AsyncIterator[Callable[[], list[Trouble]]]:
    """What is wrong with rollouts, for who has no screen: followed while the context is held, or read once.

    :param told: takes why that is not known.
    """
    seen = RolloutWatch(etcd, keys, lambda: None, told)
    if not follow:
        try:
            await seen.read()
        except StoreError as error:
            told(f"rollouts: {error}")
        yield seen.troubles
        return
    task = asyncio.create_task(seen.run(), name="rollouts")
    try:
        yield seen.troubles
    finally:
        task.cancel()
        await asyncio.wait((task,))
