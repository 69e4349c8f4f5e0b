"""What must be typed before a plan is carried out: the riskier it is, the more deliberate."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from console.actions.plan import Plan


@dataclass(frozen=True, slots=True)
class Challenge:
    """A question, and the one answer that means yes."""

    question: str
    answer: str


def challenge(plan: Plan, fleet: str, hosts: Collection[str]) -> Challenge:
    """One target: `y`, or its name where nothing takes it back. Many: their number. All hosts: the fleet.

    :param hosts: every host of the fleet.
    """
    count = len(plan.steps)
    touched = set(plan.hosts)
    if len(hosts) > 1 and touched.issuperset(hosts):
        return Challenge(f"{count} steps on every host: type the fleet's name, {fleet}", fleet)
    if count > 1:
        where = f" on {len(touched)} hosts" if len(touched) > 1 else ""
        return Challenge(f"{count} steps{where}: type {count}", str(count))
    step = plan.steps[0]
    if plan.grave:
        named = step.object or step.host
        return Challenge(f"{step.verb} {step.target}: type {named}", named)
    return Challenge(f"{step.verb} {step.target}: y", "y")
