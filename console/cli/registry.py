"""Every command that the command line knows: the core's, and those that only it has."""

from __future__ import annotations

from collections.abc import Collection

from console.cli import completion, lab, start
from console.commands import wall
from console.commands.everything import core_registry
from console.commands.registry import Registry


def all_commands(nouns: Collection[str] | None = None) -> Registry:
    """A new registry of all commands, in the order in which the help lists them.

    :param nouns: see `core_registry`.
    """
    registry = core_registry(nouns)
    for room in (start, wall, completion, lab):
        registry.add(room.COMMANDS)
    return registry
