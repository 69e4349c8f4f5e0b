"""The collector leaves alone what lives long."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from console.fleet.collector import Collector, only_the_young


@dataclass(eq=False)
class Knot:
    """Something that refers to itself."""

    itself: list[Knot] = field(default_factory=list)


def left_over() -> weakref.ref[Knot]:
    """Something that only a full collection frees."""
    one = Knot()
    one.itself.append(one)
    gc.collect(1)
    return weakref.ref(one)


class Clock:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def collected(collector: Collector, clock: Clock, busy: Mapping[int, Callable[[], None]]) -> list[int]:
    """The seconds at which all was collected.

    :param busy: what happens at a second.
    """
    done = []
    with only_the_young():
        gone = left_over()
        for second in range(2 * 3600 + 60):
            clock.at = float(second)
            if second in busy:
                busy[second]()
            collector.look()
            if gone() is None:
                done.append(second)
                gone = left_over()
    return done


def test_all_is_collected_once_an_hour_and_never_while_somebody_types() -> None:
    clock = Clock()
    collector = Collector(10, clock)
    assert collected(collector, clock, dict.fromkeys(range(3590, 3610), collector.typed)) == [3613, 7213]


def test_all_is_collected_after_as_many_connections_have_ended_as_there_are_hosts() -> None:
    for seconds, expected in ((9, [3600, 7200]), (10, [113, 3713])):
        clock = Clock()
        collector = Collector(200, clock)

        def lost(collector: Collector = collector) -> None:
            for _ in range(20):
                collector.ended()

        assert collected(collector, clock, dict.fromkeys(range(100, 100 + seconds), lost)) == expected


def test_the_thresholds_are_as_before_afterwards() -> None:
    before = gc.get_threshold()
    with only_the_young():
        assert gc.get_threshold() != before
    assert gc.get_threshold() == before


def test_the_last_of_two_that_overlap_restores_them() -> None:
    before = gc.get_threshold()
    first, second = ExitStack(), ExitStack()
    first.enter_context(only_the_young())
    during = gc.get_threshold()
    second.enter_context(only_the_young())
    first.close()
    assert gc.get_threshold() == during != before
    second.close()
    assert gc.get_threshold() == before
