"""Every command that the command line knows: the core's, and the lab's."""

from __future__ import annotations

from console.cli import lab, start
from console.commands import container, fleet, host, log, unit
from console.commands.registry import Registry


def all_commands() -> Registry:
    """A new registry of all commands, in the order in which the help lists them."""
    rooms = (fleet, host, unit, container, log, start, lab)
    return Registry(command for room in rooms for command in room.COMMANDS)
