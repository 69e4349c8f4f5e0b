"""A rollout from a command: written, driven from here where nobody else does, and waited for."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from console.actions.audit import DONE
from console.actions.run import Conduct
from console.commands import clock
from console.commands.change import executed, finish
from console.commands.rows.change import RESULT
from console.errors import Incomplete, QuarterdeckError, first_of
from console.model.selector import Selector
from console.model.wants import Wants

if TYPE_CHECKING:
    from console.actions.hands import Permit
    from console.actions.plan import Plan
    from console.commands.core import Core, View
    from console.commands.output import Output
    from console.rollouts.awaiting import Awaiting
    from console.rollouts.kind import Site
    from console.rollouts.ledger import Ledger
    from console.rollouts.rollout import Rollout

#: What is to be seen of hosts that a rollout changes.
WANTS = Wants(os=True)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a command will do.

    :param rollout: None: there is nothing to do, or nothing that can be done.
    :param awaiting: what the acts of the plan wait by.
    """

    plan: Plan
    rollout: Rollout | None
    awaiting: Awaiting


def ledger_of(core: Core) -> Ledger:
    """:raises StoreError: the fleet has no etcd that answers."""
    from console.rollouts.ledger import Ledger

    return Ledger(core.mind.etcd, core.mind.keys)


def site_of(core: Core, view: View, permit: Permit, told: Callable[[str], None]) -> Site:
    """What a rollout is carried out with from this console."""
    from console.commands.host_change import said_of
    from console.engine.letting_go import letting_go
    from console.engine.rolling import Registered
    from console.rollouts.kind import Site

    return Site(
        ledger_of(core),
        view.fleet,
        permit,
        core.audit,
        partial(said_of, core, view),
        told,
        clock.now,
        letting_go(core.mind.etcd, view.fleet.model),
        Registered(core.mind.etcd),
    )


def driver_name() -> str:
    """Who this console is to others."""
    return f"{socket.gethostname()}/{os.getpid()}"


async def begun(core: Core, view: View, out: Output, permit: Permit, drawn: Drawn, *, wait: bool) -> None:
    """Write a confirmed rollout down, and see it through.

    :param wait: else an engine carries it out, if one is there.
    :raises Incomplete: not every target came out as intended.
    """
    rollout = drawn.rollout
    assert rollout is not None
    if not wait:
        record = core.audit.begin(drawn.plan.line, drawn.plan)
        await ledger_of(core).create(rollout)
        core.audit.end(record, DONE, undo=(f"rollout undo {rollout.id}",))
        tell_id(core, out, rollout.id)
        out.note("an engine carries it out; `rollout show --watch` tells how far it is")
        return
    await ledger_of(core).create(rollout)
    tell_id(core, out, rollout.id)
    site = site_of(core, view, permit, out.note)
    conduct = Conduct(at_once=max(len(drawn.plan.steps), 1))
    with out.listing(RESULT) as add:
        async with _driven(site, rollout.id, drawn.awaiting, out):
            ended = await executed(conduct, drawn.plan, core, view.fleet.transport, permit, add)
            if ended.cancelled is None:
                await drawn.awaiting.settled()
    if ended.cancelled is not None:
        out.note(
            f"{rollout.id} stays as it is written: `rollout resume {rollout.id}` goes on with it,"
            f" `rollout abort {rollout.id}` ends it; an engine goes on by itself"
        )
    ended.tell(out)
    if ended.undo:
        out.note(f"to undo it: quarterdeck {ended.undo[0]}")
    finish(ended.results)


async def seen_through(core: Core, identity: str, permit: Permit, out: Output) -> None:
    """Drive a rollout that is written down, or wait while another does, until nothing more comes of it.

    :raises Incomplete: a target has not come out as intended.
    """
    from console.rollouts.awaiting import Awaiting
    from console.rollouts.kinds import OF_SERVICES
    from console.rollouts.rollout import State

    ledger = ledger_of(core)
    account = await ledger.account(identity)
    hosts = ",".join(dict.fromkeys(target.host for target in account.rollout.targets))
    # An instance may be on any host by now.
    on = None if account.rollout.kind in OF_SERVICES else Selector.parse(hosts)
    awaiting = Awaiting(ledger, identity)
    async with core.observe(on, WANTS) as view:
        site = site_of(core, view, permit, out.note)
        async with _driven(site, identity, awaiting, out):
            account = await awaiting.settled()
    if account.failed or account.rollout.state is State.HALTED:
        raise Incomplete(f"{identity} is {account.rollout.state}: {account.rollout.why}")


@asynccontextmanager
async def _driven(site: Site, identity: str, awaiting: Awaiting, out: Output) -> AsyncIterator[None]:
    """While this is held a rollout is followed, and driven from here unless another drives it.

    :raises StoreError: what etcd has of it cannot be read.
    """
    from console.rollouts.driving import carry_out

    def waits(driver: str) -> None:
        out.note(f"{driver} drives it; it is followed from here")

    try:
        async with asyncio.TaskGroup() as group:
            tasks = (
                group.create_task(awaiting.run(), name=f"{identity}: awaiting"),
                group.create_task(carry_out(site, identity, driver_name(), waits), name=f"{identity}: drive"),
            )
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
    except* QuarterdeckError as errors:
        raise first_of(errors) from None


def tell_id(core: Core, out: Output, identity: str) -> None:
    """A rollout's id, as stdout's first line."""
    if core.pipe is not None:
        core.pipe(f"{identity}\n".encode())
    else:
        out.note(identity)
