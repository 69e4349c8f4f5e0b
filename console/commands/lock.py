"""`lock …`: the reboot locks: who may reboot now, and what a person does about it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from console.actions.plan import Plan, Step
from console.commands import clock
from console.commands.change import FleetChange, refusing
from console.commands.command import Command, Recall, argument, option
from console.commands.grammar import format_command
from console.commands.lock_troubles import judged
from console.commands.rows.locks import LOCK
from console.commands.values import DURATION, INTEGER, TEXT
from console.errors import NothingSelected, Refused, StoreError
from console.model.locks import STALE_AFTER, LockState
from console.model.wants import Wants

if TYPE_CHECKING:
    from console.commands.core import Core
    from console.commands.output import Output
    from console.rollouts.reboot_lock import RebootLock

#: What a machine calls itself by the FleetLock protocol, where its host is not known.
_MACHINE = re.compile(r"[0-9a-f]{32}")

_LATE = f"a slot held for longer is stale (default {STALE_AFTER // timedelta(hours=1)}h)"


def reboot_lock(core: Core) -> RebootLock:
    """:raises StoreError: the fleet has no etcd, or it does not answer."""
    from console.rollouts.reboot_lock import RebootLock

    return RebootLock(core.mind.etcd, core.mind.keys)


@dataclass(frozen=True)
class LockStatus(Command):
    """Show the reboot locks: slots, who holds them since when and why, and which of them are stale.

    A slot is stale where its host is not known to the fleet, or where it is held for long: whoever holds it
    may have forgotten it. Nothing takes it away but `lock take` and `lock release`. What airlock keeps in
    the same etcd is shown too.
    """

    words = ("lock", "status")
    recall = Recall.WRITE
    groups: tuple[str, ...] = argument("GROUP", "only these", many=True)
    stale_after: float = option(DURATION, _LATE, default=STALE_AFTER.total_seconds())

    async def run(self, core: Core, out: Output) -> None:
        from console.rollouts.airlock import airlock_locks

        states = list(await reboot_lock(core).show())
        try:
            states += await airlock_locks(core.mind.etcd)
        except StoreError as error:
            out.note(f"what airlock keeps is not shown: {error}")
        if self.groups:
            states = [state for state in states if state.group in self.groups]
            if missing := sorted(set(self.groups) - {state.group for state in states}):
                raise NothingSelected(f"no reboot lock named {missing[0]}", hint="`lock set-max` makes one")
        states = await _named(core, states)
        after, hosts = timedelta(seconds=self.stale_after), [host.name for host in core.config.hosts]
        out.rows(LOCK, [judged(state, hosts, after) for state in states])


async def _named(core: Core, states: list[LockState]) -> list[LockState]:
    """The locks with the hosts of machines that only the hosts themselves can tell; asked where need be."""
    unknown = any(one.host is None and _MACHINE.fullmatch(one.id) for each in states for one in each.holders)
    if not unknown or not core.config.hosts:
        return states
    from console.rollouts.fleetlock_ids import hosts_by_id, named

    async with core.observe(None, Wants(units=False, containers=False)) as view:
        by_id = hosts_by_id(view.hosts())
    return [named(state, by_id) for state in states]


@dataclass(frozen=True)
class _LockChange(FleetChange):
    """Changes a reboot lock; what cannot be, as things are, is refused and recorded."""

    async def draw(self, core: Core, out: Output) -> Plan:
        line = format_command(self)
        with refusing(core, line):
            return Plan(line, tuple(await self.steps(core, reboot_lock(core))))

    async def steps(self, core: Core, lock: RebootLock) -> list[Step]:
        """:raises Refused: it cannot be done now."""
        raise NotImplementedError


def _step(
    group: str,
    verb: str,
    now: str,
    then: str,
    do: Callable[[], Awaitable[object]],
    undo: list[str] | None,
    moved: Callable[[], Awaitable[str | None]] | None = None,
) -> Step:
    from console.actions.memory import OnEtcd

    async def doing() -> str:
        await do()
        return ""

    return Step(
        "lock",
        group,
        verb,
        now,
        then,
        OnEtcd(verb, doing, moved),
        (),
        None if undo is None else shlex.join(undo),
    )


def _signed(core: Core, why: str) -> str:
    """What a slot is held for, and by whom; where it is taken back, that stands there already."""
    actor = core.audit.who.actor
    return why if why.endswith(f"({actor})") else f"{why} ({actor})"


def _held(state: LockState | None) -> str:
    if state is None:
        return "there is no such group"
    return f"{len(state.holders)} of {state.max} held"


def _host_of(core: Core, host: str | None, identity: str) -> str | None:
    """The fleet's host that a holder is about: as it was said, or by its id."""
    names = {one.name for one in core.config.hosts}
    if host is not None and host not in names:
        raise NothingSelected(f"no host named {host}", hint="`host list` shows them")
    return host or (identity if identity in names else None)


@dataclass(frozen=True)
class LockAcquire(_LockChange):
    """Take a slot of a group's reboot lock, so that no more hosts of it reboot than may.

    Who holds one already keeps it. Where all are held, or the lock is frozen, it is refused (3) and the
    holders are named. A group that there is not yet comes to be, with one slot.
    """

    words = ("lock", "acquire")
    group: str = argument("GROUP", "default, where hosts say no other", required=True)
    id: str = argument("ID", "who holds it: a host's name, or any word", required=True)
    host: str | None = option(TEXT, "the host that it is about, if ID is not its name")
    why: str = option(TEXT, "what for", default="by hand")

    async def steps(self, core: Core, lock: RebootLock) -> list[Step]:
        from console.rollouts.reboot_lock import check_free, checked_id

        state = await lock.find(self.group)
        identity, host = checked_id(self.id), _host_of(core, self.host, self.id)
        if state is not None and state.find(identity) is not None:
            return []
        check_free(state or LockState(self.group))
        why = _signed(core, self.why)

        async def do() -> None:
            await lock.acquire(self.group, identity, host=host, why=why, now=clock.now())

        undo = ["lock", "release", self.group, identity]
        return [_step(self.group, "acquire", _held(state), f"{identity} holds a slot", do, undo)]


@dataclass(frozen=True)
class LockRelease(_LockChange):
    """Give back a slot of a reboot lock, whoever holds it."""

    words = ("lock", "release")
    group: str = argument("GROUP", "whose lock", required=True)
    id: str = argument("ID", "the holder, as `lock status` shows it", required=True)

    async def steps(self, core: Core, lock: RebootLock) -> list[Step]:
        state = await lock.find(self.group)
        holder = state.find(self.id) if state is not None else None
        if holder is None:
            return []

        async def do() -> None:
            await lock.release(self.group, holder.id)

        undo = ["lock", "acquire", self.group, holder.id, f"--why={holder.why}"]
        if holder.host not in (None, holder.id):
            undo.append(f"--host={holder.host}")
        return [_step(self.group, "release", f"held by {holder.words}", "one slot more is free", do, undo)]


@dataclass(frozen=True)
class LockSetMax(_LockChange):
    """Say how many slots a group's reboot lock has; this makes a group.

    Who holds a slot keeps it where they are made fewer. To let nobody reboot, freeze it.
    """

    words = ("lock", "set-max")
    group: str = argument("GROUP", "letters, digits, dots and hyphens", required=True)
    slots: str = argument("SLOTS", "slots, one at least", required=True)

    async def steps(self, core: Core, lock: RebootLock) -> list[Step]:
        from console.rollouts.reboot_lock import checked_max

        most, state = checked_max(INTEGER.parse(self.slots)), await lock.find(self.group)
        if state is not None and state.max == most:
            return []

        async def do() -> None:
            await lock.set_max(self.group, most)

        async def moved() -> str | None:
            now = await lock.find(self.group)
            same = (now and now.max) == (state and state.max)
            return None if same else "its slots have been changed since the plan"

        now = "there is no such group" if state is None else _slots(state.max)
        undo = None if state is None else ["lock", "set-max", self.group, str(state.max)]
        return [_step(self.group, "set-max", now, _slots(most), do, undo, moved)]


def _slots(count: int) -> str:
    return "1 slot" if count == 1 else f"{count} slots"


@dataclass(frozen=True)
class LockFreeze(_LockChange):
    """Have reboot locks give nobody a slot until they are thawed. Who holds one keeps it."""

    words = ("lock", "freeze")
    groups: tuple[str, ...] = argument("GROUP", "whose locks; all that there are if left out", many=True)
    why: str = option(TEXT, "what for", default="")

    async def steps(self, core: Core, lock: RebootLock) -> list[Step]:
        steps = []
        for state in await _chosen(lock, self.groups):
            if state.frozen is None:
                do = _freezing(lock, state.group, core.audit.who.actor, self.why)
                then = f"frozen{f': {self.why}' if self.why else ''}"
                undo = ["lock", "thaw", state.group]
                steps.append(_step(state.group, "freeze", _held(state), then, do, undo))
        return steps


@dataclass(frozen=True)
class LockThaw(_LockChange):
    """Have reboot locks give slots again."""

    words = ("lock", "thaw")
    groups: tuple[str, ...] = argument("GROUP", "whose locks; all that there are if left out", many=True)

    async def steps(self, core: Core, lock: RebootLock) -> list[Step]:
        steps = []
        for state in await _chosen(lock, self.groups):
            if (frozen := state.frozen) is not None:
                was = f"frozen by {frozen.by}{f': {frozen.why}' if frozen.why else ''}"
                undo = ["lock", "freeze", state.group, *([f"--why={frozen.why}"] if frozen.why else [])]
                steps.append(
                    _step(state.group, "thaw", was, "gives slots", _thawing(lock, state.group), undo)
                )
        return steps


async def _chosen(lock: RebootLock, groups: tuple[str, ...]) -> list[LockState]:
    found = {state.group: state for state in await lock.show()}
    if missing := [group for group in groups if group not in found]:
        raise NothingSelected(f"no reboot lock named {missing[0]}", hint="`lock status` shows them")
    return [found[group] for group in dict.fromkeys(groups or found)]


def _freezing(lock: RebootLock, group: str, by: str, why: str) -> Callable[[], Awaitable[object]]:
    return lambda: lock.freeze(group, by=by, why=why, now=clock.now())


def _thawing(lock: RebootLock, group: str) -> Callable[[], Awaitable[object]]:
    return lambda: lock.thaw(group)


@dataclass(frozen=True)
class LockTake(_LockChange):
    """Give the slot of a stale holder to another, at once, so that nobody comes between.

    Refused (3) where the holder is not stale: who has only just gone down to reboot is not to be overtaken.
    """

    words = ("lock", "take")
    group: str = argument("GROUP", "whose lock", required=True)
    held: str = argument("HOLDER", "the stale holder, as `lock status` shows it", required=True)
    id: str = argument("ID", "who holds it from now on: a host's name, or any word", required=True)
    host: str | None = option(TEXT, "the host that it is about, if ID is not its name")
    why: str = option(TEXT, "what for", default="by hand")
    stale_after: float = option(DURATION, _LATE, default=STALE_AFTER.total_seconds())

    async def steps(self, core: Core, lock: RebootLock) -> list[Step]:
        from console.rollouts.reboot_lock import checked_id

        state = await lock.find(self.group)
        holder = state.find(self.held) if state is not None else None
        if state is None or holder is None:
            raise NothingSelected(f"{self.held} holds no slot of {self.group}", hint="see `lock status`")
        identity, host = checked_id(self.id), _host_of(core, self.host, self.id)
        (named,) = await _named(core, [state])
        hosts = [one.name for one in core.config.hosts]
        why_stale = judged(named, hosts, timedelta(seconds=self.stale_after)).stale.get(holder.id)
        if why_stale is None:
            raise Refused(
                f"{holder.words} is not stale",
                hint="`lock release` takes it all the same, for anybody to have",
            )
        why = _signed(core, self.why)

        async def do() -> None:
            await lock.take(self.group, holder, identity, host=host, why=why, now=clock.now())

        now = f"held by {holder.words}; stale: {why_stale}"
        return [_step(self.group, "take", now, f"{identity} holds the slot", do, None)]


COMMANDS: tuple[type[Command], ...] = (
    *(LockStatus, LockAcquire, LockRelease, LockSetMax, LockFreeze, LockThaw, LockTake),
)
