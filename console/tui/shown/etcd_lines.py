"""What stands over the kinds of keys on the etcd screen, as lines. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from console.commands.etcd_watch import ClusterLook, why_not
from console.commands.rows.base import Cell, Tone
from console.commands.rows.etcd import KeyRow
from console.commands.values import ago
from console.model.state import State
from console.model.store import StoreStatus
from console.model.text import clean

Lines = list[tuple[Cell, ...]]

#: So many holders are listed.
_HELD = 6


def status_lines(
    status: StoreStatus,
    prefix: str,
    look: ClusterLook | None,
    latency: float | None,
    seen: int,
    now: datetime,
) -> Lines:
    """Whether etcd answers, how far it is, how fast, and how old all this is; then what is wrong with it.

    :param latency: of the last read that needed a quorum, in seconds.
    :param seen: the revision of the last change that our watch has told.
    """
    members = look.members if look is not None else ()
    leader = next((one.name for one in members if one.leader), None)
    lines: Lines = [(_state(status), Cell(_who(status, len(members), leader)), Cell(prefix, Tone.FAINT))]
    if status.state is not State.LIVE and status.reason is not None:
        age = f"; what is shown is {ago(status.contact, now)} old" if status.contact is not None else ""
        lines.append((Cell(f"  {clean(why_not(status))}{age}", Tone.BAD),))
        latency = None  # of when it still answered
    if look is not None:
        lines.append(_figures(look, latency, seen, now))
        lines += _wrong(look)
    return lines


def _state(status: StoreStatus) -> Cell:
    if status.state is State.LIVE:
        return Cell.state("live", Tone.GOOD)
    if status.reason is None:
        return Cell.state("connecting", Tone.FAINT)
    return Cell.state("no quorum" if status.no_quorum else "unreachable", Tone.BAD)


def _who(status: StoreStatus, members: int, leader: str | None) -> str:
    if status.embedded:
        return "the console's own"
    number = f"{members} member{'' if members == 1 else 's'}" if members else "members not known yet"
    return f"{number}, leader {leader}" if leader else number


def _figures(look: ClusterLook, latency: float | None, seen: int, now: datetime) -> tuple[Cell, ...]:
    parts: list[Cell] = []
    if look.revision is not None:
        parts.append(Cell(f"revision {look.revision}"))
    if latency is not None:
        parts.append(Cell(f"answers in {1000 * latency:.1f} ms"))
    if look.newest > seen:
        parts.append(Cell(f"watch behind: {seen} of {look.newest}", Tone.WARN))
    elif look.revision is not None:
        parts.append(Cell("watch up to date"))
    parts.append(Cell(f"members asked {ago(look.at, now)} ago", Tone.FAINT))
    return tuple(replace(cell, text=f"  {cell.text}") for cell in parts)


def _wrong(look: ClusterLook) -> Iterable[tuple[Cell, ...]]:
    for member, what in look.alarms:
        yield Cell(f"  ✖ alarm on {member}: {what}", Tone.BAD), Cell("see `etcd recover`", Tone.FAINT)
    for one in look.members:
        if one.problem is not None:
            yield (Cell(f"  ▲ {one.name}: {one.problem}", Tone.WARN),)


def held_lines(held: Sequence[KeyRow], *, known: bool) -> Lines:
    """Who holds the election and the locks; `known`: whether etcd has told that."""
    if not known:
        return [(Cell("  who holds the election and the locks is not known", Tone.FAINT),)]
    if not held:
        return [(Cell("  no engine is elected, and no lock is held", Tone.FAINT),)]
    lines: Lines = []
    for row in held[:_HELD]:
        lease = f", lease {row.lease:x}" if row.lease else ""
        told = Cell(f"since revision {row.created}{lease}", Tone.FAINT)
        lines.append((Cell(f"  {row.key}", Tone.GOOD), told, Cell(clean(row.value, 200))))
    if len(held) > _HELD:
        lines.append((Cell(f"  … and {len(held) - _HELD} more", Tone.FAINT),))
    return lines
