"""The fleet's memory, opened for a command as far as the command needs it.

[etcd] or ETCDCTL_*         that etcd
none, the terminal          the embedded one, started if need be; never by a read-only console
none, a command             the embedded one if it runs; started for what is, or may be, kept there
no etcd on this machine     the state folder alone (`fleet/overlay.py`)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from console.commands import clock
from console.commands.command import Recall
from console.commands.places import state_path
from console.errors import ConfigError, StoreError, StoreUnreachable

if TYPE_CHECKING:
    from console.commands.core import Core
    from console.fleet.memory import Memory
    from console.model.config import EtcdConfig

#: How long a command waits for an etcd that it needs, and for one that it can do without. Seconds.
_PATIENCE_S = 5.0
_GLANCE_S = 1.5

_AS_KNOWN = "labels, cordons and added hosts are as last known"

_IN_FOLDER = "what is said of hosts is kept in the state folder"

#: The folder of the embedded etcd, in the state folder.
FOLDER = "etcd"


async def recall(
    core: Core, need: Recall, stack: AsyncExitStack, told: Callable[[str], None]
) -> Memory | None:
    """Open the memory, for as long as `stack` is; None where there is none, or none that answers.

    :param told: takes what a person should know of it.
    :raises StoreError: the command needs it, and it does not answer.
    :raises ConfigError: what is said of it in the fleet's file cannot be.
    """
    from console.fleet.etcdctl import etcd_config

    try:
        file = core.file
    except ConfigError:
        return None  # whatever needs the fleet says so itself, and better
    config, embedded = etcd_config(file.etcd, core.environ), False
    if config is None:
        config = await _embedded(core, need, stack, told)
        embedded = True
    if config is None:
        return None
    from console.fleet.memory import open_memory

    memory = await stack.enter_async_context(
        open_memory(
            config,
            core.config_path,
            core.overlay_path,
            core.macros_path,
            embedded=embedded,
            writes=core.read_only() is None,
        )
    )
    if need is Recall.TERMINAL:
        return memory  # it is followed, and shown as what it is
    try:
        async with asyncio.timeout(_PATIENCE_S if need is Recall.WRITE else _GLANCE_S):
            await memory.read()
    except TimeoutError:
        silent = StoreUnreachable(f"etcd does not answer: {memory.status.reason or 'no word in time'}")
        if need is Recall.WRITE:
            raise silent from None
        told(f"{silent}; {_AS_KNOWN}")
        return None
    except StoreError as error:
        if need is Recall.WRITE:
            raise
        told(f"{error}; {_AS_KNOWN}")
        return None
    for key, problem in memory.problems.items():
        told(f"{key} in etcd {problem}")
    return memory


async def bring(core: Core, memory: Memory, told: Callable[[str], None]) -> None:
    """Bring to etcd what was recorded here; what etcd does not take now, the next console brings."""
    from console.actions.audit_etcd import Shipping

    if core.read_only() is not None:
        return
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await Shipping(memory.etcd, core.state_folder, core.fleet_mark).ship(clock.now())
    except TimeoutError:
        told("what was recorded here is not in etcd yet: it does not answer")
    except (StoreError, ConfigError) as error:
        told(f"what was recorded here is not in etcd yet: {error}")


async def _embedded(
    core: Core, need: Recall, stack: AsyncExitStack, told: Callable[[str], None]
) -> EtcdConfig | None:
    from console.store.embedded_process import read_mark

    folder = state_path(core.environ) / FOLDER
    start = need is not Recall.READ and core.read_only() is None
    process = read_mark(folder / "process")
    if process is None or not process.runs():
        from console.store.embedded_binary import candidates

        if not start:
            return None  # what was last known is what is: nobody else can have changed it
        if not any(True for _ in candidates(core.environ)):
            told(f"no etcd on this machine: {_IN_FOLDER} (package etcd-server, or name one in [etcd])")
            return None
    from console.store.embedded import embedded

    try:
        etcd = await stack.enter_async_context(embedded(folder, report=told, start=start))
    except StoreError as error:
        if need is Recall.WRITE:
            raise
        told(f"{error}; {_IN_FOLDER}")
        return None
    core.embedded = etcd
    # The user's fleets share it, and each has its own keys.
    return replace(etcd.config, prefix=f"{etcd.config.prefix}{core.overlay_path.stem}/")
