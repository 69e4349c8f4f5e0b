"""The merge of many hosts' lines: each host's order, nothing lost or twice, and no line held for long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from console.fleet.merge import PATIENCE_S, Merge
from console.model.log import Gap, LogItem, LogRecord, Skipped

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def moment(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def record(host: str, second: float, message: str = "") -> LogRecord:
    return LogRecord(host, f"{host} {second}", moment(second), 0, "boot", message or f"{second:g}")


def merge(*hosts: str, hold: float = 1.0, limit: int | None = None, present: bool = True) -> Merge:
    made = Merge(hosts, NOON, hold_s=hold, limit=limit)
    for host in hosts if present else ():
        made.present(host)
    return made


def put(into: Merge, now: float, *records: LogItem, offset: float = 0.0) -> None:
    into.put(records[0].host, records, moment(now), offset)


def said(items: Sequence[LogItem]) -> list[str]:
    """Each with its host: a record's text, and whether it is late; what is missing by its count."""

    def one(item: LogItem) -> str:
        if isinstance(item, LogRecord):
            return item.message + (" late" if item.late else "")
        return str(item.count)

    return [f"{item.host} {one(item)}" for item in items]


def test_lines_wait_for_the_hold_and_come_out_by_time() -> None:
    log = merge("a", "b")
    put(log, 10.1, record("a", 10))
    assert said(log.take(moment(10.2))) == []
    put(log, 10.4, record("b", 9.9), record("b", 10.3))
    assert said(log.take(moment(10.9))) == ["b 9.9", "a 10"], "b is beyond a's line"
    assert said(log.take(moment(11.3))) == ["b 10.3"]


def test_hosts_that_write_all_the_time_need_no_hold() -> None:
    log = merge("a", "b", hold=1000)
    put(log, 5, *(record("a", second) for second in (1, 3, 5)))
    put(log, 5, *(record("b", second) for second in (2, 4)))
    assert said(log.take(moment(5))) == ["a 1", "b 2", "a 3", "b 4"]


def test_one_host_alone_is_given_out_at_once() -> None:
    log = merge("a", hold=1000, present=False)
    put(log, 5, record("a", 5))
    assert said(log.take(moment(5))) == ["a 5"]


def test_a_host_that_is_gone_holds_up_nobody_and_its_last_words_come_out() -> None:
    log = merge("a", "b", hold=1000)
    put(log, 5, record("a", 5))
    put(log, 5, record("b", 4.5))
    log.gone("b")
    assert said(log.take(moment(5))) == ["b 4.5", "a 5"]


def test_what_comes_after_newer_lines_of_others_is_marked_and_stays_where_it_came() -> None:
    log = merge("a", "b")
    put(log, 10, record("a", 10))
    assert said(log.take(moment(20))) == ["a 10"]
    put(log, 20, record("b", 9), Gap("b", moment(9), "vacuumed", 2), record("b", 12))
    put(log, 20, record("a", 11))
    assert said(log.take(moment(30))) == ["b 9 late", "b 2", "a 11", "b 12"]


def test_a_clock_that_goes_back_reorders_nothing_of_its_host() -> None:
    log = merge("a", "b")
    put(log, 20, record("a", 15), record("a", 3), record("a", 16))
    put(log, 20, record("b", 10), record("b", 15.5))
    assert said(log.take(moment(30))) == ["b 10", "a 15", "a 3", "b 15.5", "a 16"]


def test_a_clock_that_is_ahead_of_what_was_measured_makes_no_other_line_late_or_held() -> None:
    log = merge("a", "b")
    put(log, 10, record("a", 5000))
    put(log, 10.5, record("b", 10.4))
    assert said(log.take(moment(11.5))) == ["a 5000", "b 10.4"]
    put(log, 12, record("b", 11.9))
    assert said(log.take(moment(13))) == ["b 11.9"]


def test_the_offset_of_a_clock_is_taken_off() -> None:
    log = merge("a", "b")
    put(log, 10, record("a", 107), record("a", 109), offset=100)
    put(log, 10, record("b", -92), offset=-100)
    assert said(log.take(moment(20))) == ["a 107", "b -92", "a 109"]


def test_a_host_that_is_behind_is_waited_for_while_it_gains_and_then_no_longer() -> None:
    log = merge("a", "b", present=False)
    log.present("a")
    put(log, 0.1, record("a", -100))
    assert said(log.take(moment(PATIENCE_S - 0.1))) == []
    put(log, 0.5, record("b", -900), record("b", -800))
    assert said(log.take(moment(PATIENCE_S))) == ["b -900", "b -800"]
    put(log, 1.1, record("b", -700))
    assert said(log.take(moment(2 * PATIENCE_S))) == ["b -700"], "it gained 100 s in one"
    put(log, 2.1, record("b", -699.9))
    assert said(log.take(moment(3 * PATIENCE_S))) == ["b -699.9", "a -100"], (
        "it will never get here like that"
    )
    put(log, 3.1, record("b", -600))
    assert said(log.take(moment(3.1))) == ["b -600 late"]


def test_a_host_that_is_kept_from_bringing_more_is_not_given_up() -> None:
    log = Merge(("a", "b"), NOON, hold_s=1, room=2)
    put(log, 0.1, record("a", -100), record("a", -50))
    assert not log.has_room("a")
    assert log.has_room("b")
    for second in range(1, 5):
        put(log, second, record("b", -500 + 10 * second))
        log.take(moment(second))
    put(log, 5, record("b", -70), record("b", -10))
    log.present("b")
    assert said(log.take(moment(5))) == ["a -100", "b -70", "a -50"]


def test_it_tells_when_something_is_due() -> None:
    log = merge("a", "b")
    assert log.due_in(moment(0)) is None
    put(log, 10, record("a", 9.5))
    assert log.due_in(moment(10)) == 0.5
    assert log.take(moment(10.4)) == []
    assert log.due_in(moment(10.5)) == 0
    assert said(log.take(moment(10.5))) == ["a 9.5"]


def test_beyond_the_limit_the_host_with_most_is_skipped_and_what_is_skipped_is_counted_in_its_place() -> None:
    log = merge("quiet", "loud", limit=10)
    put(log, 0, record("quiet", 0))
    for second in range(1, 100):
        put(log, second, record("loud", second))
    assert log.size == 10
    items = log.take(moment(200))
    assert said(items) == ["quiet 0", "loud 91", *(f"loud {i}" for i in range(92, 100))]
    skipped = items[1]
    assert isinstance(skipped, Skipped)
    assert (skipped.time, skipped.until) == (moment(1), moment(91))


def test_what_a_skipped_gap_told_of_is_counted_too() -> None:
    log = merge("a", limit=2)
    gaps = Gap("a", NOON, "vacuumed", count=300), Gap("a", NOON, "unknown")
    put(log, 9, *gaps, record("a", 1), record("a", 2))
    assert said(log.take(moment(9))) == ["a 302", "a 2"]


def test_a_limit_smaller_than_the_number_of_hosts_is_kept_as_well_as_can_be() -> None:
    log = merge("a", "b", "c", limit=1)
    for host in "abc":
        put(log, 1, record(host, 1), record(host, 2))
    assert [item.count for item in log.take(moment(9)) if isinstance(item, Skipped)] == [2, 2, 2]


#: What happens, in order: seconds pass, a host brings lines of some ages, or it comes or goes.
_HOSTS = ("a", "b", "c")
_HAPPENINGS = st.lists(
    st.tuples(
        st.floats(0, 3),
        st.sampled_from(_HOSTS),
        st.one_of(
            st.sampled_from(("present", "gone")),
            st.lists(st.floats(-5000, 5000), min_size=1, max_size=4),
        ),
        st.sampled_from((0.0, 0.0, 40.0, -3600.0)),
    ),
    max_size=40,
)


@given(_HAPPENINGS, st.sampled_from((0.0, 0.3, 2.0)))
def test_whatever_happens_each_host_keeps_its_order_and_no_line_is_lost_or_doubled_or_held_for_long(
    happenings: list[tuple[float, str, str | list[float], float]], hold: float
) -> None:
    log, now, number = Merge(_HOSTS, NOON, hold_s=hold), 0.0, 0
    sent: dict[str, list[str]] = {host: [] for host in _HOSTS}
    came: dict[str, float] = {}
    got: list[LogRecord] = []
    present = set[str]()

    def take() -> None:
        got.extend(item for item in log.take(moment(now)) if isinstance(item, LogRecord))
        if present == set(_HOSTS):
            out = {item.message for item in got}
            waits = [now - since for message, since in came.items() if message not in out]
            assert max(waits, default=0) <= hold + 1e-3

    for passed, host, what, offset in happenings:
        now += passed
        if what == "present":
            log.present(host)
            present.add(host)
        elif what == "gone":
            log.gone(host)
        elif isinstance(what, list):
            lines = []
            for age in what:
                number += 1
                lines.append(record(host, now - age, str(number)))
                sent[host].append(str(number))
                came[str(number)] = now
            log.put(host, lines, moment(now), offset)
        take()
    for _ in range(3):  # a host that is behind is looked at twice before it is waited for no longer
        now += 10 + hold
        take()
    assert {host: [i.message for i in got if i.host == host] for host in _HOSTS} == sent
    assert log.size == 0


@given(
    st.lists(st.tuples(st.sampled_from(_HOSTS), st.floats(0, 10)), min_size=1, max_size=60),
    st.floats(0.1, 2.0),
)
def test_lines_that_come_within_the_hold_are_in_order_and_none_is_late(
    lines: list[tuple[str, float]], hold: float
) -> None:
    log = merge(*_HOSTS, hold=hold)
    got: list[LogItem] = []
    for host, second in sorted(lines, key=lambda line: line[1]):
        put(log, second + hold / 2, record(host, second))
        got += log.take(moment(second + hold / 2))
    got += log.take(moment(20))
    assert len(got) == len(lines)
    assert all(before.time <= after.time for before, after in pairwise(got))
    assert not any(isinstance(item, LogRecord) and item.late for item in got)
