"""The list of what was done: by all consoles that share an etcd, and what only this machine knows of yet."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from console.actions.audit import Record
from console.actions.audit_file import Trail
from console.commands.lists import LiveList
from console.commands.rows.change import RECORD
from console.errors import NothingSelected, StoreError, StoreUnreachable
from console.model.state import State
from console.tui.detail import Lines, about_record
from console.tui.shown.list import ShownList
from console.tui.tables import Listed
from console.tui.views import View
from console.tui.work import work

if TYPE_CHECKING:
    from console.commands.core import Core

#: Seconds between two looks at the file, and until an etcd that has not answered is asked again.
_LOOK_EVERY_S = 1.0
_AGAIN_S = 1.0
_NEWEST_FIRST = replace(RECORD, sort=lambda record: -record.time.timestamp())


class ShownAudit(ShownList):
    """The records of the state folder and of etcd, as they come: every write, and each that was refused."""

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._trail: Trail | None = None
        self._theirs: dict[str, Record] = {}

    def listed(self) -> Listed:
        live: LiveList[str, Record] = LiveList(_NEWEST_FIRST, self._record)
        return Listed(live, lambda batch: (), lambda record: False, "nothing was done yet")

    def on_mount(self) -> None:
        super().on_mount()
        work(self, self._keep_up, "audit")
        work(self, self._follow, "audit of all consoles")

    async def _keep_up(self) -> None:
        core = self.deck.core
        if core is None:
            return
        trail = self._trail = Trail(core.state_folder)
        while True:
            # A file of years takes a while.
            if changed := await asyncio.to_thread(trail.look):
                self.arrived({record.id for record in changed})
            for problem in trail.problems()[:1]:
                self.notify(str(problem), severity="warning", markup=False)
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _follow(self) -> None:
        memory = await self.deck.memory()
        if memory is None:
            return
        from console.actions.audit_etcd import all_records

        while True:
            try:
                async for records in all_records(memory.etcd):
                    self._theirs |= {record.id: record for record in records}
                    self.arrived({record.id for record in records})
            except StoreUnreachable:
                await asyncio.sleep(_AGAIN_S)  # it is in the header

    def _record(self, wanted: str) -> Record | None:
        ours = self._trail.records.get(wanted) if self._trail is not None else None
        return best(ours, self._theirs.get(wanted))

    def status(self) -> list[str]:
        store = self.deck.store
        alone = "from here alone" if store is None else "" if store.state is State.LIVE else "etcd is away"
        return [*super().status(), alone]


def best(ours: Record | None, theirs: Record | None) -> Record | None:
    """Of a record in the state folder and in etcd, the one that has ended."""
    if ours is None or theirs is None:
        return ours or theirs
    return theirs if ours.outcome is None and theirs.outcome is not None else ours


async def record_page(core: Core, wanted: str) -> Lines:
    """All that is known of one record.

    :raises ConfigError: the file cannot be read.
    :raises StoreError: it is not in the file, and etcd does not answer.
    :raises NothingSelected: it is not there.
    """
    trail = Trail(core.state_folder)
    await asyncio.to_thread(trail.look)
    record = trail.records.get(wanted)
    if core.memory is not None and (record is None or record.outcome is None):
        from console.actions.audit_etcd import find_record

        try:
            record = best(record, await find_record(core.memory.etcd, wanted))
        except StoreError:
            if record is None:
                raise
    if record is None:
        raise NothingSelected(f"no audit record {wanted}")
    return about_record(record)
