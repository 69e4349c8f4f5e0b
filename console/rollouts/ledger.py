"""Rollouts in etcd: written whole before their first step, and changed by who compared what it read.

Who carries a rollout out holds `rollouts/<id>/driver` on a lease, and each of its writes compares that it
still does: one that was frozen, and thawed after another has taken over, writes nothing any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from console.errors import NothingSelected, Refused, StoreError
from console.model.text import clean
from console.rollouts import records
from console.rollouts.course import Progress
from console.rollouts.rollout import Account, Rollout, State, Target
from console.store import guarded
from console.store.client import Etcd
from console.store.guarded import in_pages
from console.store.records import pack, text, unpack
from console.store.schema import Keys, check_schema
from console.store.values import Delete, Entry, Event, Guard, Span

_NOTHING: Mapping[str, str] = {}

#: So many rollouts that are over are kept; older ones go when a new one is written.
KEPT = 200


class Ledger:
    """The rollouts of a fleet. All of this raises `StoreError` where etcd does not say, or take it."""

    def __init__(self, etcd: Etcd, keys: Keys) -> None:
        self.etcd = etcd
        self.keys = keys

    # -- reading ----------------------------------------------------------------------------

    async def accounts(self) -> tuple[list[Account], dict[str, str]]:
        """All of them, the newest last; and what cannot be read, by key."""
        found = accounts_of(self.keys, (await self.etcd.list(self.keys.under("rollouts"))).entries)
        return found.all(), found.problems

    async def account(self, identity: str) -> Account:
        """:raises NothingSelected: there is none of this id."""
        entries = (await self.etcd.list(self.keys.rollout_span(identity))).entries
        return the_one(accounts_of(self.keys, entries), identity)

    # -- a person's -------------------------------------------------------------------------

    async def create(self, rollout: Rollout) -> None:
        """Write it down, whole. Nothing begins before it is known to be alone on what it changes.

        :raises Conflict: there is one of its id.
        :raises Refused: another was there before, and is at work on some of that.
        """
        await check_schema(self.etcd, write=True)
        await self._prune()
        key, first = self.keys.rollout(rollout.id), replace(rollout, state=State.WRITTEN)
        revision = await guarded.put(self.etcd, key, records.rollout_bytes(first), None)
        entry = Entry(key, records.rollout_bytes(first), revision, revision, 1)
        entries = (await self.etcd.list(self.keys.under("rollouts"))).entries
        earlier = {one.key for one in entries if one.created < revision}
        found = accounts_of(self.keys, entries).all()
        others = [one for one in found if self.keys.rollout(one.rollout.id) in earlier]
        if (busy := at_work(others, rollout.targets)) is not None:
            await guarded.delete(self.etcd, entry)
            raise busy
        await guarded.put(self.etcd, key, records.rollout_bytes(rollout), entry)

    async def turn(
        self,
        identity: str,
        to: State,
        *,
        why: str,
        by: str,
        now: datetime,
        settings: Mapping[str, str] = _NOTHING,
    ) -> Rollout:
        """Have it be paused, running, or aborting; what it is then.

        :param settings: what it goes by from then on, besides what it does.
        :raises Refused: it is over.
        """
        found: Rollout | None = None

        def changed(entry: Entry | None) -> bytes:
            nonlocal found
            before = self._read(identity, entry)
            if before.state.over:
                raise Refused(f"{identity} is over: {before.state}")
            goes_by = {**before.settings, **settings}
            found = replace(before, state=to, since=now, why=why, changed_by=by, settings=goes_by)
            return records.rollout_bytes(found if before.state is not to else before)

        await guarded.change(self.etcd, self.keys.rollout(identity), changed)
        assert found is not None
        return found

    async def requeue(self, identity: str, targets: Iterable[str]) -> None:
        """Have targets that have ended be as those that have not begun."""
        keys = [self.keys.rollout_target(identity, name) for name in targets]
        await in_pages(self.etcd, [Delete(Span(key)) for key in keys])

    # -- the driver's -----------------------------------------------------------------------

    async def put_progress(
        self, identity: str, target: str, progress: Progress, before: Entry | None, guard: Guard
    ) -> Entry:
        """Write how far a target is, if it still is as in `before`; what is there now.

        :raises Conflict: it is not, or another carries the rollout out by now.
        """
        key, value = self.keys.rollout_target(identity, target), records.progress_bytes(progress)
        revision = await guarded.put(self.etcd, key, value, before, guards=[guard])
        return Entry(key, value, before.created if before else revision, revision, 0)

    async def settle(
        self, identity: str, before: Sequence[State], to: State, *, why: str, now: datetime, guard: Guard
    ) -> None:
        """Have it be halted, aborted or done, if it is in one of these states; else it is left as it is.

        :raises Conflict: another carries it out by now, or somebody is changing it.
        """
        entry = await self.etcd.get(self.keys.rollout(identity))
        found = self._read(identity, entry)
        if found.state in before:
            changed = replace(found, state=to, since=now, why=why, changed_by="")
            key = self.keys.rollout(identity)
            await guarded.put(self.etcd, key, records.rollout_bytes(changed), entry, guards=[guard])

    def _read(self, identity: str, entry: Entry | None) -> Rollout:
        if entry is None:
            raise NothingSelected(f"no rollout {clean(identity, 40)}", hint="`rollout list` has them")
        try:
            return records.read_rollout(entry.value)
        except (ValueError, KeyError) as error:
            raise StoreError(f"{entry.key} cannot be read: {error}", hint="`etcd get` shows it") from None

    async def _prune(self) -> None:
        found, _ = await self.accounts()
        over = [account.rollout.id for account in found if account.rollout.state.over]
        old = [self.keys.rollout_span(identity) for identity in over[: max(len(over) - KEPT, 0)]]
        await in_pages(self.etcd, [Delete(span) for span in old])


class Accounts:
    """Rollouts as what is written of them tells, each key read once, when it comes."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._rollouts: dict[str, Rollout] = {}
        self._progress: dict[str, dict[str, Progress]] = {}
        self._drivers: dict[str, str] = {}
        #: What cannot be read, by key.
        self.problems: dict[str, str] = {}

    def take(self, events: Iterable[Event]) -> None:
        """What has changed, as a mirror tells it."""
        for event in events:
            identity, part, target = self._keys.rollout_parts(event.key)
            self.problems.pop(event.key, None)
            try:
                self._put(identity, part, target, event.entry)
            except (ValueError, KeyError) as error:
                self.problems[event.key] = str(error)

    def _put(self, identity: str, part: str, target: str, entry: Entry | None) -> None:
        match part:
            case "":
                self._rollouts.pop(identity, None)
                if entry is not None:
                    self._rollouts[identity] = records.read_rollout(entry.value)
            case "targets":
                of_rollout = self._progress.setdefault(identity, {})
                of_rollout.pop(target, None)
                if entry is not None:
                    of_rollout[target] = records.read_progress(entry.value)
            case "driver":
                self._drivers.pop(identity, None)
                if entry is not None:
                    self._drivers[identity] = driver_name(entry)

    def find(self, identity: str) -> Account | None:
        """One of them; None: there is none, or it cannot be read."""
        rollout = self._rollouts.get(identity)
        if rollout is None:
            return None
        return Account(rollout, dict(self._progress.get(identity, {})), self._drivers.get(identity))

    def all(self) -> list[Account]:
        """The oldest first."""
        found = (account for identity in self._rollouts if (account := self.find(identity)) is not None)
        return sorted(found, key=lambda account: account.rollout.created)


def at_work(accounts: Iterable[Account], targets: Iterable[Target]) -> Refused | None:
    """Why a rollout of these targets has to wait; None: no other is at work on what they are of."""
    claims = {target.claims for target in targets}
    for account in accounts:
        both = sorted({target.claims for target in account.rollout.targets} & claims)
        if both and not account.stands:
            identity = account.rollout.id
            return Refused(
                f"{identity} is at work on {', '.join(both[:4])}",
                hint=f"see `rollout show {identity}`; it can be paused or aborted",
            )
    return None


def the_one(accounts: Accounts, identity: str) -> Account:
    """:raises NothingSelected: there is none of this id.
    :raises StoreError: what there is of it cannot be read.
    """
    for key, problem in accounts.problems.items():
        raise StoreError(f"{key} cannot be read: {problem}", hint="`etcd get` shows it")
    found = accounts.find(identity)
    if found is None:
        raise NothingSelected(f"no rollout {clean(identity, 40)}", hint="`rollout list` has them")
    return found


def accounts_of(keys: Keys, entries: Iterable[Entry]) -> Accounts:
    """The rollouts that some keys tell of."""
    found = Accounts(keys)
    found.take(Event(entry.key, entry.modified, entry) for entry in entries)
    return found


def driver_bytes(name: str) -> bytes:
    """What is in the key of who carries a rollout out."""
    return pack({"name": name})


def driver_name(entry: Entry) -> str:
    """Who that is, as far as it can be read."""
    try:
        return text(unpack(entry.value), "name")
    except ValueError:
        return "somebody"
