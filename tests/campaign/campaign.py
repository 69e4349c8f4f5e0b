"""A campaign of faults, drawn from a seed: what befalls hosts, engines and etcd, and what holds after each.

    draw a fault ─▶ it lasts a while; meanwhile something else may be desired ─▶ all is whole again
         ─▶ desired = actual, within a limit; no exclusive instance had two copies for a moment ─▶ the next
    at the end: nothing has stopped on any host without a cause

What is actual, what ran where and what has stopped the hosts say by their own records. The same seed draws
the same. Where it is fought is a `Ground`: real hosts of the lab, or simulated ones whose time goes faster.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

import pytest

from tests.campaign.records import Records
from tests.engine.engine_process import EngineProcess

#: How long a lease lasts and how often it is wound; with what a stop may take and the margin, an instance of
#: a lost host is elsewhere after so long. Seconds, as all times of the hosts.
TTL_S, WIND_S = 12.0, 2.0
ELSEWHERE_S = TTL_S + 12.0

#: How long a fault lasts: too short to be noticed, noticed, longer than it takes to give a host up, and
#: longer than what is exclusive needs to be elsewhere.
LASTS_S = (0.5, 3.0, 8.0, 18.0, ELSEWHERE_S + 8.0)

#: A host that stands still for longer than its lease is not covered (docs/decisions/0009-at-most-once.md).
_PAUSED_S = 8.0

#: Until all is as desired, once everything is whole. Seconds of ours, on a machine that does much else.
SETTLED_S = 120.0

_REPLICAS = (2, 8)
FRONT = "camp@.service"
_FRONT = (
    "[Unit]\nDescription=text {}\n[Service]\nExecStart=/bin/sleep infinity\n[X-Quarterdeck]\nReplicas=6\n"
)


class Ground(Protocol):
    """Where a campaign is fought: hosts, an etcd, and engines that look after them."""

    @property
    def hosts(self) -> Sequence[str]:
        """Their names."""

    @property
    def engines(self) -> Sequence[EngineProcess]:
        """All that were begun, also those that have ended."""

    @property
    def pace(self) -> float:
        """How many times as fast as ours the time of hosts and engines goes."""

    @property
    def exclusive(self) -> Mapping[str, str]:
        """The texts of exclusive units that are watched, by name."""

    @property
    def pauses(self) -> bool:
        """Whether a host can be made to stand still."""

    # What befalls it; each is over when its context is left, which is after `seconds` of the hosts' time.
    def dark(self, host: str, seconds: float) -> AbstractAsyncContextManager[None]:
        """A host without power."""

    def cut(self, host: str, seconds: float) -> AbstractAsyncContextManager[None]:
        """A host that is not reached. What was on its way comes late."""

    def slow(self, host: str, seconds: float, delay: float) -> AbstractAsyncContextManager[None]:
        """A host whose line takes `delay` seconds each way."""

    def paused(self, host: str, seconds: float) -> AbstractAsyncContextManager[None]:
        """A host that stands still with all that it runs."""

    def etcd_away(self) -> AbstractAsyncContextManager[None]:
        """An etcd that does not answer."""

    async def engine(self) -> None:
        """One engine more."""

    # What is wanted.
    async def submit(self, units: Mapping[str, str]) -> None:
        """Have services run, by name and text."""

    async def scale(self, service: str, replicas: int) -> None:
        """Have a service have so many instances."""

    # What is.
    async def placed(self) -> Mapping[str, str]:
        """The host of each instance, as etcd has it."""

    async def running(self) -> Mapping[str, tuple[str, ...]]:
        """The hosts on which each unit of ours is up, by their own word; of silent ones none."""

    async def texts(self) -> set[str]:
        """The descriptions of all instances of `FRONT`, likewise."""

    async def let_go_of_the_brake(self) -> bool:
        """Have the engine go on where it waits for a person; whether it did."""

    async def records(self) -> Records:
        """What is written down since the beginning."""


@dataclass
class Campaign:
    """One campaign. `told` is its story so far."""

    ground: Ground
    seed: int
    told: list[str] = field(default_factory=list)
    replicas: int = 6
    text: int = 0

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)

    async def begin(self) -> None:
        """Two engines, and services that run."""
        await self.ground.engine()
        await self.ground.engine()
        await self.ground.submit({FRONT: _FRONT.format(self.text), **self.ground.exclusive})
        await self.settle()

    async def run(self, rounds: int) -> Records:
        """The test fails in the round in which something is not as it is to be. What was written down."""
        for number in range(1, rounds + 1):
            self.told.append(f"round {number}")
            await self._round()
        records = await self.ground.records()
        assert records.uncaused == [], self._story("nothing stops without a cause")
        return records

    async def _round(self) -> None:
        """One fault, and maybe another wish while it lasts."""
        fault, lasts = self._draw.choice(self._faults), self._draw.choice(LASTS_S)
        wish = self._draw.choice((None, self._scale, self._revise))
        if fault == self._paused:
            lasts = min(lasts, _PAUSED_S)
        async with fault(lasts) as what:
            self.told.append(f"{what} for {lasts:g} s")
            began = time.monotonic()
            if wish is not None and fault != self._etcd_away:
                await wish()
            # How long a fault lasts is the fault.
            await asyncio.sleep(max(0.0, lasts / self.ground.pace - (time.monotonic() - began)))
        await self.settle()
        records = await self.ground.records()
        assert records.doubled == {}, self._story("no exclusive instance has two copies")

    async def settle(self) -> None:
        """Wait until all is as desired, and see that it stays so."""
        until = time.monotonic() + SETTLED_S
        while (wrong := await self._not_as_desired()) is not None:
            if await self.ground.let_go_of_the_brake():
                self.told.append("engine resume")
            if time.monotonic() > until:
                said = "\n".join(engine.said[-3000:] for engine in self.ground.engines)
                pytest.fail(self._story(f"not within {SETTLED_S:g} s as desired: {wrong}\n{said}\n"))
            await asyncio.sleep(0.1)

    # -- what befalls it --------------------------------------------------------------------

    @property
    def _faults(self) -> tuple[Callable[[float], AbstractAsyncContextManager[str]], ...]:
        return (
            *(self._dark, self._cut, self._cut, self._two_cut, self._slow),
            *(self._engine_killed, self._engine_frozen, self._engine_ended, self._etcd_away),
            *((self._paused,) if self.ground.pauses else ()),
        )

    async def _host(self) -> str:
        """Mostly one that has something to lose."""
        placed = await self.ground.placed()
        bearing = sorted({placed[name] for name in self.ground.exclusive if name in placed})
        return self._draw.choice([*bearing, *bearing, *bearing, *self.ground.hosts])

    @asynccontextmanager
    async def _dark(self, lasts: float) -> AsyncIterator[str]:
        host = await self._host()
        async with self.ground.dark(host, lasts):
            yield f"{host} has no power"

    @asynccontextmanager
    async def _cut(self, lasts: float) -> AsyncIterator[str]:
        host = await self._host()
        async with self.ground.cut(host, lasts):
            yield f"{host} is cut off"

    @asynccontextmanager
    async def _two_cut(self, lasts: float) -> AsyncIterator[str]:
        one, other = self._draw.sample(list(self.ground.hosts), 2)
        async with self.ground.cut(one, lasts), self.ground.cut(other, lasts):
            yield f"{one} and {other} are cut off"

    @asynccontextmanager
    async def _slow(self, lasts: float) -> AsyncIterator[str]:
        host, delay = await self._host(), self._draw.choice((0.5, 3.0))
        async with self.ground.slow(host, lasts, delay):
            yield f"{host} takes {delay:g} s each way"

    @asynccontextmanager
    async def _paused(self, lasts: float) -> AsyncIterator[str]:
        host = await self._host()
        async with self.ground.paused(host, lasts):
            yield f"{host} stands still"

    @asynccontextmanager
    async def _engine_killed(self, lasts: float) -> AsyncIterator[str]:
        engine, name = self._an_engine()
        engine.kill()
        yield f"{name} is killed"
        await self.ground.engine()

    @asynccontextmanager
    async def _engine_ended(self, lasts: float) -> AsyncIterator[str]:
        engine, name = self._an_engine()
        engine.end()
        yield f"{name} has ended"
        await self.ground.engine()

    @asynccontextmanager
    async def _engine_frozen(self, lasts: float) -> AsyncIterator[str]:
        engine, name = self._an_engine()
        engine.freeze()
        try:
            yield f"{name} is frozen"
        finally:
            engine.thaw()

    @asynccontextmanager
    async def _etcd_away(self, lasts: float) -> AsyncIterator[str]:
        async with self.ground.etcd_away():
            yield "etcd does not answer"

    def _an_engine(self) -> tuple[EngineProcess, str]:
        """One that lives, and its name: mostly the one that was elected last."""
        living = [(at, engine) for at, engine in enumerate(self.ground.engines) if engine.lives]
        leader = max(living, key=lambda one: one[1].elected)
        number, engine = self._draw.choice([leader, leader, *living])
        return engine, f"engine {number}{', which leads,' if engine is leader[1] else ''}"

    # -- what is desired --------------------------------------------------------------------

    async def _scale(self) -> None:
        self.replicas = self._draw.randint(*_REPLICAS)
        await self.ground.scale(FRONT, self.replicas)
        self.told.append(f"{self.replicas} replicas")

    async def _revise(self) -> None:
        self.text += 1
        await self.ground.submit({FRONT: _FRONT.format(self.text)})
        self.told.append(f"text {self.text}")

    # -- what has to hold -------------------------------------------------------------------

    async def _not_as_desired(self) -> str | None:
        """What is not as it is to be; None: each instance runs once, where etcd has it, and is the newest."""
        names = {f"camp@{number}.service" for number in range(1, self.replicas + 1)} | set(
            self.ground.exclusive
        )
        placed, running = await self.ground.placed(), await self.ground.running()
        if set(placed) != names:
            return f"placed are {sorted(placed)}"
        if running != {name: (host,) for name, host in placed.items()}:
            return f"of {dict(placed)} run {dict(running)}"
        if (texts := await self.ground.texts()) != {f"text {self.text}"}:
            return f"texts are {sorted(texts)}"
        return None

    def _story(self, what: str) -> str:
        return f"{what}; seed {self.seed}: {'; '.join(self.told)}"
