"""The collector leaves alone what lives long."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from console.tui.collector import Collector, calm


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_what_is_alive_is_not_looked_at_again() -> None:
    rows = [[number] for number in range(50_000)]
    assert gc.is_tracked(rows[0])
    calm()
    assert gc.get_freeze_count() > 50_000
    assert len(gc.get_objects()) < 1_000


def test_nothing_is_collected_whole_while_somebody_types_and_then_once_a_minute() -> None:
    at = 0.0
    collector = Collector(lambda: at)
    done = []
    for second in range(200):
        at = float(second)
        if second < 30 or 100 <= second < 130:
            collector.typed()
        before = gc.get_freeze_count()
        fresh = [[number] for number in range(1000)]
        collector.look()
        if gc.get_freeze_count() > before:
            done.append(second)
        del fresh
    assert done == [33, 93, 153]
