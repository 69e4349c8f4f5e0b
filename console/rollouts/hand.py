"""Changes of hosts and of what is said of them, for a rollout: a step of a plan each, recorded."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from console.actions.audit import INTERRUPTED, outcome_of
from console.actions.hands import open_hands
from console.actions.plan import Act, Outcome, Plan, Result, Step
from console.actions.run import Execution
from console.errors import AccessRefused, HostFailure, Unreachable

if TYPE_CHECKING:
    from console.hosts.transport import Transport
    from console.rollouts.kind import At, Site


async def do(site: Site, at: At, verb: str, now: str, then: str, act: Act) -> str:
    """Carry out one step on the target's host; what is said of it.

    :raises Unreachable: the host gave no answer; what is begun may go on.
    :raises HostFailure: it did not come out as intended, or the host is not as it was looked at.
    :raises ConfigError: it cannot be recorded; if that was its beginning, nothing was done.
    """
    step = Step(at.host, "", verb, now, then, act, touches=None)
    return await carry_out(site, at, step)


async def carry_out(site: Site, at: At, step: Step) -> str:
    """The same, of a step that is made already."""
    plan = Plan(at.rollout.line, (step,))
    record = site.audit.begin(at.rollout.line, plan, part_of=at.rollout.id)
    execution = Execution(
        plan, lambda host: open_hands(host, partial(reach, site, host), site.permit), _unheard
    )
    outcome = INTERRUPTED
    try:
        await execution.run()
        outcome = outcome_of(execution.results)
    finally:
        site.audit.end(record, outcome, execution.results)
    result = execution.results[0]
    if result.status is Outcome.UNREACHABLE:
        raise Unreachable(result.detail, host=at.host)
    if result.status is Outcome.REFUSED:
        raise AccessRefused(result.detail, host=at.host)
    if not result.status.good:
        raise HostFailure(result.detail, host=at.host)
    return result.detail


def reach(site: Site, host: str) -> Transport:
    """The connection to a host that there is now. :raises Unreachable: there is none."""
    if host not in site.fleet.sessions:
        raise Unreachable("it is no host of the fleet any more", host=host)
    return site.fleet.transport(host)


def _unheard(result: Result) -> None:
    """The result is taken once it is there."""
