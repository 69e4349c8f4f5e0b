"""How fast a log comes, over the last minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from console.commands.log_rates import BUCKET_S, BUCKETS, Rates
from console.commands.rows.log_rates import sparkline
from console.model.log import Gap, LogRecord, Skipped

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def said(host: str, unit: str, count: int, priority: int = 6) -> list[LogRecord]:
    return [LogRecord(host, "c", NOON, 0, "b", "x", unit=unit, priority=priority)] * count


def texts(rates: Rates, now: float, most: int = 20) -> list[str]:
    lines = (" ".join(cell.text for cell in line) for line in rates.lines(now, most))
    return [" ".join(line.split()) for line in lines]


def test_each_host_and_what_is_loud_on_it_has_its_rate_and_how_it_went() -> None:
    rates = Rates(0)
    rates.add([*said("web1", "api.service", 50), *said("web2", "db.service", 5, priority=3)], 1)
    rates.add(said("web1", "web.service", 10), BUCKET_S + 1)
    assert texts(rates, 10) == [
        "█▂ 6.0/s web1",
        "█ 5.0/s api.service",
        "█ 1.0/s web.service",
        "█ 0.5/s web2 ✖ 5 err",
        "█ 0.5/s db.service ✖ 5 err",
    ]


def test_a_backlog_counts_for_when_it_was_written_and_no_further_back_than_is_shown() -> None:
    now = NOON.timestamp()
    rates = Rates(now)
    long_ago = [LogRecord("web1", "c", NOON - timedelta(hours=1), 0, "b", "x", unit="api.service")] * 900
    before = [LogRecord("web1", "c", NOON - timedelta(seconds=30), 0, "b", "x", unit="api.service")] * 30
    rates.add([*long_ago, *before], now)
    assert texts(rates, now) == ["█ 1.0/s web1", "█ 1.0/s api.service"]


def test_what_is_silent_for_a_minute_is_forgotten_and_its_host_stays() -> None:
    rates = Rates(0)
    rates.add(said("web1", "api.service", 50), 1)
    assert texts(rates, BUCKETS * BUCKET_S + 10) == ["0.0/s web1"]


def test_lines_that_were_missed_or_not_shown_count_for_their_host() -> None:
    rates = Rates(0)
    rates.add([Gap("web1", NOON, "vacuumed", 30), Skipped("web1", NOON, NOON, 20)], 1)
    assert texts(rates, 10) == ["█ 5.0/s web1"]


def test_many_names_take_bounded_memory_and_few_lines() -> None:
    rates = Rates(0)
    for n in range(5000):
        rates.add(said("web1", f"u{n}.service", 1), 1)
    assert len(texts(rates, 10, 4)) == 4
    assert texts(rates, 10, 4)[0].endswith("500/s web1")


def test_bars_are_as_high_as_their_share() -> None:
    assert sparkline([0, 1, 4, 8]) == " ▁▄█"
    assert sparkline([]) == ""
    assert sparkline([1, 1], most=100) == "▁▁"
