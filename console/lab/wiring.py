"""A network of one's own for a host (or its proxy), and the cable from it to the lab's bridge.

The process that boots a host keeps the host's network, so it outlives the host's reboots: addresses
and faults set on it stay. When the last process in it ends, the kernel takes the cable away.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

#: What a host calls its end of the cable.
INTERFACE = "host0"


@dataclass(frozen=True, slots=True)
class Wiring:
    """One cable. `addresses` are `a.b.c.d/len`; `routes` are networks found on the same wire."""

    bridge: str
    link: str
    mac: str
    addresses: tuple[str, ...]
    routes: tuple[str, ...]


def into_own_network(module: str, argument: str) -> None:
    """Start over as `python -m module argument FD` in new network and mount namespaces.

    FD is the machine's network namespace. Does not return.
    """
    machine = os.open("/proc/self/ns/net", os.O_RDONLY)
    os.set_inheritable(machine, True)
    argv = ["unshare", "--net", "--mount", "--propagation", "slave"]
    argv += [sys.executable, "-m", module, argument, str(machine)]
    os.execvp(argv[0], argv)


def connect(wiring: Wiring, machine: int) -> None:
    """Lay the cable from this process's network to the bridge in the network `machine` (a descriptor)."""
    link, bridge = wiring.link, wiring.bridge
    _ip(
        [
            f"link add {link} type veth peer name {INTERFACE} address {wiring.mac} netns {os.getpid()}",
            f"link set {link} addrgenmode none master {bridge} up",
        ],
        ["nsenter", f"--net=/proc/self/fd/{machine}"],
        machine,
    )
    _ip(
        [
            "link set lo up",
            f"link set {INTERFACE} addrgenmode none up",
            *(f"address add {address} dev {INTERFACE}" for address in wiring.addresses),
            # Behind the routes that come with the addresses: used when one of those is taken away.
            *(f"route add {network} dev {INTERFACE} metric 1000" for network in wiring.routes),
        ]
    )


def _ip(lines: Sequence[str], prefix: Sequence[str] = (), *descriptors: int) -> None:
    argv = [*prefix, "ip", "-batch", "-"]
    subprocess.run(argv, input="\n".join(lines).encode(), pass_fds=descriptors, check=True)
