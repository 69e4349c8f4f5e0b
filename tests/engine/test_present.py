"""Which engines there are: each is told of, and no longer than it is there."""

from __future__ import annotations

import asyncio
from pathlib import Path

from console.engine.present import EngineRecord, read_leader, read_present
from console.engine.tally import Role
from console.engine.term import Setting
from console.store.client import Etcd
from console.store.schema import Keys
from tests.engine.one_engine import engine_of, setting_of


async def present(etcd: Etcd) -> list[EngineRecord]:
    """Those that etcd tells of."""
    span = Keys(etcd.prefix).under("engine/present")
    return [engine for entry in (await etcd.list(span)).entries if (engine := read_present(entry))]


async def leader(etcd: Etcd) -> EngineRecord | None:
    """The one that leads."""
    entry = await etcd.get(Keys(etcd.prefix).leader)
    return None if entry is None else read_leader(entry)


class Standing:
    """What an engine has become, one after the other."""

    def __init__(self) -> None:
        self._words: asyncio.Queue[Role] = asyncio.Queue()

    def __call__(self, role: Role, words: str) -> None:
        self._words.put_nowait(role)

    async def until(self, wanted: Role) -> None:
        async with asyncio.timeout(20):
            while await self._words.get() is not wanted:
                pass


async def ended(running: asyncio.Task[None]) -> None:
    running.cancel()
    await asyncio.wait((running,))


async def told_of(etcd: Etcd, names: set[str]) -> list[EngineRecord]:
    """Wait until just these are told of."""
    async with asyncio.timeout(20):
        while True:
            found = await present(etcd)
            if {engine.name for engine in found} == names:
                return found
            await asyncio.sleep(0.05)


async def test_the_engine_that_leads_and_those_that_stand_by_are_told_of_until_they_end(
    etcd: Etcd, setting: Setting, tmp_path: Path
) -> None:
    first, second = Standing(), Standing()
    other = setting_of(etcd, tmp_path, embedded=True)
    one, two = engine_of(setting, stands=first), engine_of(other, stands=second)
    two.name = "console1/7"  # they would be one, in one process
    leads = asyncio.create_task(one.run())
    await first.until(Role.LEADS)
    stands_by = asyncio.create_task(two.run())
    await second.until(Role.STANDS_BY)
    engines = {engine.name: engine for engine in await told_of(etcd, {one.name, two.name})}
    assert engines["console1/7"].embedded
    assert not engines[one.name].embedded
    elected = await leader(etcd)
    assert elected is not None
    assert (elected.name, elected.embedded) == (one.name, False)
    assert elected.revision is not None
    await ended(leads)
    await second.until(Role.LEADS)
    successor = await leader(etcd)
    assert successor is not None
    assert (successor.name, successor.embedded) == ("console1/7", True)
    assert successor.revision is not None
    assert successor.revision > elected.revision
    await told_of(etcd, {two.name})
    await ended(stands_by)
    await told_of(etcd, set())
    assert await leader(etcd) is None
