"""A kind of rollout whose hosts are a dictionary: what the driver does with any kind, without hosts."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

from console.rollouts import kinds
from console.rollouts.course import Course, Done, End, Failed, Outcome, Stage, Waiting
from console.rollouts.kind import At, Site
from console.rollouts.ledger import Ledger
from console.rollouts.rollout import Account, Rollout, Target
from console.store.client import Etcd
from console.store.schema import Keys

KIND = "acting"
COURSE = Course(
    (
        Stage("ready", "gets ready", "change", End.FAILED, turning=True),
        Stage("change", "is changed", "prove", "leave"),
        Stage("prove", "proves itself", End.DONE, "back"),
        Stage("leave", "is left", End.FAILED, End.FAILED),
        Stage("back", "goes back", End.ROLLED_BACK, End.LOST),
    ),
    turned_back="leave",
)


@dataclass
class World:
    """What there is of some targets, and what has been done to them.

    :param version: of each; changed by `change` from old to new.
    :param bad: targets that do not prove themselves.
    :param out: targets that are out of service now, and how many that ever were at once.
    :param concluded: as what a rollout was concluded, each time.
    :param unfinished: why it could not be, the next times.
    :param seen: called before each stage of each target.
    """

    version: dict[str, str] = field(default_factory=dict)
    bad: set[str] = field(default_factory=set)
    changed: Counter[str] = field(default_factory=Counter)
    out: set[str] = field(default_factory=set)
    most_out: int = 0
    denied: list[str] = field(default_factory=list)
    slots: int | None = None
    concluded: list[bool] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    seen: Callable[[str, str], None] = lambda target, stage: None
    waits: Callable[[str, str], bool] = lambda target, stage: False


class Acting:
    """See `Kind`."""

    course = COURSE

    def __init__(self, world: World) -> None:
        self._world = world

    async def perform(self, at: At) -> Outcome:
        world, name, stage = self._world, at.target.id, at.progress.stage
        world.seen(name, stage)
        if world.waits(name, stage):
            return Waiting("for the test")
        world.out.add(name)
        world.most_out = max(world.most_out, len(world.out))
        await asyncio.sleep(0)
        match stage:
            case "change" if world.version[name] != "new":
                world.version[name] = "new"
                world.changed[name] += 1
            case "prove":
                if name in world.bad:
                    return Failed("it is not well", blames=True)
                world.out.discard(name)
            case "back":
                world.version[name] = "old"
                world.out.discard(name)
        return Done()

    async def slots(self, rollout: Rollout) -> int | None:
        return self._world.slots

    def away(self, rollout: Rollout) -> frozenset[str]:
        return frozenset()

    async def blame(self, at: At) -> str | None:
        self._world.denied.append("new")
        return "new"

    async def conclude(self, account: Account, *, done: bool) -> str | None:
        self._world.concluded.append(done)
        return self._world.unfinished.pop() if self._world.unfinished else None


def rollout(identity: str, count: int = 4, **given: Any) -> Rollout:
    """One of so many targets, in one wave."""
    now = datetime(2026, 11, 27, 3, 12, tzinfo=UTC)
    targets = tuple(Target(f"t{n}", f"h{n}") for n in range(count))
    made = Rollout(identity, KIND, "acting --on '*'", "alice", "here", now, targets, (count,), since=now)
    return replace(made, **given)


def site(etcd: Etcd, keys: Keys, told: Callable[[str], None] = lambda text: None) -> Site:
    """Where rollouts of this kind are carried out: nothing of it is asked but etcd and the clock."""
    nothing = cast(Any, None)
    return Site(Ledger(etcd, keys), nothing, nothing, nothing, nothing, told, lambda: datetime.now(UTC))


def registered(world: World) -> dict[str, Callable[[Site], Acting]]:
    """What `kinds.KINDS` is for a test."""
    return {**cast(Any, kinds.KINDS), KIND: lambda site: Acting(world)}
