"""What hosts call themselves where they ask for a reboot lock by the FleetLock protocol.

Zincati's id of a machine is systemd's of it for Zincati as an application, so that no host has to tell its
own. Source: coreos/zincati, src/identity/mod.rs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from console.model.host import Host
from console.model.locks import LockState
from console.model.machine_id import app_specific

ZINCATI = "de35106b6ec24688b63afddaa156679b"


def hosts_by_id(hosts: Iterable[Host]) -> dict[str, str]:
    """The names of hosts by each id that one of them may go by: Zincati's, its machine's, its name."""
    found: dict[str, str] = {}
    for host in hosts:
        found[host.name] = host.name
        machine = host.facts.machine_id
        if machine is not None:
            found.setdefault(machine, host.name)
            if (own := app_specific(machine, ZINCATI)) is not None:
                found.setdefault(own, host.name)
    return found


def named(state: LockState, by_id: Mapping[str, str]) -> LockState:
    """The lock with the hosts of holders that are known by their ids."""
    holders = tuple(
        replace(one, host=by_id[one.id]) if one.host is None and one.id in by_id else one
        for one in state.holders
    )
    return state if holders == state.holders else replace(state, holders=holders)
