"""etcd, the fleet's memory: its members, who holds what, and the kinds of keys that it has."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Vertical

from console.commands import clock
from console.commands.etcd_keys import KeysOf, Kinds
from console.commands.lists import LiveList
from console.commands.rows import Cell, Tone
from console.commands.rows.etcd import MEMBER
from console.commands.rows.etcd_keys import KIND, KindRow
from console.model.state import State
from console.tui.shown.etcd_lines import held_lines, status_lines
from console.tui.shown.list import ShownList
from console.tui.tables import Listed
from console.tui.views import View
from console.tui.widgets.document import Lines
from console.tui.widgets.document_text import DocumentText
from console.tui.widgets.plain_table import PlainTable
from console.tui.work import work

if TYPE_CHECKING:
    from console.commands.remembering import Remembering

#: What is wrong with members stands above them, at length.
_MEMBER = replace(MEMBER, columns=tuple(column for column in MEMBER.columns if column.title != "PROBLEM"))

#: Kinds of keys that one of many holds at a time.
_HELD = ("engine", "locks")


class ShownEtcd(ShownList):
    """What `etcd status` tells, live; enter on a kind leads to its keys."""

    DEFAULT_CSS = "ShownEtcd #etcd-members, ShownEtcd #etcd-held { margin: 1 0 0 0; }"

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._kinds: Kinds | None = None
        #: Of each kind that can be held, the keys that are; a kind is missing until it is known.
        self._held: dict[str, KeysOf] = {}

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Lines(id="etcd-status", classes="-wrap")
            yield PlainTable(_MEMBER, id="etcd-members")
            yield Lines(id="etcd-held")
            yield from super().compose()

    def listed(self) -> Listed:
        live: LiveList[str, KindRow] = LiveList(KIND, self._look_up)
        return Listed(live, lambda batch: (), lambda row: not self._is_live, "")

    def _has_room(self, width: int) -> bool:
        return False  # all that is known of a kind is in its row

    def on_mount(self) -> None:
        super().on_mount()
        self.tick()
        work(self, self._follow_kinds, "kinds")
        for kind in _HELD:
            work(self, partial(self._follow_held, kind), kind)

    # -- what comes -------------------------------------------------------------------------

    @property
    def _remembering(self) -> Remembering | None:
        return self.deck.remembering

    @property
    def _is_live(self) -> bool:
        return self.deck.store is not None and self.deck.store.state is State.LIVE

    def _look_up(self, kind: str) -> KindRow | None:
        return self._kinds.look_up(kind) if self._kinds is not None else None

    async def _follow_kinds(self) -> None:
        memory, remembering = await self.deck.memory(), self._remembering
        self.tick()
        if memory is None or remembering is None or remembering.cluster is None:
            return
        kinds = self._kinds = Kinds(memory)
        with remembering.cluster.watched():
            async for changed in kinds.follow():
                self.arrived(changed)
                self.tick()

    async def _follow_held(self, kind: str) -> None:
        memory = await self.deck.memory()
        if memory is None:
            return
        keys = KeysOf(memory, kind)
        async for _ in keys.follow():
            self._held[kind] = keys
            self.tick()

    # -- what is drawn ----------------------------------------------------------------------

    def tick(self) -> None:
        if not self.is_mounted:
            return
        remembering, status = self._remembering, self.deck.store
        memory = remembering.memory if remembering is not None else None
        if remembering is None or memory is None or status is None:
            settled = remembering is None or remembering.settled.is_set()
            why = remembering.why if remembering is not None else ""
            told = Cell("looking for etcd …", Tone.FAINT)
            if settled:
                told = Cell(f"✖ the fleet has no etcd: {why or 'none is named in [etcd]'}", Tone.WARN)
            self._show("#etcd-status", [(told,)], wrap=True)
            return
        look = remembering.cluster.last if remembering.cluster is not None else None
        seen = self._kinds.revision if self._kinds is not None else 0
        latency = memory.etcd.health.latency
        lines = status_lines(status, memory.etcd.prefix, look, latency, seen, clock.now())
        self._show("#etcd-status", lines, wrap=True)
        held = [row for kind in sorted(self._held) for row in self._held[kind].rows()]
        self._show("#etcd-held", held_lines(held, known=len(self._held) == len(_HELD)))
        if look is not None:
            members: PlainTable[Any] = self.query_one("#etcd-members", PlainTable)
            members.show(look.members)
        self.table.apply(())  # whether rows are old may have changed

    def _show(self, where: str, lines: list[tuple[Cell, ...]], *, wrap: bool = False) -> None:
        text = DocumentText()
        text.put(lines)
        self.query_one(where, Lines).show(text, wrap=wrap)

    def status(self) -> list[str]:
        return [f"{part} kinds" for part in super().status()[:1]]
