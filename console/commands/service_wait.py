"""Waiting until services are what they are to be, and following them: etcd and the live fleet together.

etcd ─mirror─▶ ┐
               ├─▶ look(manifest) ──▶ once it has held for a moment: over
fleet ─feed──▶ ┘
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.actions.plan import Outcome, Result
from console.commands.service_desk import NO_ENGINE, instances_now
from console.engine.manifest import Manifest, manifest_of
from console.engine.service_states import InstanceState, reached
from console.engine.services import ServiceStore
from console.errors import first_of
from console.model.state import State
from console.store.mirror import mirror
from console.store.values import Entry

if TYPE_CHECKING:
    from console.commands.core import View
    from console.commands.output import Output

#: What is followed in etcd.
_KINDS = ("services", "instances", "engine")

#: Changes of the fleet that come within so many seconds are looked at together.
_PAUSE_S = 0.05

#: How long everything has to be as it is to be before it is believed, in seconds (DESIGN.md: settle time).
_SETTLE_S = 0.2


@dataclass(frozen=True, slots=True)
class Awaited:
    """One instance that is waited for.

    :param words: what it is now.
    :param blocked: waiting would not help: no host will have it.
    """

    target: str
    words: str
    done: bool
    blocked: bool = False


def progress(
    manifest: Manifest, view: View, names: Collection[str], were: Iterable[tuple[str, str]]
) -> list[Awaited]:
    """How far the instances of some services are.

    :param were: instances and their hosts from before, which may have to end there.
    """
    found: dict[tuple[str, str | None], Awaited] = {}
    for one in instances_now(manifest, view):
        if one.service not in names:
            continue
        words = f"{one.state}: {one.reason}" if one.reason else one.state.value
        done = reached(manifest.services[one.service], one)
        found[one.name, one.host] = Awaited(one.target, words, done, one.blocked)
    recorded = {(one.instance, one.host) for one in manifest.assigned}
    for name, host in were:
        if (name, host) not in found:
            ended = (name, host) not in recorded and not _runs(view, name, host)
            words = InstanceState.STOPPED.value if ended else "to be stopped"
            found[name, host] = Awaited(f"{host}/{name}", words, ended)
    return list(found.values())


def _runs(view: View, name: str, host: str) -> bool:
    """Whether a unit still is up where it was; where the host does not answer nobody can wait for it."""
    model = view.fleet.model
    unit = model.unit((host, name))
    if unit is None or model.host(host).state is not State.LIVE:
        return False
    return unit.active not in ("inactive", "failed")


async def wait(
    store: ServiceStore,
    view: View,
    names: Collection[str],
    were: Iterable[tuple[str, str]],
    timeout: float,
    out: Output,
    known: Collection[str] = (),
    *,
    engine_comes: bool = False,
) -> tuple[Result, ...]:
    """Wait until the services are what they are to be, telling `out` what happens; one result an instance.

    It ends at once where no engine is there to do anything, and with those left that no host will have.

    :param were: see `progress`.
    :param timeout: seconds.
    :param known: targets that no host will have, of which that was told already.
    :param engine_comes: whether an engine is on its way, where none is there yet.
    :raises StoreError: etcd does not let us follow it.
    """
    waiting = ServiceWait(view, names, tuple(were), known, out, engine_comes=engine_comes)
    try:
        async with asyncio.timeout(timeout):
            await watched(store, view, waiting.look)
        why = "no engine is elected"
        if waiting.unhelped:
            out.note(NO_ENGINE)
    except TimeoutError:
        why = f"not so within {timeout:g} s (--timeout)"
    except asyncio.CancelledError:
        out.note("what is desired stays so; `service status` says how far it is")
        raise
    return waiting.results(why)


class ServiceWait:
    """What has been seen of the services so far, and told."""

    def __init__(
        self,
        view: View,
        names: Collection[str],
        were: tuple[tuple[str, str], ...],
        known: Collection[str],
        out: Output,
        *,
        engine_comes: bool = False,
    ) -> None:
        self._view, self._names, self._were = view, names, were
        self._known = known
        self._out = out
        self._began = time.monotonic()
        self._last: list[Awaited] = []
        self._told: dict[str, str] | None = None  # None until the first look
        self._seconds: dict[str, float] = {}
        # None until one was seen, where none is to come.
        self._engine: bool | None = False if engine_comes else None

    def look(self, manifest: Manifest) -> bool:
        """See how far it is, and tell what is new; whether there is nothing to wait for any more."""
        self._last = progress(manifest, self._view, self._names, self._were)
        told = self._told or {}
        for one in self._last:
            if one.done:
                self._seconds.setdefault(one.target, time.monotonic() - self._began)
            else:
                self._seconds.pop(one.target, None)
            # What was so from the first look on, or was told as refused, is no progress.
            silent = self._told is None and (one.done or one.target in self._known)
            if told.get(one.target) != one.words and not silent:
                self._out.note(f"{one.target}: {one.words}")
        self._told = {**told, **{one.target: one.words for one in self._last}}
        self._see_engine(manifest.engine)
        return self._engine is None or all(one.done or one.blocked for one in self._last)

    def _see_engine(self, there: bool) -> None:
        """One that goes has a successor, or the time runs out."""
        if self._engine and not there:
            self._out.note("the engine is gone: waiting for the next one")
        if there or self._engine is not None:
            self._engine = there

    @property
    def unhelped(self) -> bool:
        """Whether there is something to do, and never was an engine to do it."""
        return self._engine is None and not all(one.done or one.blocked for one in self._last)

    def results(self, why: str) -> tuple[Result, ...]:
        """What became of each; `why` there are some that did not come out as intended."""
        return tuple(
            _result(one, self._seconds.get(one.target), why)
            for one in self._last
            if not (one.blocked and one.target in self._known)
        )


def _result(one: Awaited, seconds: float | None, why: str) -> Result:
    if one.done:
        return Result(one.target, Outcome.DONE, one.words, None if seconds is None else round(seconds, 3))
    if one.blocked:
        return Result(one.target, Outcome.REFUSED, one.words)
    return Result(one.target, Outcome.FAILED, f"{one.words}; {why}")


async def watched(store: ServiceStore, view: View, look: Callable[[Manifest], bool]) -> None:
    """Have `look` see what is desired, now and whenever that or the fleet changes, until it says so.

    :param look: whether it has seen enough; it must say so for as long as things take to settle.
    :raises StoreError: etcd does not let us follow it.
    """
    followed = _Followed(store, view)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(followed.follow(kind), name=f"following {kind}") for kind in _KINDS]
            tasks.append(group.create_task(followed.hear(), name="following the fleet"))
            try:
                await followed.until(look)
            finally:
                for task in tasks:
                    task.cancel()
    except BaseExceptionGroup as errors:
        raise first_of(errors) from None


class _Followed:
    """What is desired as etcd has it now, and whether anything has happened since it was looked at."""

    def __init__(self, store: ServiceStore, view: View) -> None:
        self._store = store
        self._model = view.fleet.model
        self._entries: dict[str, dict[str, Entry]] = {kind: {} for kind in _KINDS}
        self._listed: set[str] = set()
        self._stirred = asyncio.Event()

    async def follow(self, kind: str) -> None:
        """Keep one kind of key as it is in etcd."""
        changing = mirror(self._store.etcd, self._store.keys.under(kind), self._entries[kind])
        async with aclosing(changing):
            async for _ in changing:
                self._listed.add(kind)
                self._stirred.set()

    async def hear(self) -> None:
        """Hear of what changes in the fleet."""
        feed = self._model.feed()
        try:
            while True:
                await feed.batch(_PAUSE_S)
                self._stirred.set()
        finally:
            self._model.leave(feed)

    async def until(self, look: Callable[[Manifest], bool]) -> None:
        """Look whenever something has happened, until `look` has said yes for long enough."""
        loop = asyncio.get_running_loop()
        since: float | None = None
        while True:
            left: float | None = None
            if len(self._listed) == len(_KINDS):
                if look(self._manifest()):
                    since = loop.time() if since is None else since
                    left = since + _SETTLE_S - loop.time()
                    if left <= 0:
                        return
                else:
                    since = None
            try:
                async with asyncio.timeout(left):
                    await self._stirred.wait()
            except TimeoutError:
                pass
            self._stirred.clear()

    def _manifest(self) -> Manifest:
        keys = self._store.keys
        return manifest_of(
            keys,
            tuple(self._entries["services"].values()),
            tuple(self._entries["instances"].values()),
            engine=keys.leader in self._entries["engine"],
        )
