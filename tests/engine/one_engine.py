"""Engines of a fleet without hosts, in the test's own process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from console.actions.audit import Audit, Who
from console.actions.hands import Permit
from console.engine.applying import LINE
from console.engine.duties import Duty, Task
from console.engine.engine import Engine
from console.engine.tally import Role
from console.engine.term import Setting
from console.fleet.memory import Memory
from console.hosts.links import Links
from console.hosts.secrets import Keyring
from console.model.config import FleetConfig
from console.store.client import Etcd


def setting_of(
    etcd: Etcd, folder: Path, told: Callable[[str], None] = print, *, embedded: bool = False
) -> Setting:
    """What an engine is given to work with."""
    memory = Memory(etcd, folder / "fleet.toml", folder / "kept", folder / "macros", embedded=False)
    audit = Audit((), Who("ann", "console1"), lambda: datetime.now(UTC))
    file = FleetConfig(folder / "fleet.toml", "f", ())
    return Setting(memory, file, Permit(LINE), audit, told, embedded)


def engine_of(
    setting: Setting,
    tasks: Iterable[Task] = (),
    duties: Iterable[Duty] = (),
    stands: Callable[[Role, str], None] = lambda role, words: None,
) -> Engine:
    """An engine that does this beside."""
    return Engine(setting, Links(Keyring(None)), stands, tasks, duties)


async def run_until(engine: Engine, event: asyncio.Event) -> None:
    """Run an engine until something has happened."""
    running = asyncio.create_task(engine.run())
    async with asyncio.timeout(10):
        await event.wait()
    running.cancel()
    await asyncio.wait((running,))
