"""Whose turn it is on a wall."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from console.commands.wall import Page
from console.tui.wall.rotation import Rotation

ONE_EACH = dict.fromkeys(Page, 1)


def turns(rotation: Rotation, parts: dict[Page, int], red: set[Page], seconds: range) -> list[str]:
    """What is shown, second by second."""
    found = []
    for second in seconds:
        rotation.look(second, parts, red)
        found.append(f"{rotation.page}{rotation.part}")
    return found


def test_each_page_has_its_turn_and_a_long_one_has_one_for_each_part() -> None:
    rotation = Rotation((Page.HOSTS, Page.TROUBLES), 2, 0)
    parts = {Page.HOSTS: 1, Page.TROUBLES: 2}
    shown = turns(rotation, parts, set(), range(8))
    assert shown == ["hosts0"] * 2 + ["troubles0"] * 2 + ["troubles1"] * 2 + ["hosts0"] * 2


def test_a_page_without_anything_on_it_has_no_turn() -> None:
    rotation = Rotation(tuple(Page), 1, 0)
    parts = {Page.TROUBLES: 0, Page.HOSTS: 1, Page.SERVICES: 0, Page.ROLLOUTS: 0}
    assert set(turns(rotation, parts, set(), range(5))) == {"hosts0"}
    nothing = dict.fromkeys(Page, 0)
    assert turns(rotation, nothing, set(), range(5, 7)) == ["troubles0"] * 2


def test_what_turns_red_is_shown_at_once_and_stays_until_it_no_longer_is() -> None:
    rotation = Rotation((Page.HOSTS, Page.TROUBLES, Page.SERVICES), 10, 0)
    assert turns(rotation, ONE_EACH, set(), range(3)) == ["hosts0"] * 3
    assert set(turns(rotation, ONE_EACH, {Page.TROUBLES}, range(3, 60))) == {"troubles0"}
    assert rotation.held
    # Another one turns red: it is the news, and then both have turns.
    shown = turns(rotation, ONE_EACH, {Page.TROUBLES, Page.SERVICES}, range(60, 81))
    assert shown == ["services0"] * 10 + ["troubles0"] * 10 + ["services0"]
    assert turns(rotation, ONE_EACH, set(), range(81, 91))[-1] == "hosts0"
    assert not rotation.held


def test_what_has_become_shorter_is_shown_from_its_beginning() -> None:
    rotation = Rotation((Page.TROUBLES,), 1, 0)
    assert turns(rotation, {Page.TROUBLES: 3}, set(), range(3))[-1] == "troubles2"
    assert turns(rotation, {Page.TROUBLES: 1}, set(), range(3, 4)) == ["troubles0"]


LOOKS = st.lists(
    st.tuples(
        st.floats(0, 30),
        st.dictionaries(st.sampled_from(Page), st.integers(0, 4)),
        st.frozensets(st.sampled_from(Page)),
    )
)


@given(st.lists(st.sampled_from(Page), min_size=1, unique=True), LOOKS)
def test_whatever_happens_a_page_that_is_there_is_shown(
    pages: list[Page], looks: list[tuple[float, dict[Page, int], frozenset[Page]]]
) -> None:
    rotation, now = Rotation(pages, 5, 0), 0.0
    for step, parts, red in looks:
        now += step
        rotation.look(now, parts, red)
        there = [page for page in pages if parts.get(page, 0)]
        assert rotation.page in (there or pages)
        assert rotation.part < max(1, parts.get(rotation.page, 0))
        assert not red.intersection(there) or rotation.page in red
