"""Every command that the command line knows: the core's, and the lab's."""

from __future__ import annotations

from console.cli import lab, start
from console.commands import audit, container, fleet, host, log, unit, unit_change
from console.commands.registry import Registry


def all_commands() -> Registry:
    """A new registry of all commands, in the order in which the help lists them."""
    rooms = (fleet, host, unit, unit_change, container, log, audit, start, lab)
    return Registry(command for room in rooms for command in room.COMMANDS)
