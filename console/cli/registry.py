"""Every command that the command line knows: the core's, and those that only it has."""

from __future__ import annotations

from console.cli import completion, lab, start
from console.commands.everything import core_registry
from console.commands.registry import Registry


def all_commands() -> Registry:
    """A new registry of all commands, in the order in which the help lists them."""
    registry = core_registry()
    for room in (start, completion, lab):
        registry.add(room.COMMANDS)
    return registry
