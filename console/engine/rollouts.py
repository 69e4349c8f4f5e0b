"""Rollouts, carried on by the engine that leads: those that nobody else drives, or nobody any more."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from console.actions.hosts import SaidInEtcd
from console.engine.letting_go import letting_go
from console.engine.rolling import Registered
from console.engine.roster import hosts_of
from console.errors import Conflict, QuarterdeckError
from console.fleet.fleet import open_fleet
from console.hosts.links import Links
from console.model.wants import Wants
from console.rollouts.driving import drive
from console.rollouts.kind import Site
from console.rollouts.kinds import OF_SERVICES
from console.rollouts.ledger import Accounts, Ledger
from console.store.mirror import mirror

if TYPE_CHECKING:
    from console.engine.term import Setting, Term
    from console.fleet.fleet import Fleet
    from console.model.config import HostConfig
    from console.rollouts.rollout import Rollout

#: Before a rollout that could not be carried on is tried again. Seconds.
_PAUSE_S = 5.0


async def carry_on_rollouts(term: Term) -> None:
    """A duty: drive each rollout of which something is still to come. :raises StoreError: etcd says no."""
    memory = term.setting.memory
    accounts = Accounts(memory.keys)
    driving: dict[str, asyncio.Task[None]] = {}
    async with (
        asyncio.TaskGroup() as group,
        aclosing(mirror(memory.etcd, memory.keys.under("rollouts"), {})) as changing,
    ):
        async for events in changing:
            accounts.take(events)
            for account in accounts.all():
                identity = account.rollout.id
                task = driving.get(identity)
                if not account.stands and (task is None or task.done()):
                    driving[identity] = group.create_task(
                        _carry_on(term, identity), name=f"engine: {identity}"
                    )


async def _carry_on(term: Term, identity: str) -> None:
    """Drive one rollout until nothing more comes of it by itself."""
    setting = term.setting
    ledger = Ledger(setting.memory.etcd, setting.memory.keys)
    name = f"engine {socket.gethostname()}/{os.getpid()}"
    while True:
        try:
            await drive(ledger, identity, name, lambda rollout: _site(term, ledger, rollout))
        except Conflict:
            pass  # another drove it on; what that has left is seen below
        except QuarterdeckError as error:
            setting.told(f"{identity}: {error}; tried again in {_PAUSE_S:g} s")
            await asyncio.sleep(_PAUSE_S)
            continue
        if (await ledger.account(identity)).stands:
            return


@asynccontextmanager
async def _site(term: Term, ledger: Ledger, rollout: Rollout) -> AsyncIterator[Site]:
    """What it is carried out with.

    Hosts are reached by connections of their own: what their gate asks of them, placing services does not.
    Instances may be on any host; those that the engine has are used for them.
    """
    setting = term.setting
    if rollout.kind in OF_SERVICES:
        yield _made(setting, ledger, rollout, term.fleet, hosts_of(setting.file, setting.memory))
        return
    there = hosts_of(setting.file, setting.memory)
    hosts = {target.host: there[target.host] for target in rollout.targets if target.host in there}
    links = Links(ssh_config=setting.file.ssh_config)
    async with open_fleet(hosts.values(), Wants(), links) as fleet:
        yield _made(setting, ledger, rollout, fleet, hosts)


def _made(
    setting: Setting, ledger: Ledger, rollout: Rollout, fleet: Fleet, hosts: Mapping[str, HostConfig]
) -> Site:
    return Site(
        ledger,
        fleet,
        setting.permit,
        setting.audit,
        lambda host: SaidInEtcd(setting.memory, hosts[host], fleet.model.configure),
        lambda text: setting.told(f"{rollout.id}: {text}"),
        lambda: datetime.now(UTC),
        letting_go(setting.memory.etcd, fleet.model),
        Registered(setting.memory.etcd),
    )
