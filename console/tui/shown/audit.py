"""The list of what was done from this machine: every write, and each that was refused, newest first."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from console.actions.audit import Record
from console.actions.audit_file import Trail
from console.commands.lists import LiveList
from console.commands.rows.change import RECORD
from console.errors import NothingSelected
from console.tui.detail import Lines, about_record
from console.tui.shown.list import ShownList
from console.tui.tables import Listed
from console.tui.views import View
from console.tui.work import work

#: Seconds between two looks at the file.
_LOOK_EVERY_S = 1.0
_NEWEST_FIRST = replace(RECORD, sort=lambda record: -record.time.timestamp())


class ShownAudit(ShownList):
    """The records of the state folder, as they come."""

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._trail: Trail | None = None

    def listed(self) -> Listed:
        live: LiveList[str, Record] = LiveList(_NEWEST_FIRST, self._record)
        return Listed(live, lambda batch: (), lambda record: False, "nothing was done from here yet")

    def on_mount(self) -> None:
        super().on_mount()
        work(self, self._keep_up, "audit")

    async def _keep_up(self) -> None:
        core = self.deck.core
        if core is None:
            return
        trail = self._trail = Trail(core.state_folder)
        while True:
            # A file of years takes a while.
            if changed := await asyncio.to_thread(trail.look):
                self.table.apply({record.id for record in changed})
                self.tell_detail()
                self.post_message(self.StatusChanged())
            for problem in trail.problems()[:1]:
                self.notify(str(problem), severity="warning", markup=False)
            await asyncio.sleep(_LOOK_EVERY_S)

    def _record(self, wanted: str) -> Record | None:
        return self._trail.records.get(wanted) if self._trail is not None else None


async def record_page(folder: Path, wanted: str) -> Lines:
    """All that is known of one record.

    :raises ConfigError: the file cannot be read.
    :raises NothingSelected: it is not there.
    """
    trail = Trail(folder)
    await asyncio.to_thread(trail.look)
    if (record := trail.records.get(wanted)) is None:
        raise NothingSelected(f"no audit record {wanted}")
    return about_record(record)
