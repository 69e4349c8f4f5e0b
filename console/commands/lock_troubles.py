"""Slots of reboot locks that somebody may have forgotten, as troubles: nobody else can reboot meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from console.commands import clock
from console.commands.picture import Trouble
from console.commands.rows.base import Cell, Tone
from console.commands.rows.locks import LockRow
from console.model.locks import STALE_AFTER, LockState, stale_why

if TYPE_CHECKING:
    from console.fleet.memory import Memory


def judged(state: LockState, hosts: Iterable[str], after: timedelta = STALE_AFTER) -> LockRow:
    """A lock, and which of its slots are stale now. :param hosts: the names of all hosts of the fleet."""
    known, now = frozenset(hosts), clock.now()
    stale = {one.id: why for one in state.holders if (why := stale_why(one, known, now, after)) is not None}
    return LockRow(state, stale)


def lock_troubles(memory: Memory, hosts: Iterable[str]) -> list[Trouble]:
    """What is wrong with the locks of a fleet. :param hosts: the names of all its hosts."""
    held = [state for state in memory.locks if state.holders]
    if not held:
        return []
    known = frozenset(hosts)
    return [trouble for state in held for trouble in _troubles(judged(state, known))]


def _troubles(row: LockRow) -> Iterator[Trouble]:
    group = row.state.group
    for holder in row.state.holders:
        if (why := row.stale.get(holder.id)) is not None:
            told = f"{holder.words}: {why}; `lock release {group} {holder.id}` once it is known to be up"
            what = f"reboot lock {group}, {holder.host or holder.id}"
            how = Cell.state("stale", Tone.WARN)
            yield Trouble("", what, how, holder.since, told, lock=(group, holder.id))
