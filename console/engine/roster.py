"""The hosts that an engine looks after: those of the fleet's file and of etcd, as both say now."""

from __future__ import annotations

from console.fleet.fleet import Fleet
from console.fleet.memory import Memory
from console.fleet.overlay import overlaid
from console.model.config import FleetConfig, HostConfig


def hosts_of(file: FleetConfig, memory: Memory) -> dict[str, HostConfig]:
    """All hosts, by name."""
    return {host.name: host for host in overlaid(file, memory.hosts).hosts}


def follow_roster(fleet: Fleet, file: FleetConfig, memory: Memory) -> bool:
    """Have `fleet` be of the hosts that there are now; whether that changed anything.

    One whose way there has changed is connected anew.
    """
    now = hosts_of(file, memory)
    before = {name: session.config for name, session in fleet.sessions.items()}
    for name in before.keys() - now.keys():
        fleet.remove(name)
    for name, config in now.items():
        if name not in before:
            fleet.add(config)
        elif config != before[name]:
            if _way(config) != _way(before[name]):
                fleet.remove(name)
                fleet.add(config)
            else:
                fleet.sessions[name].config = config
                fleet.model.configure(config)
    return now != before


def _way(config: HostConfig) -> tuple[object, ...]:
    return (config.address, config.port, config.transport, config.user, config.become, config.identity)
