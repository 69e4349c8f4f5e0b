"""The core's own commands, all of them: what a line of a macro, an undo or a `:` can name."""

from __future__ import annotations

from console.commands.registry import Registry


def core_registry() -> Registry:
    """A new registry of the core's commands, in the order in which help lists them."""
    # Here and not above: commands that run others, as `audit undo` does, ask for all of them.
    from console.commands import (
        ack,
        audit,
        container,
        container_change,
        denied,
        engine,
        etcd,
        evidence,
        fleet,
        fleetctl,
        host,
        host_change,
        host_drain,
        host_known,
        host_rollout,
        host_updates,
        interactive,
        lock,
        log,
        rollout,
        service,
        service_change,
        service_tune,
        undo,
        unit,
        unit_change,
        unit_diff,
        unit_edit,
        unit_why,
    )
    from console.commands.macro import commands as macro

    rooms = (
        *(fleet, ack, evidence, host, host_change, host_drain, host_known, host_updates, host_rollout),
        interactive,
        *(unit, unit_why, unit_diff, unit_change, unit_edit),
        *(container, container_change),
        *(service, service_change, service_tune),
        *(rollout, lock, denied),
        *(log, audit, undo, macro, etcd, engine, fleetctl),
    )
    return Registry(command for room in rooms for command in room.COMMANDS)
