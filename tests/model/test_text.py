"""Text from a stranger, made safe to show."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.model.text import MAX_TEXT, clean, coloured, spelled

#: Unicode's Bidi_Control property: they reorder the text around them.
BIDI_CONTROLS = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

#: Any text at all, leaning towards what terminals act on.
HOSTILE = st.lists(
    st.one_of(
        st.text(max_size=4),
        st.sampled_from(
            ["\x1b", "\x9b", "\x1b[", "\x1b]", "\x1bP", "\x1b\\", "\x07", "31m", ";", "\r", "\n"]
        ),
        st.sampled_from(sorted(BIDI_CONTROLS)),
    )
).map("".join)

PLAIN = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40)

SEQUENCES = st.one_of(
    st.from_regex(r"\x1b\[[0-?]{0,8}[ -/]{0,2}[@-~]", fullmatch=True),  # CSI: colours, cursor, modes
    st.from_regex(r"\x1b\][ -~]{0,12}(\x07|\x1b\\)", fullmatch=True),  # OSC: titles, links, clipboard
    st.from_regex(r"\x1b[PX^_][ -~]{0,12}\x1b\\", fullmatch=True),  # DCS, SOS, PM, APC
    st.from_regex(r"\x1b[ -/]{1,2}[0-~]", fullmatch=True),  # character sets
    st.sampled_from(["\x1bc", "\x1b7", "\x1b8", "\x1bM", "\x1b=", "\x1b>"]),  # reset, cursor, keypad
)


@given(HOSTILE)
def test_nothing_a_terminal_acts_on_is_left(text: str) -> None:
    for char in clean(text):
        assert unicodedata.category(char) not in {"Cc", "Cs", "Zl", "Zp"}
        assert char not in BIDI_CONTROLS


@given(st.lists(st.tuples(PLAIN, SEQUENCES)), PLAIN)
def test_an_escape_sequence_goes_whole_and_the_text_around_it_stays(
    pieces: list[tuple[str, str]], end: str
) -> None:
    dirty = "".join(before + sequence for before, sequence in pieces) + end
    assert clean(dirty) == "".join(before for before, _ in pieces) + end


@given(HOSTILE, st.integers(0, 50))
def test_the_result_is_bounded_and_a_cut_shows(text: str, limit: int) -> None:
    result = clean(text, limit)
    assert len(result) <= limit
    if len(text) > limit > 0:
        assert result.endswith("…")


@given(HOSTILE)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    once = clean(text)
    assert clean(once) == once


@given(PLAIN)
def test_plain_text_is_left_alone(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("dirty", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;owned\x07title", "title"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;never closed", ""),
        ("ends in the middle \x1b[", "ends in the middle "),
        ("\x1b", "·"),
        ("nul\x00bell\x07del\x7f", "nul·bell·del·"),
        ("one\ntwo\r\n", "one·two"),
        ("a\tb", "a b"),
        ("\u202egpj.exe", "·gpj.exe"),
        ("\u061cabc", "·abc"),
        ("\x9b31m", "·31m"),
        ("lone \udc80 surrogate", "lone · surrogate"),
        ("größe 漢字 🚢", "größe 漢字 🚢"),
    ],
)
def test_what_is_shown(dirty: str, shown: str) -> None:
    assert clean(dirty) == shown


def test_a_megabyte_is_cut_to_the_limit() -> None:
    shown = clean("\x1b[" * 500_000)
    assert len(shown) <= MAX_TEXT
    assert shown.endswith("…")


@given(HOSTILE)
def test_what_is_spelled_out_holds_nothing_that_a_terminal_acts_on_but_the_ends_of_lines(text: str) -> None:
    for char in spelled(text):
        assert char == "\n" or unicodedata.category(char) not in {"Cc", "Cs", "Zl", "Zp"}
        assert char not in BIDI_CONTROLS


@given(HOSTILE)
def test_what_is_coloured_holds_colours_and_is_else_as_it_is_spelled_out(text: str) -> None:
    without = re.sub(r"\x1b\[[0-9;:]*m", "", coloured(text))
    for char in without:
        assert char == "\n" or unicodedata.category(char) not in {"Cc", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("dirty", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;owned\x07title", "␛]0;owned␇title"),
        ("\x1b[2J\x1b[H", "␛[2J␛[H"),
        ("one\r\ntwo\n", "one\ntwo"),
        ("50%\r100%", "50%␍100%"),
        ("\x9b31m", "<U+009B>31m"),
        ("\u202egpj.exe", "<U+202E>gpj.exe"),
        ("a\tb", "a b"),
    ],
)
def test_what_is_spelled_out(dirty: str, shown: str) -> None:
    assert spelled(dirty) == shown


def test_what_is_spelled_out_is_bounded_too() -> None:
    assert len(spelled("\x00" * 500_000)) <= MAX_TEXT
    assert len(spelled("\u202e" * 500_000)) <= MAX_TEXT
    assert spelled("\n" * 10 + "x" * 9000).endswith("…")
