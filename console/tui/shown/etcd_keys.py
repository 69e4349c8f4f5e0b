"""The keys of one kind, and one key with all that it held before."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from console.commands.etcd_keys import KeysOf, follow_key
from console.commands.lists import LiveList
from console.commands.rows import Cell, Tone
from console.commands.rows.etcd import KEY, KeyRow
from console.commands.rows.etcd_keys import history_lines
from console.errors import StoreUnreachable
from console.model.state import State
from console.tui.shown.list import ShownList
from console.tui.shown.page import ShownPage
from console.tui.tables import Listed
from console.tui.views import View
from console.tui.work import work

#: Seconds until an etcd that has not answered is asked again.
_AGAIN_S = 1.0

#: A column of keys is as wide as the longest, within these.
_KEY_WIDTHS = (16, 44)

#: What a list without values leaves out.
_OF_VALUES = ("SIZE", "VALUE")


class ShownKeys(ShownList):
    """The keys of one kind, as they are and change."""

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._keys: KeysOf | None = None
        self._kind = view.key or ""
        self._width = _KEY_WIDTHS[0]

    def listed(self) -> Listed:
        columns = [
            replace(column, width=self._width) if column.title == "KEY" else column
            for column in KEY.columns
            if column.title != "LEASE"  # it is on the key's page
            if self._has_values or column.title not in _OF_VALUES
        ]
        live: LiveList[str, KeyRow] = LiveList(replace(KEY, columns=tuple(columns)), self._look_up)
        return Listed(live, lambda batch: (), lambda row: not self._is_live, "no keys")

    @property
    def _has_values(self) -> bool:
        return self._kind not in KeysOf.WITHOUT_VALUES

    @property
    def _is_live(self) -> bool:
        return self.deck.store is not None and self.deck.store.state is State.LIVE

    def _look_up(self, name: str) -> KeyRow | None:
        return self._keys.look_up(name) if self._keys is not None else None

    def _has_room(self, width: int) -> bool:
        return self._has_values and super()._has_room(width)

    def on_mount(self) -> None:
        super().on_mount()
        work(self, self._follow, "keys")

    async def _follow(self) -> None:
        memory = await self.deck.memory()
        if memory is None:
            return
        keys = self._keys = KeysOf(memory, self._kind)
        async for changed in keys.follow():
            self._width = max(self._width, min(_KEY_WIDTHS[1], max(map(len, changed), default=0)))
            self.table.set_widths({"KEY": self._width})
            self.arrived(changed)

    def tick(self) -> None:
        self.table.apply(())  # whether they are old may have changed
        super().tick()


class ShownKey(ShownPage):
    """One key: what it holds, and what each change of it was, as far as etcd still has that."""

    def again(self) -> None:
        work(self, self._follow, "page")

    async def _follow(self) -> None:
        memory = await self.deck.memory()
        if memory is None:
            self.document.show([(Cell("✖ the fleet has no etcd", Tone.BAD),)])
            return
        while True:
            try:
                async for history in follow_key(memory, self.view.key or ""):
                    # Long values take a while to be compared.
                    self.document.show(await asyncio.to_thread(history_lines, history))
            except StoreUnreachable as error:
                self.document.show([(Cell(f"✖ {error}", Tone.BAD),)])
                await asyncio.sleep(_AGAIN_S)
