"""The reboot lock: a semaphore a group in etcd, which whoever reboots hosts asks first.

    locks/reboot/<group>    {"max": 1, "frozen": null, "holders": [{"id", "host", "since", "why"}, …]}

Every change is a transaction that compares what it was worked out from, so that any number of consoles and
engines may ask at a time. A slot has no time to live: a host that does not come back must go on counting as
down. Slots that seem forgotten are shown (`stale_why`), and are taken by a person's command alone.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from console.errors import NothingSelected, Refused, StoreError, UsageError
from console.model.locks import Frozen, Holder, LockState
from console.model.text import clean
from console.store import guarded, records
from console.store.client import Etcd
from console.store.schema import Keys, check_schema
from console.store.values import Entry

#: The group of a host that names none, as Zincati has it; the one that need not be made.
DEFAULT_GROUP = "default"

#: FleetLock's own words of a group: zincati, docs/development/fleetlock/protocol.md.
_GROUP = re.compile(r"[a-zA-Z0-9.-]+")

#: A group's name and an id are no longer than this, and no lock has more slots.
GROUP_MAX, ID_MAX, SLOTS_MAX = 64, 200, 10_000


class NoSlot(Refused):
    """Nobody gets a slot now; `state` is the lock as it is."""

    def __init__(self, state: LockState, why: str, hint: str) -> None:
        super().__init__(f"the reboot lock {state.group}: {why}", hint=hint)
        self.state = state


class LockFull(NoSlot):
    """All slots are held."""

    def __init__(self, state: LockState) -> None:
        held = "; ".join(holder.words for holder in state.holders)
        super().__init__(
            state, f"{len(state.holders)} of {state.max} slots held: {held}", "see `lock status`"
        )


class LockFrozen(NoSlot):
    """It was frozen by somebody."""

    def __init__(self, state: LockState, frozen: Frozen) -> None:
        why = f"frozen by {frozen.by}{f': {frozen.why}' if frozen.why else ''}"
        super().__init__(state, why, f"`lock thaw {state.group}`")


class UnknownGroup(NothingSelected):
    """There is no lock of this group, and it was not to be made."""

    @classmethod
    def of(cls, group: str) -> UnknownGroup:
        return cls(f"no reboot lock named {group}", hint=f"`lock set-max {group} N` makes it")


class RebootLock:
    """The reboot locks of a fleet. Groups and ids are checked before etcd is asked.

    Each of its writes raises `UsageError` for a group or an id that cannot be one, and `StoreError` where
    etcd did not take it, or did not say (`FateUnknown`): all but `take` may be asked again as they are.
    """

    def __init__(self, client: Etcd, keys: Keys) -> None:
        self._etcd = client
        self._keys = keys
        self._checked = False
        # Those who ask here wait for each other: at the same time, etcd would turn all but one of them down.
        self._turn = asyncio.Lock()

    # -- reading ----------------------------------------------------------------------------

    async def show(self) -> tuple[LockState, ...]:
        """Every group's lock, by name; the default's also while nobody has asked for it.

        :raises StoreError: etcd does not say, or one cannot be read.
        """
        listing = await self._etcd.list(self._keys.under("locks/reboot"))
        found = {state.group: state for state in map(self._read, listing.entries)}
        found.setdefault(DEFAULT_GROUP, LockState(DEFAULT_GROUP))
        return tuple(found[group] for group in sorted(found))

    async def find(self, group: str) -> LockState | None:
        """One group's lock; None: there is none. :raises StoreError: see `show`."""
        entry = await self._etcd.get(self._keys.reboot_lock(checked_group(group)))
        if entry is None:
            return LockState(group) if group == DEFAULT_GROUP else None
        return self._read(entry)

    # -- changing ---------------------------------------------------------------------------

    async def acquire(
        self, group: str, holder_id: str, *, host: str | None, why: str, now: datetime, make: bool = True
    ) -> Holder:
        """Give `holder_id` a slot, or leave it the one that it has, also where the lock is frozen.

        :param host: the fleet's host that it is about, if that is known.
        :param make: whether a group that there is not yet comes to be, with one slot.
        :return: the holder as it stands there; `since` is when it came, which may be before `now`.
        :raises LockFull: there is no slot.
        :raises LockFrozen: nobody is to get one.
        :raises UnknownGroup: there is no such group, and it was not to be made.
        """
        holder = Holder(checked_id(holder_id), host, now, clean(why, 500))

        def change(state: LockState | None) -> LockState:
            if state is None and not make and group != DEFAULT_GROUP:
                raise UnknownGroup.of(group)
            state = state or LockState(group)
            if state.find(holder.id) is not None:
                return state
            check_free(state)
            return state.joined(holder)

        found = (await self._change(group, change)).find(holder.id)
        assert found is not None
        return found

    async def name(self, group: str, holder_id: str, host: str) -> None:
        """Tell of a holder which host it is about, where that was not known."""

        def change(state: LockState | None) -> LockState | None:
            if state is None:
                return None
            same = (one.id == holder_id and one.host is None for one in state.holders)
            found = [
                replace(one, host=host) if it else one for one, it in zip(state.holders, same, strict=True)
            ]
            return replace(state, holders=tuple(found))

        await self._change(group, change)

    async def release(self, group: str, holder_id: str, *, known: bool = False) -> bool:
        """Take back the slot of `holder_id`; whether it had one.

        :param known: a group that there is not is a fault, and not one whose slots are free.
        :raises UnknownGroup: there is none, and it was to be known.
        """
        had = False

        def change(state: LockState | None) -> LockState | None:
            nonlocal had
            if state is None and known and group != DEFAULT_GROUP:
                raise UnknownGroup.of(group)
            had = state is not None and state.find(checked_id(holder_id)) is not None
            return state.left(holder_id) if state is not None and had else state

        await self._change(group, change)
        return had

    async def take(
        self, group: str, held: Holder, holder_id: str, *, host: str | None, why: str, now: datetime
    ) -> Holder:
        """Give the slot that `held` has to another, at once, so that nobody comes between.

        The caller has judged it stale. Also where the lock is frozen or has too many holders: no slot
        more is held than before.

        :raises Refused: `held` has it no more, or not since then; or `holder_id` has one already.
        """
        holder = Holder(checked_id(holder_id), host, now, clean(why, 500))

        def change(state: LockState | None) -> LockState:
            if state is None or state.find(held.id) != held:
                raise Refused(f"{held.id} does not hold the slot of {group} that was looked at", hint=_AGAIN)
            if state.find(holder.id) is not None:
                raise Refused(f"{holder.id} holds a slot of {group} already", hint=_AGAIN)
            return state.left(held.id).joined(holder)

        await self._change(group, change)
        return holder

    async def set_max(self, group: str, most: int) -> LockState:
        """Have so many slots, and a group where there is none. Who holds one keeps it."""
        checked_max(most)
        return await self._change(group, lambda state: replace(state or LockState(group), max=most))

    async def freeze(self, group: str, *, by: str, why: str, now: datetime) -> LockState:
        """Give nobody a slot from now on. What it was frozen by before stands.

        :raises UnknownGroup: there is no such group.
        """

        def change(state: LockState | None) -> LockState:
            if state is None and group != DEFAULT_GROUP:
                raise UnknownGroup.of(group)
            state = state or LockState(group)
            return state if state.frozen else replace(state, frozen=Frozen(by, clean(why, 500), now))

        return await self._change(group, change)

    async def thaw(self, group: str) -> bool:
        """Give slots again; whether it was frozen."""
        was = False

        def change(state: LockState | None) -> LockState | None:
            nonlocal was
            was = state is not None and state.frozen is not None
            return state and replace(state, frozen=None)

        await self._change(group, change)
        return was

    async def _change(self, group: str, change: Callable[[LockState | None], LockState | None]) -> LockState:
        """Have the lock be what `change` makes of it; what it is then."""
        key = self._keys.reboot_lock(checked_group(group))
        after: LockState | None = None

        def changed(entry: Entry | None) -> bytes | None:
            nonlocal after
            after = change(None if entry is None else self._read(entry))
            return None if after is None else records.lock_bytes(after)

        async with self._turn:
            if not self._checked:
                await check_schema(self._etcd, write=True)
                self._checked = True
            await guarded.change(self._etcd, key, changed)
        return after or LockState(group)

    def _read(self, entry: Entry) -> LockState:
        try:
            return records.read_lock(self._keys.name(entry.key), entry.value)
        except (ValueError, KeyError) as error:
            raise StoreError(f"{entry.key} cannot be read: {error}", hint="`etcd get` shows it") from None


_AGAIN = "look at `lock status` again"


def check_free(state: LockState) -> None:
    """:raises NoSlot: whoever asks now gets no slot."""
    if state.frozen is not None:
        raise LockFrozen(state, state.frozen)
    if not state.free:
        raise LockFull(state)


def checked_max(most: int) -> int:
    """:raises UsageError: it cannot be a number of slots."""
    if not 1 <= most <= SLOTS_MAX:
        raise UsageError(f"not a number of slots: {most}", hint=f"1 to {SLOTS_MAX}; or `lock freeze`")
    return most


def checked_group(group: str) -> str:
    """:raises UsageError: it cannot be a group's name."""
    if len(group) > GROUP_MAX or not _GROUP.fullmatch(group):
        raise UsageError(
            f"not a group: {clean(group, GROUP_MAX)!r}", hint="letters, digits, dots and hyphens, at most 64"
        )
    return group


def checked_id(identity: str) -> str:
    """:raises UsageError: it cannot be a holder's id: it has to stay what it is wherever it is shown."""
    if not identity.strip() or clean(identity, ID_MAX) != identity:
        raise UsageError(
            f"not an id: {clean(identity, ID_MAX)!r}",
            hint=f"one printable line of at most {ID_MAX} characters",
        )
    return identity
