"""When a rollout may begin something, by the clock of the fleet's time zone."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import UsageError
from console.rollouts.window import opens, parse_windows

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def opening(text: str, now: str, zone: ZoneInfo | None = None) -> datetime | None:
    return opens(parse_windows(text), at(now), zone or ZoneInfo("UTC"))


def test_within_a_window_it_is_open_and_its_end_is_not_in_it() -> None:
    assert opening("10:00-16:00", "2026-11-27T10:00") is None
    assert opening("10:00-16:00", "2026-11-27T15:59") is None
    assert opening("10:00-16:00", "2026-11-27T16:00") == at("2026-11-28T10:00")


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    assert opening("fri 22:00-04:00", "2026-11-27T23:00") is None
    assert opening("fri 22:00-04:00", "2026-11-28T03:59") is None
    assert opening("fri 22:00-04:00", "2026-11-27T03:00") == at("2026-11-27T22:00")


def test_the_clock_is_the_fleets() -> None:
    assert opening("22:00-23:00", "2026-11-27T21:30", BERLIN) is None
    assert opening("22:00-23:00", "2026-07-27T20:30", BERLIN) is None
    assert opening("22:00-23:00", "2026-11-27T22:30", BERLIN) == at("2026-11-28T21:00")


def test_of_several_windows_the_next_one_counts() -> None:
    both = "sat,sun 10:00-16:00; mon-fri 22:00-04:00"
    assert opening(both, "2026-11-27T17:00") == at("2026-11-27T22:00")
    assert opening(both, "2026-11-28T09:00") == at("2026-11-28T10:00")


def test_days_may_go_over_the_end_of_the_week() -> None:
    assert opening("sat-mon 1:00-2:00", "2026-11-30T01:30") is None
    assert opening("sat-mon 1:00-2:00", "2026-12-01T01:30") == at("2026-12-05T01:00")


def test_without_windows_it_is_always_open() -> None:
    assert opens((), at("2026-11-27T10:00"), BERLIN) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "25:00-26:00",
        "10:00",
        "10:00-16:61",
        "funday 1:00-2:00",
        "24:00-1:00",
        "mon-x 1:00-2:00",
        ";",
    ],
)
def test_what_is_no_window_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="not a window"):
        parse_windows(text)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),
    st.sampled_from(["22:00-04:00", "mon 0:00-24:00", "sat,sun 10:00-16:00; wed 2:00-3:00"]),
    st.sampled_from([ZoneInfo("UTC"), BERLIN, ZoneInfo("America/St_Johns")]),
)
def test_when_it_opens_it_is_open(now: datetime, text: str, zone: ZoneInfo) -> None:
    windows = parse_windows(text)
    opening = opens(windows, now.replace(tzinfo=UTC), zone)
    if opening is not None:
        assert opening > now.replace(tzinfo=UTC)
        assert opens(windows, opening, zone) is None
