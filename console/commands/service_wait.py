"""Waiting until services are what they are to be, and following them: etcd and the live fleet together.

etcd ─mirror─▶ ┐
               ├─▶ look(manifest) ──▶ once it has held for a moment: over
fleet ─feed──▶ ┘
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from console.actions.plan import Outcome, Result
from console.commands.service_desk import NO_ENGINE, instances_now
from console.engine.following import Following, Seen
from console.engine.manifest import Manifest
from console.engine.service_states import Instance, InstanceState, reached
from console.engine.services import ServiceStore
from console.errors import first_of
from console.model.state import State

if TYPE_CHECKING:
    from console.commands.core import View
    from console.commands.output import Output

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


#: How far everything is that is waited for.
Progress = Callable[[Manifest], list[Awaited]]


@dataclass(frozen=True, slots=True)
class Before:
    """A placed instance as it was before the change that is waited for.

    :param since: since when its unit was in its state; None where the host showed none.
    """

    instance: str
    host: str
    revision: int
    since: datetime | None


def before(manifest: Manifest, view: View, names: Collection[str]) -> tuple[Before, ...]:
    """What is placed of some services now."""
    model = view.fleet.model
    return tuple(
        Before(
            one.instance,
            one.host,
            one.revision,
            None if (unit := model.unit((one.host, one.instance))) is None else unit.since,
        )
        for one in manifest.assigned
        if one.service in names
    )


def progress(view: View, names: Collection[str], were: Iterable[Before], manifest: Manifest) -> list[Awaited]:
    """How far the instances of some services are.

    What is to run another revision than before does so once its unit has begun another life: an engine writes
    down which revision it is to be before it is.

    :param were: what was placed before, and may have to end where it was.
    """
    found: dict[tuple[str, str | None], Awaited] = {}
    lives = {(one.instance, one.host): one for one in were}
    for one in instances_now(manifest, view):
        if one.service not in names:
            continue
        words = f"{one.state}: {one.reason}" if one.reason else one.state.value
        done = reached(manifest.services[one.service], one)
        life = lives.get((one.name, one.host or ""))
        if done and life is not None and _lives_on(one, life):
            words, done = f"revision {life.revision} still runs", False
        found[one.name, one.host] = Awaited(one.target, words, done, one.blocked)
    recorded = {(one.instance, one.host) for one in manifest.assigned}
    for name, host in lives:
        if (name, host) not in found:
            ended = (name, host) not in recorded and not runs(view, name, host)
            words = InstanceState.STOPPED.value if ended else "to be stopped"
            found[name, host] = Awaited(f"{host}/{name}", words, ended)
    return list(found.values())


def _lives_on(one: Instance, life: Before) -> bool:
    """Whether an instance that is to run another revision still is in the life of the one before."""
    return one.revision != life.revision and one.unit is not None and one.unit.since == life.since


def runs(view: View, name: str, host: str) -> bool:
    """Whether a unit still is up where it was; where the host does not answer nobody can wait for it."""
    model = view.fleet.model
    unit = model.unit((host, name))
    if unit is None or model.host(host).state is not State.LIVE:
        return False
    return unit.active not in ("inactive", "failed")


async def wait(
    store: ServiceStore,
    view: View,
    progress: Progress,
    timeout: float | None,
    out: Output,
    known: Collection[str] = (),
    *,
    engine_comes: bool = False,
) -> tuple[Result, ...]:
    """Wait until all is as it is to be, telling `out` what happens; one result an instance.

    It ends at once where no engine is there to do anything, and with those left that no host will have.

    :param timeout: seconds; None: for as long as it takes.
    :param known: targets that no host will have, of which that was told already.
    :param engine_comes: whether an engine is on its way, where none is there yet.
    :raises StoreError: etcd does not let us follow it.
    """
    waiting = ServiceWait(progress, known, out, engine_comes=engine_comes)
    try:
        async with asyncio.timeout(timeout):
            await watched(store, view, waiting.see)
        why = "no engine is elected"
        if waiting.unhelped:
            out.note(NO_ENGINE)
    except TimeoutError:
        why = f"not so within {timeout or 0:g} s (--timeout)"
    except asyncio.CancelledError:
        out.note("what is desired stays so; `service status` says how far it is")
        raise
    return waiting.results(why)


class ServiceWait:
    """What has been seen so far, and told."""

    def __init__(
        self, progress: Progress, known: Collection[str], out: Output, *, engine_comes: bool = False
    ) -> None:
        self._progress = progress
        self._known = known
        self._out = out
        self._began = time.monotonic()
        self._last: list[Awaited] = []
        self._told: dict[str, str] | None = None  # None until the first look
        self._held: str | None = None
        self._seconds: dict[str, float] = {}
        # None until one was seen, where none is to come.
        self._engine: bool | None = False if engine_comes else None

    def see(self, seen: Seen) -> bool:
        """As `look`; that an engine's brake holds everything up is told, once each time."""
        held = None if seen.brake is None else seen.brake.why
        if held is not None and held != self._held:
            self._out.note(f"{held}: nothing is moved or stopped until `quarterdeck engine resume`")
        self._held = held
        return self.look(seen.manifest)

    def look(self, manifest: Manifest) -> bool:
        """See how far it is, and tell what is new; whether there is nothing to wait for any more."""
        self._last = self._progress(manifest)
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


async def watched(store: ServiceStore, view: View, look: Callable[[Seen], bool]) -> None:
    """Have `look` see what is desired, now and whenever that or the fleet changes, until it says so.

    :param look: whether it has seen enough; it must say so for as long as things take to settle.
    :raises StoreError: etcd does not let us follow it.
    """
    following = Following(store.etcd)
    stirred = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as group:
            tasks = (
                group.create_task(following.follow(stirred.set), name="following services"),
                group.create_task(_hear(view, stirred), name="following the fleet"),
            )
            try:
                await _until(following, stirred, look)
            finally:
                for task in tasks:
                    task.cancel()
    except BaseExceptionGroup as errors:
        raise first_of(errors) from None


async def _hear(view: View, stirred: asyncio.Event) -> None:
    """Hear of what changes in the fleet."""
    model = view.fleet.model
    feed = model.feed()
    try:
        while True:
            await feed.batch(_PAUSE_S)
            stirred.set()
    finally:
        model.leave(feed)


async def _until(following: Following, stirred: asyncio.Event, look: Callable[[Seen], bool]) -> None:
    """Look whenever something has happened, until `look` has said yes for long enough."""
    loop = asyncio.get_running_loop()
    since: float | None = None
    while True:
        left: float | None = None
        if following.ready:
            if look(following.seen):
                since = loop.time() if since is None else since
                left = since + _SETTLE_S - loop.time()
                if left <= 0:
                    return
            else:
                since = None
        try:
            async with asyncio.timeout(left):
                await stirred.wait()
        except TimeoutError:
            pass
        stirred.clear()
