"""The collector leaves alone what lives long."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from console.tui.collector import calm


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
