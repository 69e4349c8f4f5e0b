"""Hosts and services in one line each, and an independent judge of whether a placement keeps the rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from console.placement.candidate import Candidate, holds
from console.placement.outcome import Placed, Placement
from console.placement.policy import Policy
from console.placement.spec import Spec, parse_spec
from console.placement.unit_name import TYPES

GIB = 1024**3


def host(name: str, labels: Mapping[str, str] | None = None, **more: Any) -> Candidate:
    """A live host with four cores and 8 GiB, unless told otherwise."""
    return Candidate(name, labels or {}, **({"cpu": 4000, "memory": 8 * GIB} | more))


def hosts(count: int, **more: Any) -> list[Candidate]:
    return [host(f"h{number}", **more) for number in range(1, count + 1)]


def spec(name: str, *lines: str, section: str = "X-Quarterdeck") -> Spec:
    """A spec whose unit file has these lines in its section of policy."""
    name = _full(name)
    text = "\n".join(["[Service]", "ExecStart=/bin/true", f"[{section}]", *lines, ""])
    return parse_spec(text, Path(name))


def _full(name: str) -> str:
    return name if name.rpartition(".")[2] in TYPES else f"{name}.service"


def where(placement: Placement) -> dict[str, list[str]]:
    """The hosts of each instance."""
    found: dict[str, list[str]] = {}
    for placed in placement.placed:
        found.setdefault(placed.instance, []).append(placed.host)
    return found


def pending(placement: Placement) -> dict[str, str]:
    """Why each instance that is nowhere is nowhere."""
    return {each.instance: each.reason for each in placement.pending}


def changes(placement: Placement) -> dict[str, tuple[str | None, str | None, str]]:
    return {each.instance: (each.before, each.after, each.rule) for each in placement.changes}


def at(*words: str) -> list[Placed]:
    """`web@1.service=h1` placed; the service of an instance is its template where it has an `@`."""
    found = []
    for word in words:
        instance, _, name = word.partition("=")
        instance = _full(instance)
        front, sign, back = instance.partition("@")
        service = f"{front}@.{back.rpartition('.')[2]}" if sign else instance
        found.append(Placed(service, instance, name))
    return found


def violations(specs: Sequence[Spec], candidates: Iterable[Candidate], placed: Iterable[Placed]) -> list[str]:
    """Every rule that a placement breaks, judged pair by pair without any of the scheduler's own means."""
    by_name = {candidate.name: candidate for candidate in candidates}
    policies: dict[str, Policy] = {
        instance: one.policy_of(instance) for one in specs for instance in one.instances()
    }
    found: list[str] = []
    on: dict[str, list[Placed]] = {}
    for one in placed:
        on.setdefault(one.host, []).append(one)
    everyone = [one for there in on.values() for one in there]
    single = [one.instance for one in everyone if not policies[one.instance].everywhere]
    found += [f"{name} twice" for name in set(single) if single.count(name) > 1]
    for name, there in on.items():
        candidate = by_name[name]
        mine = [policies[one.instance] for one in there]
        if sum(policy.cpu for policy in mine) > max(0, (candidate.cpu or 0) - candidate.reserved_cpu):
            found.append(f"{name} lacks CPU")
        if sum(policy.memory for policy in mine) > max(
            0, (candidate.memory or 0) - candidate.reserved_memory
        ):
            found.append(f"{name} lacks memory")
        for one in there:
            policy = policies[one.instance]
            others = [other for other in there if other is not one]
            if policy.host is not None and not candidate.is_called(policy.host):
                found.append(f"{one.instance} is not on {policy.host}")
            if candidate.standing.value in {"lost", "foreign"}:
                found.append(f"{one.instance} is on {candidate.standing} {name}")
            if not all(any(holds(term, candidate) for term in group) for group in policy.require):
                found.append(f"{one.instance} requires other labels than {name}'s")
            own = [other for other in there if other.service == one.service]
            if policy.max_per_host is not None and len(own) > policy.max_per_host:
                found.append(f"{one.service} too often on {name}")
            for pattern in (*policy.apart, *policy.replaces):
                found += [
                    f"{one.instance} beside {other.instance}"
                    for other in others
                    if fnmatchcase(other.instance, pattern)
                ]
            found += [
                f"{one.instance} is not near {group}"
                for group in policy.near
                if not any(fnmatchcase(other.instance, pattern) for other in others for pattern in group)
            ]
            if policy.together and any(
                other.service == one.service and other.host != name for other in everyone
            ):
                found.append(f"{one.service} is not together")
    return found
