"""The list of commands there is. Help, completion, palette and docs are made from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from console.commands.command import Command


class Registry:
    """Commands by their words."""

    def __init__(self, commands: Iterable[type[Command]] = ()) -> None:
        self._by_words: dict[tuple[str, ...], type[Command]] = {}
        self._commands: list[type[Command]] = []
        self.add(commands)

    def add(self, commands: Iterable[type[Command]]) -> None:
        """Register `commands`; two of the same name are a programming error."""
        for command in commands:
            for words in (command.words, *command.aliases):
                assert words not in self._by_words, words
                self._by_words[words] = command
            self._commands.append(command)

    def __iter__(self) -> Iterator[type[Command]]:
        return iter(self._commands)

    def find(self, names: Sequence[str]) -> tuple[type[Command], int] | None:
        """The command that `names` begin with, and how many words its name took; longest first."""
        for count in (2, 1):
            if len(names) >= count and (found := self._by_words.get(tuple(names[:count]))):
                return found, count
        return None

    def longest(self, noun: str) -> int:
        """How many words the names beginning with `noun` have at most; 0 if there are none."""
        return max((len(words) for words in self._by_words if words[0] == noun), default=0)

    def nouns(self) -> list[str]:
        """First words, each once, in the order of registration; aliases left out."""
        return list(dict.fromkeys(command.words[0] for command in self._commands))

    def verbs(self, noun: str) -> list[str]:
        """Second words of the commands of one noun."""
        return [c.words[1] for c in self._commands if c.words[0] == noun and len(c.words) > 1]
