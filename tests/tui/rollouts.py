"""Rollouts to look at: one in the middle of its way, one that was halted, one that is over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from console.model.config import HostConfig
from console.model.events import HostChanged
from console.model.state import State as HostState
from console.model.state import Status
from console.rollouts import host_course as at
from console.rollouts.course import End, Progress
from console.rollouts.ledger import driver_bytes
from console.rollouts.records import progress_bytes, rollout_bytes
from console.rollouts.rollout import Rollout, State, Target
from tests.tui.small_fleet import BEFORE, NOW, FakeFleet

ID = "r-2f9c"
SETTINGS = {"gate": "60.0", "gate_timeout": "600.0"}


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def rollout(
    identity: str = ID,
    count: int = 40,
    state: State = State.RUNNING,
    *,
    why: str = "",
    waves: tuple[int, ...] = (),
) -> Rollout:
    targets = tuple(Target(f"web{n}", f"web{n}") for n in range(1, count + 1))
    ends = waves or tuple(sorted({1, -(-count // 4), count}))
    return Rollout(
        identity, "host update", "host update --to=43.20261122.3.0 --on=role=web --wave=1,25%,100%",
        "alice", "laptop", ago(minutes=31), targets, ends, 5, settings=SETTINGS, state=state,
        since=ago(minutes=12) if why else None, why=why, changed_by="",
    )  # fmt: skip


def in_stage(stage: str, since: datetime, waiting: str = "", *, failed: str = "") -> Progress:
    facts = {"from_version": "43.20261108.3.0", "to_version": "43.20261122.3.0"}
    trail = (
        (at.LOOK, since - timedelta(minutes=2)),
        (at.STAGE, since - timedelta(minutes=1)),
        (stage, since),
    )
    return Progress(stage, since, None, failed, bool(failed), waiting, facts, trail)


def ended(end: End, since: datetime, failed: str = "") -> Progress:
    facts = {"from_version": "43.20261108.3.0", "to_version": "43.20261122.3.0"}
    trail = ((at.LOOK, since - timedelta(minutes=5)), (at.GATE, since - timedelta(minutes=2)))
    return Progress(at.RELEASE, since, end, failed, bool(failed), "", facts, trail)


#: Of the one that goes on: the second wave is under way.
PROGRESS: dict[str, Progress] = {
    "web1": ended(End.DONE, ago(minutes=20)),
    **{f"web{n}": ended(End.DONE, ago(minutes=8)) for n in range(2, 6)},
    "web6": in_stage(at.GATE, ago(seconds=48), "api.service is activating"),
    "web7": in_stage(at.RETURN, ago(seconds=31), "it does not answer yet"),
    "web8": in_stage(at.LOCK, ago(seconds=75), "1 of 1 slots held: web7 (r-2f9c/web7)"),
    "web9": in_stage(at.STAGE, ago(seconds=9), "pulling: 41%"),
    "web10": in_stage(at.DRAIN, ago(seconds=4)),
}
HALTED: dict[str, Progress] = {
    "web1": ended(End.ROLLED_BACK, ago(minutes=12), "api.service has failed and had not before"),
}


def values(
    identity: str, one: Rollout, progress: dict[str, Progress], driver: str | None
) -> Iterator[tuple[str, str]]:
    """What etcd holds of a rollout, by keys without the prefix."""
    yield f"rollouts/{identity}", rollout_bytes(one).decode()
    for name, each in progress.items():
        yield f"rollouts/{identity}/targets/{name}", progress_bytes(each).decode()
    if driver is not None:
        yield f"rollouts/{identity}/driver", driver_bytes(driver).decode()


def all_values() -> dict[str, str]:
    """Of three rollouts."""
    why = "web1 has failed: api.service has failed and had not before; 43.20261115.3.0 is denied"
    done = {f"web{n}": ended(End.DONE, ago(days=2)) for n in range(1, 13)}
    return {
        **dict(values("r-0a11", rollout("r-0a11", 12, State.DONE), done, None)),
        **dict(values("r-77e0", rollout("r-77e0", 12, State.HALTED, why=why), HALTED, None)),
        **dict(values(ID, rollout(), PROGRESS, "engine1/812")),
    }


class WebFleet(FakeFleet):
    """Live hosts, as many as a rollout has."""

    def __init__(self, count: int = 40) -> None:
        names = [f"web{n}" for n in range(1, count + 1)]
        super().__init__(HostConfig(name, f"198.18.{n // 250}.{n % 250}") for n, name in enumerate(names))
        for name in names:
            self.model.apply(HostChanged(name, Status(HostState.LIVE, BEFORE)))
