"""A rollout as it is written down before its first step: what, where, in which order, how fast. Values."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from console.rollouts.course import Progress
from console.rollouts.pacing import Pace, Position, current_wave
from console.rollouts.window import Window


class State(StrEnum):
    """How a rollout stands as a whole."""

    WRITTEN = "written"  # whether it is alone on its hosts is not known yet; nothing begins
    RUNNING = "running"
    PAUSED = "paused"  # nothing new begins until a person says so; what is under way ends
    HALTED = "halted"  # likewise, since a target has failed
    ABORTING = "aborting"  # nothing new begins any more; what can turn back does
    ABORTED = "aborted"
    DONE = "done"

    @property
    def over(self) -> bool:
        """Whether nothing comes of it any more."""
        return self in (State.ABORTED, State.DONE)


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that is to be changed, on one host.

    :param id: names it in its rollout; what is written in a key of its own is under it.
    :param facts: what its kind was told of it when the rollout was planned.
    """

    id: str
    host: str
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def claims(self) -> str:
        """What no two rollouts may be at work on: its host, or the service that it is an instance of."""
        service = self.facts.get("service")
        return self.host if service is None else f"service {service}"


@dataclass(frozen=True, slots=True)
class Rollout:
    """All of it but how far it is.

    :param kind: which of `kinds.py` carries it out: `host update`.
    :param line: the command line that asked for it.
    :param by, origin: who, and from where.
    :param targets: in the order in which they begin.
    :param max_unavailable: so many targets may be out of service at a time; None: as many as a wave has.
    :param group: whose reboot lock is taken, where the kind takes one.
    :param windows: outside of them nothing begins, by the clock of `timezone`.
    :param settings: what its kind goes by, as texts.
    :param state: and since when, by whom and why it is so.
    :param undoes: the rollout that this one takes back.
    """

    id: str
    kind: str
    line: str
    by: str
    origin: str
    created: datetime
    targets: tuple[Target, ...]
    waves: tuple[int, ...]
    max_unavailable: int | None = None
    group: str = "default"
    windows: tuple[Window, ...] = ()
    window_text: str = ""
    timezone: str = "UTC"
    settings: Mapping[str, str] = field(default_factory=dict)
    state: State = State.RUNNING
    since: datetime | None = None
    why: str = ""
    changed_by: str = ""
    undoes: str | None = None

    @property
    def order(self) -> tuple[str, ...]:
        return tuple(target.id for target in self.targets)

    def pace(self, slots: int | None = None) -> Pace:
        """How fast it may go. :param slots: of the reboot lock, where its kind takes one."""
        limits = [limit for limit in (self.max_unavailable, slots) if limit is not None]
        return Pace(self.waves, min(limits, default=None))


@dataclass(frozen=True, slots=True)
class Account:
    """A rollout, and how far each of its targets is; one that has not begun is not there."""

    rollout: Rollout
    progress: Mapping[str, Progress] = field(default_factory=dict)
    driver: str | None = None  # who carries it out now

    def position(self, target: str) -> Position:
        found = self.progress.get(target)
        return Position.PENDING if found is None else found.position

    @property
    def positions(self) -> dict[str, Position]:
        return {name: self.position(name) for name in self.rollout.order}

    @property
    def wave(self) -> int:
        """The one that it is in, from 1."""
        return current_wave(self.rollout.order, self.rollout.pace(), self.positions)

    @property
    def under_way(self) -> tuple[str, ...]:
        """Targets that have begun and not ended, also those that are on their way back."""
        return tuple(name for name, one in self.progress.items() if one.end is None)

    @property
    def failed(self) -> tuple[str, ...]:
        return tuple(name for name, one in self.progress.items() if one.position is Position.BAD)

    @property
    def stands(self) -> bool:
        """Whether nothing more comes of it by itself."""
        state = self.rollout.state
        return state.over or (state in (State.HALTED, State.PAUSED) and not self.under_way)


def new_id(taken: Sequence[str] = ()) -> str:
    """`r-` and four hex digits, as no other has."""
    while (made := f"r-{secrets.token_hex(2)}") in taken:
        pass
    return made
