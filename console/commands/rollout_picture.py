"""One rollout as a person looks at it while it goes on: a sign for each target, what it waits for. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from console.commands.rows.base import GLYPHS, Cell, Tone
from console.commands.values import ago
from console.model.text import clean
from console.rollouts import host_course, instance_course
from console.rollouts.course import End, Progress
from console.rollouts.pacing import Position
from console.rollouts.proving import WELL
from console.rollouts.rollout import Account, State

Lines = list[tuple[Cell, ...]]

#: Of targets that are under way, so many are told of in words.
TOLD = 6

#: A letter for each stage, where its first one would not do: they stand close to each other.
_LETTERS = {
    host_course.LOOK: "l",
    host_course.LOCK: "w",
    host_course.BOOT: "b",
    host_course.RETURN: "b",
    host_course.RELEASE: "u",
    host_course.LEAVE: "<",
    host_course.BACK: "<",
    host_course.RESTORE: "<",
    instance_course.CHANGE: "s",
}
_WORDS = {
    "w": "wait for the reboot lock",
    "b": "reboot",
    "u": "take instances again",
    "<": "on the way back",
    "g": "in the gate",
    "s": "get the version",
    "d": "drain",
    "a": "get a guard",
    "c": "confirmed",
    "l": "looked at",
}

PENDING = Cell(GLYPHS[Tone.FAINT], Tone.FAINT)
_ENDS = {
    End.DONE: Cell(GLYPHS[Tone.GOOD], Tone.GOOD),
    End.ABORTED: Cell("-", Tone.WARN),
    End.FAILED: Cell(GLYPHS[Tone.BAD], Tone.BAD),
    End.ROLLED_BACK: Cell(GLYPHS[Tone.BAD], Tone.BAD),
    End.LOST: Cell("!", Tone.BAD),
}
_STATES = {
    State.RUNNING: Tone.GOOD,
    State.PAUSED: Tone.WARN,
    State.HALTED: Tone.BAD,
    State.ABORTING: Tone.WARN,
    State.ABORTED: Tone.FAINT,
    State.DONE: Tone.GOOD,
}


def sign(progress: Progress | None) -> Cell:
    """How far a target is, in one character."""
    if progress is None:
        return PENDING
    if progress.end is not None:
        return _ENDS[progress.end]
    letter = _LETTERS.get(progress.stage, progress.stage[:1] or "?")
    return Cell(letter, Tone.BAD if progress.failed else Tone.WARN)


def legend(account: Account) -> tuple[Cell, ...]:
    """What the signs mean, and how many of each there are."""
    counts = Counter(sign(account.progress.get(name)) for name in account.rollout.order)
    cells = [Cell(f"{PENDING.text} {counts.pop(PENDING, 0)} to come", Tone.FAINT)]
    done = counts.pop(_ENDS[End.DONE], 0)
    words = {_ENDS[End.ABORTED]: "let go", _ENDS[End.FAILED]: "failed", _ENDS[End.LOST]: "lost"}
    for one, count in sorted(counts.items(), key=lambda item: item[0].text):
        cells.append(Cell(f"{one.text} {count} {words.get(one) or _WORDS.get(one.text, one.text)}", one.tone))
    cells.append(Cell(f"{GLYPHS[Tone.GOOD]} {done} done", Tone.GOOD))
    return tuple(cells)


def head_lines(
    account: Account,
    now: datetime,
    since: Callable[[str], datetime | None],
    width: int,
    told: int = TOLD,
) -> Lines:
    """What stands above the field of targets.

    :param since: since when a target waits for what it waits for, if that is known.
    :param width: columns there are.
    :param told: of so many targets under way it is said what they wait for.
    """
    rollout = account.rollout
    by = f"by {rollout.changed_by}" if rollout.changed_by else f"asked for by {rollout.by}"
    age = ago(rollout.since or rollout.created, now)
    lines: Lines = [
        (
            Cell(rollout.id),
            Cell.state(rollout.state.value, _STATES[rollout.state]),
            Cell(f"for {age}, {by}", Tone.FAINT),
        ),
        (Cell(clean(rollout.line), Tone.FAINT),),
    ]
    if rollout.why:
        lines.append((Cell(clean(rollout.why), Tone.BAD if rollout.state is State.HALTED else Tone.WARN),))
    lines.append(_progress_line(account, width))
    lines += _waiting_lines(account, now, since, told)
    lines.append(legend(account))
    return lines


def _progress_line(account: Account, width: int) -> tuple[Cell, ...]:
    rollout = account.rollout
    positions = Counter(account.positions.values())
    total, done, bad = len(rollout.targets), positions[Position.GOOD], positions[Position.BAD]
    told = f"wave {account.wave} of {len(rollout.waves)}   {done} of {total} done"
    told += f", {bad} failed" if bad else ""
    # Cells stand a blank apart.
    left = max(10, min(40, width - len(told) - 4))
    full = done * left // total
    failed = min(left - full, -(-bad * left // total))
    bar = (("█" * full, Tone.GOOD), ("▒" * failed, Tone.BAD), ("░" * (left - full - failed), Tone.FAINT))
    return Cell(told), *(Cell(text, tone) for text, tone in bar if text)


def _waiting_lines(
    account: Account, now: datetime, since: Callable[[str], datetime | None], most: int
) -> Iterator[tuple[Cell, ...]]:
    rollout = account.rollout
    if not account.stands and account.driver is None:
        words = "nobody carries it out: `engine run`, or `rollout resume` from here"
        yield (Cell.state(words, Tone.BAD),)
    under_way = [(name, account.progress[name]) for name in account.under_way]
    # What holds the next wave up is told before what is on its way.
    under_way.sort(key=lambda item: (item[1].stage != host_course.GATE, item[1].since))
    for name, progress in under_way[:most]:
        told = clean(progress.failed or progress.waiting)
        cells = [Cell("  "), sign(progress), Cell(f"{clean(name):<16}"), Cell(progress.stage)]
        cells.append(Cell(ago(progress.since, now), Tone.FAINT))
        if progress.stage == host_course.GATE:
            cells.append(Cell(_countdown(account, name, progress, now, since(name)), Tone.WARN))
        if told:
            cells.append(Cell(told, Tone.BAD if progress.failed else Tone.PLAIN))
        yield tuple(cells)
    if len(under_way) > most:
        yield (Cell(f"    and {len(under_way) - most} more", Tone.FAINT),)
    if account.stands and not rollout.state.over:
        yield (Cell(f"  nothing more begins: `rollout resume {rollout.id}` goes on", Tone.WARN),)
    changed = sum(one.end is End.DONE for one in account.progress.values())
    if changed:
        undo = f"  `rollout undo {rollout.id}` takes {changed} back to the version before"
        yield (Cell(undo, Tone.FAINT),)


def _countdown(account: Account, name: str, progress: Progress, now: datetime, well: datetime | None) -> str:
    """When the gate opens if all stays well, where that is known, and when it has failed at the latest."""
    settings = account.rollout.settings
    hold, longest = _seconds(settings.get("gate")), _seconds(settings.get("gate_timeout"))
    told = []
    if hold is not None and well is not None and progress.waiting.startswith(WELL):
        told.append(f"opens in {_left(well, hold, now)}")
    if longest is not None:
        told.append(f"fails in {_left(progress.since, longest, now)}")
    return ", ".join(told)


def _left(since: datetime, seconds: float, now: datetime) -> str:
    return ago(now, since + timedelta(seconds=seconds))


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def target_lines(account: Account, name: str) -> Lines:
    """One target: what it is in, how it came there, and what is known of it."""
    progress = account.progress.get(name)
    if progress is None:
        return [(PENDING, Cell(clean(name)), Cell("has not begun", Tone.FAINT))]
    state = progress.stage if progress.end is None else progress.end.value
    lines: Lines = [(sign(progress), Cell(clean(name)), Cell(state))]
    if progress.failed:
        lines.append((Cell(f"  {clean(progress.failed)}", Tone.BAD),))
    if progress.waiting:
        lines.append((Cell(f"  {clean(progress.waiting)}"),))
    facts = progress.facts
    if facts.get("to_version"):
        lines.append((Cell(f"  {clean(facts.get('from_version', '?'))} → {clean(facts['to_version'])}"),))
    lines += [(Cell(f"  {at:%H:%M:%S}", Tone.FAINT), Cell(stage)) for stage, at in progress.trail]
    if progress.end is not None:
        lines.append((Cell(f"  {progress.since:%H:%M:%S}", Tone.FAINT), Cell(progress.end.value)))
    return lines
