"""What a host is asked for, so that it finds whatever an expression matches."""

from __future__ import annotations

import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.hosts.journal_text import LONG, HostText, host_text

#: More alternatives than are worth a command line.
MANY = "|".join(f"{letter}." for letter in "ABCDEFGHIJKLMNOPQ")


def asked(grep: str) -> HostText | None:
    """What the host is asked for beside long messages."""
    text = host_text(grep)
    if text is None:
        return None
    assert text.pattern.startswith(f"{LONG}|")
    return HostText(text.pattern.removeprefix(f"{LONG}|"), text.caseless)


def finds(text: HostText, message: bytes) -> bool:
    """Whether journalctl would: PCRE2 without its UTF mode is about what `re` is for bytes."""
    flags = re.IGNORECASE if text.caseless else 0
    return re.search(text.pattern.encode(), message, flags) is not None


@pytest.mark.parametrize(
    ("grep", "pattern"),
    [
        ("Timeout", "Timeout"),
        ("Größe", "Größe"),
        ("GET /orders", r"GET\ /orders"),
        (r"GET /orders/\d+ 500", r"GET\ /orders/"),
        (r"Connection (refused|reset) by peer", r"Connection\ "),
        ("Timeout|Refused", "Timeout|Refused"),
        ("(Timeout|Refused)", "Timeout|Refused"),
        ("A(BCD)+E", "BCD"),
        ("AB(CDEF)?", "AB"),
        ("ABC*", "AB"),
        ("^Started$", "Started"),
        ("(?!AAAAAA)BBB", "BBB"),
        ("(?=AAAAAA)BB", "BB"),
        ("[A]BC", "ABC"),
        ("(?>ABC)", "ABC"),
        ("50% (of)* THE_REST", r"\ THE_REST"),
        ("(*UTF)X", None),
        ("ABC\0DEFG", "DEFG"),
        ("A\\ufffdBC", "BC"),
    ],
)
def test_the_host_is_asked_for_the_longest_text_that_must_be_there(grep: str, pattern: str | None) -> None:
    if pattern is None:
        with pytest.raises(re.error):
            host_text(grep)
    else:
        assert asked(grep) == HostText(pattern, False)


@pytest.mark.parametrize("grep", ["", ".", r"\d+", "[ab]c*", "x*", r"Timeout|\d", r"(?i:ABC)\d", MANY])
def test_where_no_text_must_be_there_the_host_cannot_look_for_it(grep: str) -> None:
    assert host_text(grep) is None


def test_a_message_too_long_for_the_host_to_look_through_is_looked_through_here() -> None:
    text = host_text("needle")
    assert text is not None
    assert finds(text, b"x" * 70_000)
    assert not finds(text, b"x" * 60_000)


def test_case_counts_only_with_a_capital() -> None:
    assert asked("error") == HostText("error", True)
    assert asked("Error") == HostText("Error", False)
    assert asked("(?i)Error") == HostText("Error", True)
    assert asked("über") == HostText("ber", True)


def test_what_pythons_expressions_take_for_a_letter_where_case_does_not_count_the_host_finds_too() -> None:
    letters = re.compile("[a-z]", re.IGNORECASE)
    everything = map(chr, range(0x80, sys.maxunicode + 1))
    odd = [char for char in everything if not "\ud800" <= char <= "\udfff" and letters.match(char)]
    assert odd, "there are some"
    for char in odd:
        for letter in "abcdefghijklmnopqrstuvwxyz":
            if re.match(letter, char, re.IGNORECASE):
                text = host_text(f"a{letter}b")
                assert text is not None
                assert finds(text, f"xa{char}by".encode()), (letter, char)


_WORDS = st.sampled_from(
    ["a", "bc", "K", "k", "i", "ß", "İ", ".", "\\d", "(a|bc)", "(?:x|yk)+", "s?", "[ab]", " ", "%"]
)


@given(st.lists(_WORDS, min_size=1, max_size=6).map("".join), st.text("abckKsiIßİıſKxy0 %", max_size=12))
def test_whatever_matches_is_found_by_the_host(grep: str, message: str) -> None:
    text = host_text(grep)
    flags = 0 if any(map(str.isupper, grep)) else re.IGNORECASE
    if text is not None and re.search(grep, message, flags):
        assert finds(text, message.encode())
