"""The core's own commands, all of them: what a line of a macro, an undo or a `:` can name."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module

from console.commands.registry import Registry

#: Modules with commands, in the order in which help lists them, and the first words of those, aliases too.
#: Imported when asked for: all of them take a tenth of a second longer than those of one noun, and commands
#: that run others, as `audit undo` does, ask for all.
_ROOMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("fleet", ("fleet",)),
    ("ack", ("fleet",)),
    ("evidence", ("fleet",)),
    ("timeline", ("fleet",)),
    ("host", ("host",)),
    ("host_change", ("host",)),
    ("host_drain", ("host",)),
    ("host_known", ("host",)),
    ("host_updates", ("host",)),
    ("host_rollout", ("host",)),
    ("interactive", ("host", "container")),
    ("unit", ("unit",)),
    ("unit_why", ("unit",)),
    ("unit_diff", ("unit",)),
    ("unit_change", ("unit",)),
    ("unit_edit", ("unit",)),
    ("container", ("container",)),
    ("container_change", ("container",)),
    ("container_update", ("container",)),
    ("container_behind", ("container",)),
    ("container_history", ("container",)),
    ("service", ("service", "status", "cat")),
    ("service_change", ("service", "submit", "load", "start", "stop", "unload", "destroy")),
    ("service_tune", ("service", "restart")),
    ("service_rollout", ("service",)),
    ("service_diff", ("service",)),
    ("rollout", ("rollout",)),
    ("lock", ("lock",)),
    ("denied", ("denied",)),
    ("log", ("log",)),
    ("log_search", ("log",)),
    ("log_stats", ("log",)),
    ("log_export", ("log",)),
    ("log_verify", ("log",)),
    ("audit", ("audit",)),
    ("undo", ("audit",)),
    ("macro.commands", ("macro", "run")),
    ("etcd", ("etcd",)),
    ("engine", ("engine",)),
    ("fleetctl", ("list-machines", "list-units", "list-unit-files", "journal", "ssh")),
)


def core_registry(nouns: Collection[str] | None = None) -> Registry:
    """A new registry of the core's commands.

    :param nouns: only commands that begin with one of these words, or stand in a module with one; None: all.
    """
    rooms = [room for room, first in _ROOMS if nouns is None or not set(first).isdisjoint(nouns)]
    modules = [import_module(f"console.commands.{room}") for room in rooms]
    return Registry(command for module in modules for command in module.COMMANDS)
