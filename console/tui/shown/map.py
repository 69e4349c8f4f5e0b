"""The map of the fleet: a sign for each host, and beside it all that is known of one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from textual.app import ComposeResult

from console.commands.filters import Filter
from console.commands.lists import LiveList
from console.commands.rows import HOST, Tone, state_cell
from console.commands.rows.base import GLYPHS
from console.fleet.model import Changes
from console.model.host import Host
from console.model.state import State
from console.tui.actions import Place
from console.tui.keys import bind
from console.tui.shown.base import Memory
from console.tui.shown.beside import ShownBeside
from console.tui.widgets.fleet_map import FleetMap

#: A host keeps its place, however it is.
_BY_NAME = replace(HOST, sort=lambda host: host.name)
_WORDS = {Tone.GOOD: "sound", Tone.WARN: "ailing", Tone.BAD: "lost", Tone.FAINT: "not there yet"}


class ShownMap(ShownBeside):
    """Every host, by how it is."""

    map: FleetMap

    def compose(self) -> ComposeResult:
        model = self.deck.model
        live = LiveList(_BY_NAME, model.find, host=model.find)
        live.update(each.name for each in model.hosts())
        self.map = FleetMap(live, tone_of, id="main")
        bind(self.map, Place.MAP, self.deck.keymap)
        yield self.map
        yield from self.beside()

    @property
    def row(self) -> Host | None:
        return self.map.host

    @property
    def rows(self) -> list[Any]:
        return [self.row] if self.row is not None else []

    def status(self) -> list[str]:
        live = self.map.list
        counts = Counter(map(tone_of, (live.row(at) for at in range(len(live)))))
        told = [f"{GLYPHS[tone]} {counts[tone]} {word}" for tone, word in _WORDS.items() if counts[tone]]
        host = self.row
        if host is not None:
            told.append(f"{host.name}: {state_cell(host.status).text}")
        return told

    def take(self, batch: Changes) -> None:
        self.map.apply(batch.hosts, batch.hosts)
        if self.row is not None and self.row.name in batch.hosts:
            self.tell_detail()

    def on_sign_field_moved(self) -> None:
        self.tell_detail()
        self.post_message(self.StatusChanged())

    def set_filter(self, text: str) -> None:
        self.map.set_filter(Filter.parse(text) if text.strip() else None)
        self.filtered = text

    def memory(self) -> Memory:
        return Memory(self.filtered, self.row.name if self.row is not None else None)

    def recall(self, memory: Memory, *, again: bool) -> None:
        super().recall(memory, again=again)
        if memory.cursor is not None:
            self.map.go(memory.cursor)

    def copy_text(self) -> str:
        return self.row.name if self.row is not None else ""


def tone_of(host: Host) -> Tone:
    """Lost; ailing, for something on it has failed or is not heard; sound; or not there yet."""
    if host.state is State.CONNECTING:
        return Tone.FAINT
    if host.state is not State.LIVE:
        return Tone.BAD
    ailing = bool(host.units_failed or host.containers_unhealthy)
    unheard = any(
        status.state not in (State.LIVE, State.CONNECTING, State.ABSENT) for status in host.sources.values()
    )
    return Tone.WARN if ailing or unheard else Tone.GOOD
