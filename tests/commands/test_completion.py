"""What can come next on a line."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.cli.registry import all_commands
from console.commands.completion import Candidate, complete
from console.commands.grammar import parse
from console.errors import UsageError

REGISTRY = all_commands()
THERE = {
    "HOST": ("web1", "web2", "db1"),
    "SELECTOR": ("web1", "web2", "role=web", "state="),
    "MACRO": ("rolling-restart",),
    "FLEET": ("prod",),
    "ID": ("a-1",),
}


def known(metavar: str, words: Sequence[str]) -> list[Candidate]:
    return [Candidate(text) for text in THERE.get(metavar, ())]


def texts(line: str) -> list[str]:
    """What completes a line; the last word is being typed."""
    *words, typed = line.split(" ")
    return [one.text for one in complete(words, typed, REGISTRY, known)]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("uni", ["unit"]),
        ("unit rest", ["restart"]),
        ("--read-only unit rest", ["restart"]),
        ("-o json unit rest", ["restart"]),
        ("ss", ["ssh"]),
        ("nonsense ", []),
        ("unit nonsense ", []),
        ("unit restart --on w", ["web1", "web2"]),
        ("unit restart --on=w", ["--on=web1", "--on=web2"]),
        ("unit restart --on db1,w", ["db1,web1", "db1,web2"]),
        ("unit restart --on=role", ["--on=role=web"]),
        ("unit restart --wav", ["--wave="]),
        ("unit restart --stop", ["--stop-on-failure"]),
        ("unit restart --stop-on-failure --stop", []),
        ("-o ", ["table", "json", "yaml"]),
        ("--output=j", ["--output=json"]),
        ("--fleet ", ["prod"]),
        ("host show w", ["web1", "web2"]),
        ("macro run r", ["rolling-restart"]),
        ("run r", ["rolling-restart"]),
        ("audit undo ", ["a-1"]),
        ("audit undo a-1 ", []),
        ("host exec --on web1 -- w", []),
        ("unit list --nonsense --on web1", ["web1"]),
    ],
)
def test_what_can_stand_where_something_is_typed(line: str, found: list[str]) -> None:
    assert texts(line) == found


def test_every_noun_and_every_verb_is_offered_with_its_help() -> None:
    nouns = complete([], "", REGISTRY, known)
    assert {one.text for one in nouns} >= set(REGISTRY.nouns())
    for noun in REGISTRY.nouns():
        verbs = [one.text for one in complete([noun], "", REGISTRY, known)]
        if len(REGISTRY.verbs(noun)) > 0:
            assert set(verbs) >= set(REGISTRY.verbs(noun))


@pytest.mark.parametrize("command", REGISTRY, ids=lambda command: " ".join(command.words))
def test_every_option_that_is_offered_is_one(command: type) -> None:
    words = command.words  # type: ignore[attr-defined]
    for one in complete(list(words), "-", REGISTRY, known):
        with suppress(UsageError):  # a value or an argument is missing
            parse([*words, one.text], REGISTRY)
            continue
        with pytest.raises(UsageError) as refused:
            parse([*words, one.text], REGISTRY)
        assert "no option" not in refused.value.message
        assert "takes no value" not in refused.value.message


_WORD = st.one_of(
    st.sampled_from(["unit", "restart", "--on", "--on=", "--", "-o", "=", ",", "web1,", "--wave", "-", ""]),
    st.text(max_size=8),
)


@given(st.lists(_WORD, max_size=6), _WORD)
def test_no_line_is_too_odd_to_be_completed(words: list[str], typed: str) -> None:
    assert all(one.text.startswith(typed) for one in complete(words, typed, REGISTRY, known))
