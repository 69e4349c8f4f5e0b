"""The stages that a target of a rollout goes through, as data, and how one follows from another. Pure.

A stage is written down before it is begun, so whoever carries the rollout on after another was killed begins
with the very stage in which that one was. What a stage does can therefore be done twice: it first looks
whether it is done already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from console.model.text import clean
from console.rollouts.pacing import Position


class End(StrEnum):
    """How a target ended."""

    DONE = "done"
    FAILED = "failed"  # it is as it was before
    ROLLED_BACK = "rolled-back"  # it was changed, did not prove itself, and is as it was before
    ABORTED = "aborted"  # it was begun, and let go before it was changed
    LOST = "lost"  # nobody knows how it is; what it held is kept


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage.

    :param does: what is done in it, for a person: `waits for the reboot lock`.
    :param done, failed: what follows: a stage's name, or an end.
    :param turning: whether an abort is still a turning back here; later the target is carried to its end.
    """

    name: str
    does: str
    done: str | End
    failed: str | End
    turning: bool = False


@dataclass(frozen=True, slots=True)
class Course:
    """All stages of a kind of rollout.

    :param stages: the first one is where a target begins.
    :param turned_back: the stage that follows where an abort turns a target back.
    """

    stages: tuple[Stage, ...]
    turned_back: str

    @property
    def first(self) -> Stage:
        return self.stages[0]

    def __getitem__(self, name: str) -> Stage:
        return next(stage for stage in self.stages if stage.name == name)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one target is.

    :param stage: the one that it is in, or ended in.
    :param since: since when.
    :param end: None while it is under way.
    :param failed: why it failed, from the stage on in which it did; empty if it has not.
    :param blames: whether what it was to be changed to is at fault.
    :param waiting: what it waits for in this stage; empty if for nothing that is known.
    :param facts: what its kind has to remember from stage to stage.
    :param trail: each stage that it has been in, and since when.
    """

    stage: str
    since: datetime
    end: End | None = None
    failed: str = ""
    blames: bool = False
    waiting: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    trail: tuple[tuple[str, datetime], ...] = ()

    @property
    def position(self) -> Position:
        if self.failed or self.end not in (None, End.DONE, End.ABORTED):
            return Position.BAD
        return Position.UNDER_WAY if self.end is None else Position.GOOD


@dataclass(frozen=True, slots=True)
class Done:
    """The stage is done. `to`: the stage that follows, where that is not the usual one."""

    facts: Mapping[str, str] = field(default_factory=dict)
    to: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The stage cannot be done, or what it is about did not prove itself. See `Progress`."""

    why: str
    blames: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not yet: the stage is to be looked at again, after so many seconds."""

    why: str
    again: float = 1.0


@dataclass(frozen=True, slots=True)
class Again:
    """What an earlier stage did is gone: back to it."""

    stage: str
    why: str


Outcome = Done | Failed | Waiting | Again

#: So often a target goes back to an earlier stage; after that it has failed.
AGAINS = 3
_AGAINS = "again"

#: Of why a target failed.
_WHY_MAX = 500

#: A trail is no longer than this.
_TRAIL_MAX = 60


def begun(course: Course, now: datetime) -> Progress:
    """A target that begins."""
    return Progress(course.first.name, now, trail=((course.first.name, now),))


def after(course: Course, progress: Progress, outcome: Outcome, now: datetime) -> Progress:
    """How far a target is once its stage has come out so."""
    stage = course[progress.stage]
    match outcome:
        case Waiting(why, _):
            return replace(progress, waiting=why)
        case Again(to, why):
            count = int(progress.facts.get(_AGAINS, "0")) + 1
            if count > AGAINS or progress.failed:  # what is on its way back does not go forth again
                return after(course, progress, Failed(why), now)
            again = replace(progress, facts={**progress.facts, _AGAINS: str(count)})
            return _entered(again, to, now)
        case Done(facts, to_stage):
            told = replace(progress, facts={**progress.facts, **facts})
            return _entered(told, to_stage or stage.done, now)
        case Failed(why, blames, facts):
            told = replace(
                progress,
                failed=progress.failed or clean(why, _WHY_MAX).strip() or "it does not say why",
                blames=progress.blames or blames,
                facts={**progress.facts, **facts},
            )
            return _entered(told, stage.failed, now)


def turned_back(course: Course, progress: Progress, now: datetime) -> Progress | None:
    """How far a target is once its rollout is aborted; None: it is carried to its end all the same."""
    if progress.end is not None or not course[progress.stage].turning:
        return None
    return _entered(replace(progress, facts={**progress.facts, _ABORTED: "yes"}), course.turned_back, now)


_ABORTED = "aborted"


def _entered(progress: Progress, to: str | End, now: datetime) -> Progress:
    if isinstance(to, End):
        aborted = to is End.FAILED and not progress.failed and _ABORTED in progress.facts
        return replace(progress, since=now, waiting="", end=End.ABORTED if aborted else to)
    trail = (*progress.trail, (to, now))[-_TRAIL_MAX:]
    return replace(progress, stage=to, since=now, waiting="", trail=trail)
