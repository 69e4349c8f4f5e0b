"""A running fleet of two hosts that nobody connects to, and its memory in a real etcd."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from console.commands.core import Core
from console.commands.grammar import Globals
from console.commands.remembering import Remembering
from console.fleet.fleet import Fleet
from console.fleet.memory import Memory, open_memory
from console.model.wants import Wants
from tests.store.cluster import Cluster

_HOSTS = "".join(f'[[host]]\nname = "{name}"\naddress = "198.51.100.1"\n' for name in ("web1", "web2"))


@dataclass
class Console:
    """One that runs; `notes` is what it told whoever looks at it."""

    core: Core
    fleet: Fleet
    remembering: Remembering
    notes: list[str] = field(default_factory=list)

    async def until(self, true: Callable[[], bool], seconds: float = 20) -> None:
        """Wait for what shall come; what was told is in the error."""
        try:
            async with asyncio.timeout(seconds):
                while not true():  # noqa: ASYNC110 - of some of it no event tells
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"not within {seconds:g} s; told: {self.notes}") from None

    def names(self) -> list[str]:
        return [host.name for host in self.fleet.model.hosts()]


def core_in(folder: Path, endpoints: tuple[str, ...] | None, *, read_only: bool = False) -> Core:
    """The core of a console whose state is in `folder`.

    :param endpoints: of the etcd that the fleet's file names; None: it names none.
    """
    folder.mkdir(exist_ok=True)
    file = folder / "fleet.toml"
    etcd = "" if endpoints is None else f"[etcd]\nendpoints = {list(endpoints)}\n"
    file.write_text(f'[fleet]\nname = "prod"\n{etcd}{_HOSTS}')
    return Core(Globals(config=file, read_only=read_only), environ={"XDG_STATE_HOME": str(folder)})


@asynccontextmanager
async def running(core: Core) -> AsyncIterator[Console]:
    """Keep a console's fleet as its memory has it, until the context is left; nothing of it stays."""
    wants = Wants(units=False, containers=False, os=False, connect=False)
    async with core.observe(None, wants, wait=False) as look:
        remembering = Remembering(core, look.fleet)
        console = Console(core, look.fleet, remembering)
        remembering.listen(console.notes.append, lambda: None)
        task = asyncio.create_task(remembering.run())
        try:
            yield console
        finally:
            task.cancel()
            await asyncio.wait((task,))
            if not task.cancelled():
                task.result()


@asynccontextmanager
async def another(cluster: Cluster, folder: Path) -> AsyncIterator[Memory]:
    """What another console says."""
    async with open_memory(
        cluster.config(), folder / "fleet.toml", folder / "hosts.json", folder / "macros"
    ) as memory:
        yield memory
