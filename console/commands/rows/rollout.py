"""Rollouts, for scripts and for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from console.commands.rows.base import Cell, Column, RowKind, Tone, moment, since_cell
from console.model.text import clean
from console.rollouts.course import End, Progress
from console.rollouts.rollout import Account, State

_TONES = {
    State.WRITTEN: Tone.FAINT,
    State.RUNNING: Tone.GOOD,
    State.PAUSED: Tone.WARN,
    State.HALTED: Tone.BAD,
    State.ABORTING: Tone.WARN,
    State.ABORTED: Tone.FAINT,
    State.DONE: Tone.FAINT,
}
_ENDS = {
    End.DONE: Tone.GOOD,
    End.FAILED: Tone.BAD,
    End.ROLLED_BACK: Tone.BAD,
    End.ABORTED: Tone.WARN,
    End.LOST: Tone.BAD,
}


def account_fields(account: Account) -> dict[str, Any]:
    """A rollout as scripts get it; a target that has not begun is in the stage `pending`."""
    rollout = account.rollout
    return {
        "id": rollout.id,
        "kind": rollout.kind,
        "line": rollout.line,
        "state": rollout.state.value,
        "since": moment(rollout.since or rollout.created),
        "why": rollout.why or None,
        "by": rollout.by,
        "from": rollout.origin,
        "created": moment(rollout.created),
        "driver": account.driver,
        "wave": account.wave,
        "waves": list(rollout.waves),
        "max_unavailable": rollout.max_unavailable,
        "group": rollout.group,
        "window": rollout.window_text or None,
        "undoes": rollout.undoes,
        "targets": [
            _target_fields(target.id, target.host, account.progress.get(target.id))
            for target in rollout.targets
        ],
    }


def _target_fields(name: str, host: str, progress: Progress | None) -> dict[str, Any]:
    return {
        "name": name,
        "host": host,
        "stage": progress.stage if progress else "pending",
        "since": moment(progress.since) if progress else None,
        "result": progress.end.value if progress and progress.end else None,
        "failed": (progress.failed or None) if progress else None,
        "waiting": (progress.waiting or None) if progress else None,
        "was": (progress.facts.get("from_version") or None) if progress else None,
        "to": (progress.facts.get("to_version") or None) if progress else None,
    }


def state_cell(account: Account) -> Cell:
    return Cell.state(account.rollout.state.value, _TONES[account.rollout.state])


def _counted(account: Account) -> str:
    done = sum(one.end is End.DONE for one in account.progress.values())
    bad = len(account.failed)
    return f"{done}/{len(account.rollout.targets)} done" + (f", {bad} failed" if bad else "")


ROLLOUT: RowKind[Account] = RowKind(
    "rollout",
    lambda account: (account.rollout.id,),
    account_fields,
    (
        Column("ID", lambda account: account.rollout.id, 9, width=7),
        Column("STATE", state_cell, 9, width=11),
        Column("TARGETS", _counted, 8, width=12),
        Column("WAVE", lambda account: f"{account.wave}/{len(account.rollout.waves)}", 6, width=5),
        Column(
            "SINCE",
            lambda account: since_cell(account.rollout.since or account.rollout.created),
            7,
            right=True,
            width=7,
            ticks=True,
        ),
        Column("DRIVER", lambda account: clean(account.driver or "–"), 4, shrink=True, width=16),
        Column("LINE", lambda account: clean(account.rollout.line), 8, shrink=True, width=40, least=24),
        Column("WHY", lambda account: clean(account.rollout.why), 5, shrink=True, width=30),
    ),
    lambda account: account.rollout.created,
)


def _lines(account: Account) -> list[tuple[Cell, ...]]:
    rollout = account.rollout
    by = f" by {clean(rollout.changed_by)}" if rollout.changed_by else ""
    lines: list[tuple[Cell, ...]] = [
        (Cell(rollout.id), state_cell(account), Cell(clean(rollout.line))),
        (Cell(f"   {_counted(account)}, wave {account.wave} of {len(rollout.waves)}{by}", Tone.FAINT),),
    ]
    if rollout.why:
        lines.append((Cell(f"   {clean(rollout.why)}", Tone.WARN),))
    if not account.stands:
        lines.append((Cell(f"   driven by {clean(account.driver or 'nobody')}", Tone.FAINT),))
    lines += [_target_line(target.id, account.progress.get(target.id)) for target in rollout.targets]
    counts = Counter(one.end for one in account.progress.values() if one.end is not None)
    if counts[End.DONE] and rollout.state is not State.RUNNING:
        lines.append((Cell(f"   to undo it: quarterdeck rollout undo {rollout.id}", Tone.FAINT),))
    return lines


def _target_line(name: str, progress: Progress | None) -> tuple[Cell, ...]:
    if progress is None:
        return (Cell(f"   {clean(name):<20}"), Cell.state(f"{'pending':<12}", Tone.FAINT))
    if progress.end is None:
        state = Cell.state(f"{progress.stage:<12}", Tone.WARN if progress.failed else Tone.PLAIN)
    else:
        state = Cell.state(f"{progress.end.value:<12}", _ENDS[progress.end])
    to = progress.facts.get("to_version", "")
    versions = f"{progress.facts.get('from_version', '')} → {to}" if to else ""
    told = progress.failed or progress.waiting
    return (
        Cell(f"   {clean(name):<20}"),
        state,
        since_cell(progress.since),
        Cell(clean(versions), Tone.FAINT),
        Cell(clean(told), Tone.BAD if progress.failed else Tone.FAINT),
    )


ROLLOUT_DETAIL: RowKind[Account] = RowKind(
    "rollout",
    lambda account: (account.rollout.id,),
    account_fields,
    (),
    lambda account: account.rollout.created,
    _lines,
)


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that came of a rollout. :param target: empty for the rollout as a whole."""

    rollout: str
    at: datetime
    target: str
    what: str


def happenings(account: Account) -> Iterator[Happening]:
    """What is written of a rollout, as it came, the oldest first."""
    rollout = account.rollout
    found = [Happening(rollout.id, rollout.created, "", f"asked for by {rollout.by}: {rollout.line}")]
    if rollout.since is not None:
        by = f" by {rollout.changed_by}" if rollout.changed_by else ""
        why = f": {rollout.why}" if rollout.why else ""
        found.append(Happening(rollout.id, rollout.since, "", f"{rollout.state}{by}{why}"))
    for name, progress in account.progress.items():
        found += [Happening(rollout.id, at, name, stage) for stage, at in progress.trail]
        if progress.end is not None:
            why = f": {progress.failed}" if progress.failed else ""
            found.append(Happening(rollout.id, progress.since, name, f"{progress.end}{why}"))
    yield from sorted(found, key=lambda one: one.at)


HAPPENING: RowKind[Happening] = RowKind(
    "happening",
    lambda one: (one.rollout, one.target, one.what),
    lambda one: {
        "rollout": one.rollout,
        "time": moment(one.at),
        "target": one.target or None,
        "what": one.what,
    },
    (
        Column("TIME", lambda one: f"{one.at:%Y-%m-%d %H:%M:%S}Z", 9, width=20),
        Column("TARGET", lambda one: clean(one.target), 8, width=16),
        Column("WHAT", lambda one: clean(one.what), 9, shrink=True, width=60),
    ),
    lambda one: one.at,
)
