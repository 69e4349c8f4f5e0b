"""What `/` keeps of a list."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.commands.filters import SEPARATOR, Filter, How
from console.errors import UsageError
from console.model.host import Host
from console.model.state import State, Status

ROW = SEPARATOR.join(("web1", "nginx.service", "✖ failed", "A High Performance Web Server"))


def host(name: str, state: State = State.LIVE, **labels: str) -> Host:
    return Host(name, name, labels, Status(state, datetime(2026, 1, 1, tzinfo=UTC)))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", True),
        ("nginx", True),
        ("high perf", True),  # case does not count
        ("High", True),
        ("hIgh", False),  # it does once there is an upper-case letter
        ("apache", False),
        ("!nginx", False),
        ("!apache", True),
        ("!", True),  # on the way to a word: nothing is hidden yet
        ("-f wbsrv", True),
        ("-f srvwb", False),
        ("-f ngx fail", True),
        ("-f ngxfail", False),  # not across two cells
        ("-f", True),
        ("web1nginx", False),
        ("-v", False),  # no option of ours: a text
        ("\\!nginx", False),
    ],
)
def test_which_rows_are_kept(text: str, kept: bool) -> None:
    assert Filter.parse(text).matches(ROW) is kept


def test_a_text_that_looks_like_an_option_can_be_searched_for() -> None:
    assert Filter.parse("\\-f x").matches("tar -f x")
    assert Filter.parse("\\!done").matches("it is !done")


def test_labels_select_by_the_host_of_the_row() -> None:
    web = Filter.parse("-l role=web,state=live")
    assert web.matches("", host("a", role="web"))
    assert not web.matches("", host("a", role="db"))
    assert not web.matches("", host("a", State.STALE, role="web"))
    assert not web.matches("role=web")


@pytest.mark.parametrize("text", ["-l", "-l  ", "-l role=", "-l =x"])
def test_a_selector_that_cannot_be_read_is_told_with_what_is_accepted(text: str) -> None:
    with pytest.raises(UsageError) as failed:
        Filter.parse(text)
    assert failed.value.hint


@given(st.text("ab!-lf\\ AßİΣ", max_size=8))
def test_a_filter_written_out_is_read_as_the_same(text: str) -> None:
    try:
        first = Filter.parse(text)
    except UsageError:
        return
    assert Filter.parse(str(first)) == first
    assert bool(first) is bool(first.word)


@given(st.text(max_size=5), st.text(max_size=20))
def test_a_filter_and_its_inverse_never_agree(word: str, text: str) -> None:
    lacks = Filter.parse("!" + word)
    if lacks:
        assert lacks.matches(text) is not Filter(How.HOLDS, lacks.word).matches(text)


@given(st.text("abcXYZß", min_size=1, max_size=6), st.text("abcXYZß", max_size=6))
def test_what_holds_the_word_holds_its_letters_in_order(word: str, around: str) -> None:
    text = around + word + around
    assert Filter.parse(word).matches(text)
    assert Filter.parse(f"-f {word}").matches(text)
