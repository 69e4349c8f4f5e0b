"""The rules: what keeps an instance off a host. One function decides, for placing and for explaining alike.

In the order in which they are looked at:

    host        Host= names another one
    foreign     the host is another fleet's
    lost        the host was given up
    silent      no contact with it: it takes nothing new
    cordoned    it takes nothing new
    pressure    it is short of memory: it takes nothing new
    drained     it takes nothing new, and what is there moves where another host will have it
    require     Require= asks for other labels
    near        what it is to be near is not there
    apart       something there is to be apart from it, declared by either
    replaces    one there replaces the other; or each the other, and one of the two is placed
    max-per-host  there are as many of the service as MaxPerHost= allows
    cpu, memory   what it reserves is not free
"""

from __future__ import annotations

from collections.abc import Iterable

from console.placement.host_index import Stage
from console.placement.instance import Instance, Pattern
from console.placement.ledger import Ledger

CAPACITY = ("cpu", "memory")


def obstacle(instance: Instance, host: int, ledger: Ledger) -> str | None:
    """The word of the first rule that keeps an instance, which is not placed, off a host by what is there."""
    # Of thousands most are bound by nothing but room.
    if (not instance.plain or instance.kind.most is not None) and (rule := blocked(instance, host, ledger)):
        return rule
    return short(instance, host, ledger)


def blocked(instance: Instance, host: int, ledger: Ledger) -> str | None:
    """As `obstacle`, for the rules that no displacing of others gets round."""
    service = instance.service
    if not instance.plain:
        kind = instance.kind
        for group in kind.groups:
            if not any(host in pattern.targets for pattern in group):
                return "near"
        if kind.policy.together and service.total != service.own.get(host, 0):
            return "near"
        held, hit = kind.held, instance.hit
        for pattern in held.apart:
            if host in pattern.targets:
                return "apart"
        for pattern in hit.apart:
            if host in pattern.holders:
                return "apart"
        for pattern in held.replaces:
            if host in pattern.targets:
                return "replaces"
        for pattern in hit.replaces:
            if host in pattern.holders:
                return "replaces"
        for rival in instance.rivals:
            if rival.host is not None:
                return "replaces"
    most = instance.kind.most
    if most is not None and service.own.get(host, 0) >= most:
        return "max-per-host"
    return None


def short(instance: Instance, host: int, ledger: Ledger) -> str | None:
    """What there is too little of on the host."""
    if instance.cpu and ledger.cpu[host] + instance.cpu > ledger.index.cpu[host]:
        return "cpu"
    if instance.memory and ledger.memory[host] + instance.memory > ledger.index.memory[host]:
        return "memory"
    return None


def told(rule: str, instance: Instance, host: int, ledger: Ledger) -> str:
    """A rule that `obstacle` gave, in words."""
    match rule:
        case "near":
            return _near(instance, host)
        case "apart":
            return f"apart from {_there(instance.held.apart, instance.hit.apart, instance, host, ledger)}"
        case "replaces":
            for rival in instance.rivals:
                if rival.host is not None:
                    return f"{rival.name} and it replace each other: one of the two runs"
            held = _there(instance.held.replaces, (), instance, host, ledger)
            if held:
                return f"replaces {held}, which is placed there"
            return f"{_there((), instance.hit.replaces, instance, host, ledger)} has replaced it there"
        case "max-per-host":
            own = instance.service.own.get(host, 0)
            return f"{own} of {instance.service.name} there, MaxPerHost={instance.policy.max_per_host}"
        case "cpu":
            room = ledger.index.cpu[host]
            if room < 0:
                return "how many CPUs it has is not known"
            return f"{_cores(max(0, room - ledger.cpu[host]))} CPU free, {_cores(instance.cpu)} asked"
        case "memory":
            room = ledger.index.memory[host]
            if room < 0:
                return "how much memory it has is not known"
            return f"{_mib(max(0, room - ledger.memory[host]))} free, {_mib(instance.memory)} asked"
    raise AssertionError(rule)


def told_stage(stage: Stage, host: int, ledger: Ledger) -> str:
    """A rule of hosts by themselves, in words."""
    candidate = ledger.index.hosts[host]
    match stage.rule:
        case "host":
            return f"Host={stage.asked}"
        case "foreign":
            return "claimed by another fleet"
        case "lost":
            return "lost"
        case "silent":
            return "no contact: takes nothing new"
        case "cordoned":
            return "cordoned: takes nothing new"
        case "pressure":
            return f"{candidate.pressure} stalled: takes nothing new"
        case "drained":
            return f"drained by {candidate.drained}"
        case "require":
            return f"needs {stage.asked}"
    raise AssertionError(stage.rule)


def _near(instance: Instance, host: int) -> str:
    for group in instance.groups:
        if not any(host in pattern.targets for pattern in group):
            names = " or ".join(pattern.text for pattern in group)
            if any(pattern.targets for pattern in group):
                return f"near {names}, which is not there"
            if not any(pattern.meant for pattern in group):
                return f"near {names}, which no service is"
            return f"near {names}, which is placed nowhere"
    return f"the others of {instance.service.name} are not there"


def _there(
    held: Iterable[Pattern], hit: Iterable[Pattern], instance: Instance, host: int, ledger: Ledger
) -> str:
    """The first instance on the host that one of `held` means, or that holds one of `hit`."""
    meant = {name for pattern in held for name in pattern.meant}
    holding = set(hit)
    for other in sorted(ledger.on[host], key=lambda other: other.name):
        if other is not instance and (other.name in meant or not holding.isdisjoint(other.held)):
            return other.name
    return ""


def _cores(thousandths: int) -> str:
    return f"{thousandths / 1000:g}"


def _mib(size: int) -> str:
    return f"{size / 1024**2:.0f} MiB"
