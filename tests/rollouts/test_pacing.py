"""Which targets may begin: waves, and never more out of service than allowed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from console.actions.waves import wave_ends
from console.rollouts.pacing import Pace, Position, current_wave, may_begin

P, U, G, B = Position.PENDING, Position.UNDER_WAY, Position.GOOD, Position.BAD
ORDER = ("a", "b", "c", "d")


def positions(*all_of_them: Position) -> dict[str, Position]:
    return dict(zip(ORDER, all_of_them, strict=True))


def test_waves_are_cumulative_rounded_up_and_the_last_is_all() -> None:
    assert wave_ends(("1", "25%", "100%"), 10) == (1, 3, 10)
    assert wave_ends(("1",), 4) == (1, 4)
    assert wave_ends((), 4) == (4,)
    assert wave_ends(("50%", "50%"), 1) == (1,)


def test_a_wave_begins_once_the_one_before_is_good() -> None:
    pace = Pace((1, 3, 4))
    assert may_begin(ORDER, pace, positions(P, P, P, P)) == ["a"]
    assert may_begin(ORDER, pace, positions(U, P, P, P)) == []
    assert may_begin(ORDER, pace, positions(G, P, P, P)) == ["b", "c"]
    assert may_begin(ORDER, pace, positions(G, G, U, P)) == []
    assert may_begin(ORDER, pace, positions(G, G, G, P)) == ["d"]


def test_no_more_are_under_way_than_allowed() -> None:
    pace = Pace((4,), at_most=2)
    assert may_begin(ORDER, pace, positions(P, P, P, P)) == ["a", "b"]
    assert may_begin(ORDER, pace, positions(U, G, P, P)) == ["c"]


def test_once_a_target_is_bad_nothing_begins() -> None:
    assert may_begin(ORDER, Pace((4,)), positions(B, P, P, P)) == []


def test_a_host_that_nobody_reaches_counts_as_out_of_service() -> None:
    pace = Pace((4,), at_most=1)
    assert may_begin(ORDER, pace, positions(G, P, P, P), away={"a"}) == []
    assert may_begin(ORDER, pace, positions(P, P, P, P), away={"c"}) == []


def test_one_that_nobody_reaches_begins_when_no_other_is_left() -> None:
    pace = Pace((4,), at_most=1)
    assert may_begin(ORDER, pace, positions(G, P, G, G), away={"b"}) == ["b"]


_POSITIONS = st.sampled_from([P, U, G])


@st.composite
def rollouts(draw: st.DrawFn) -> tuple[tuple[str, ...], Pace, dict[str, Position], set[str]]:
    count = draw(st.integers(1, 12))
    order = tuple(f"h{n}" for n in range(count))
    words = draw(st.lists(st.sampled_from(["1", "2", "10%", "25%", "50%", "100%"]), max_size=4))
    pace = Pace(wave_ends(tuple(words), count), draw(st.none() | st.integers(1, count)))
    found = {name: draw(_POSITIONS) for name in order}
    return order, pace, found, draw(st.sets(st.sampled_from(order)))


@given(rollouts())
def test_what_begins_never_puts_more_out_of_service_than_allowed(
    case: tuple[tuple[str, ...], Pace, dict[str, Position], set[str]],
) -> None:
    order, pace, before, away = case
    begun = may_begin(order, pace, before, away)
    number = current_wave(order, pace, before)
    first = pace.waves[number - 2] if number > 1 else 0
    wave = order[first : pace.waves[number - 1]]
    assert set(begun) <= set(wave), "of a later wave"
    assert all(before[name] is P for name in begun)
    out = {name for name in order if before[name] is U} | away | set(begun)
    room = min(len(wave), pace.at_most or len(wave))
    assert not begun or len(out) <= room


@given(rollouts())
def test_where_all_can_be_reached_and_nothing_is_under_way_something_begins(
    case: tuple[tuple[str, ...], Pace, dict[str, Position], set[str]],
) -> None:
    order, pace, before, _ = case
    rested = {name: P if one is U else one for name, one in before.items()}
    begun = may_begin(order, pace, rested)
    assert bool(begun) is (P in rested.values())
