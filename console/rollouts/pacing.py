"""Which targets of a rollout may begin now. Pure.

Never more than allowed are out of service: those under way count, and those that nobody reaches anyway.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Position(StrEnum):
    """How far one target is, as far as it counts for the others."""

    PENDING = "pending"
    UNDER_WAY = "under way"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a rollout may go.

    :param waves: how many of its targets are done by the end of each wave, rising; the last one is all.
    :param at_most: so many may be out of service at a time; None: as many as the wave has.
    """

    waves: tuple[int, ...]
    at_most: int | None = None

    def wave_of(self, index: int) -> int:
        """In which wave, from 1, the target at `index` (from 0) is."""
        return next(number for number, end in enumerate(self.waves, 1) if index < end)


def current_wave(order: Sequence[str], pace: Pace, positions: Mapping[str, Position]) -> int:
    """The first wave, from 1, that is not all good; the last one where all are."""
    for number, end in enumerate(pace.waves, 1):
        if any(positions[name] is not Position.GOOD for name in order[:end]):
            return number
    return len(pace.waves)


def may_begin(
    order: Sequence[str], pace: Pace, positions: Mapping[str, Position], away: Collection[str] = ()
) -> list[str]:
    """The targets that may begin now, in their order; none once one of them is bad.

    :param order: all targets.
    :param away: those that cannot be reached now. One of them begins only where no other is left in its wave.
    """
    if not order or Position.BAD in positions.values():
        return []
    number = current_wave(order, pace, positions)
    begin = pace.waves[number - 2] if number > 1 else 0
    wave = order[begin : pace.waves[number - 1]]
    room = len(wave) if pace.at_most is None else min(len(wave), pace.at_most)
    out = {name for name in order if positions[name] is Position.UNDER_WAY}
    out |= {name for name in order if name in away}
    pending = [name for name in wave if positions[name] is Position.PENDING]
    reachable = [name for name in pending if name not in away]
    found: list[str] = []
    for name in reachable or pending:
        if len(out | {name}) > room:
            break
        out.add(name)
        found.append(name)
    return found
