"""The scheduler, with instances that are to be on a certain host counted as being there already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from console.placement.candidate import Candidate, Standing
from console.placement.outcome import Placed, Placement
from console.placement.scheduler import schedule
from console.placement.spec import Spec


def schedule_pinned(
    specs: Iterable[Spec],
    hosts: Iterable[Candidate],
    current: Callable[[Mapping[str, str]], Iterable[Placed]],
    pins: Mapping[str, str],
) -> Placement:
    """Where everything is to be.

    An instance stays where it was moved to for the reason for which all others stay where they are. Where
    that host is not live or is drained, or a rule keeps the instance off it, the pin counts for nothing: the
    instance stays where it is, and does not wander each time something is worked out.

    :param current: where instances are, given the pins that count.
    :param pins: hosts by the names of instances.
    """
    specs, hosts = tuple(specs), tuple(hosts)
    live = {host.name for host in hosts if host.standing is Standing.LIVE and host.drained is None}
    placeable = {name for spec in specs if not spec.policy.everywhere for name in spec.instances()}
    counting = {name: host for name, host in pins.items() if host in live and name in placeable}
    while True:
        found = schedule(specs, hosts, current(counting))
        at = {one.instance: one.host for one in found.placed}
        refused = [name for name, host in counting.items() if at.get(name) != host]
        if not refused:
            return found
        for name in refused:
            del counting[name]
