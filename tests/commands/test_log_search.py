"""What a search tells of how far back it has come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from console.commands.log_search import how_far

NOON = datetime(2026, 11, 27, 12, 0, 5, tzinfo=UTC)


def search(passed: int, back_to: datetime | None, entries: int = 1_500_000) -> Any:
    return SimpleNamespace(passed=passed, entries=entries, back_to=back_to)


def test_it_is_as_far_as_the_host_that_is_least_far() -> None:
    under_way = [search(60_000, NOON), search(20_000, NOON + timedelta(hours=1))]
    assert how_far(under_way) == (
        "80,000 of about 3,000,000 lines searched, back to 2026-11-27 13:00:05 everywhere"
    )


def test_a_host_that_is_done_holds_nothing_up() -> None:
    assert how_far([search(1_500_000, None), search(60_000, NOON)]) == (
        "1,560,000 of about 3,000,000 lines searched, back to 2026-11-27 12:00:05 everywhere"
    )


def test_no_time_is_told_before_every_host_has_one() -> None:
    assert how_far([search(60_000, NOON), search(0, None)]) == "60,000 of about 3,000,000 lines searched"
    assert how_far([]) == "0 of about 0 lines searched"
