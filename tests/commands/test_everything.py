"""Which modules the commands of a noun are in."""

from __future__ import annotations

import pytest

from console.commands.everything import core_registry

ALL = list(core_registry())
NOUNS = sorted({words[0] for command in ALL for words in (command.words, *command.aliases)})


@pytest.mark.parametrize("noun", NOUNS)
def test_the_commands_of_a_noun_are_all_there_when_it_alone_is_asked_for(noun: str) -> None:
    wanted = [c for c in ALL if noun in {words[0] for words in (c.words, *c.aliases)}]
    found = list(core_registry([noun]))
    assert [command for command in found if command in wanted] == wanted


def test_of_words_that_no_command_begins_with_there_is_none() -> None:
    assert list(core_registry(["nonesuch", "--on"])) == []
