"""Rollouts in etcd: written whole before their first step, and changed by who compared what it read.

Who carries a rollout out holds `rollouts/<id>/driver` on a lease, and each of its writes compares that it
still does: one that was frozen, and thawed after another has taken over, writes nothing any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from console.errors import NothingSelected, Refused, StoreError
from console.model.text import clean
from console.rollouts import records
from console.rollouts.course import Progress
from console.rollouts.rollout import Account, Rollout, State
from console.store import guarded
from console.store.client import Etcd
from console.store.guarded import in_pages
from console.store.records import pack, text, unpack
from console.store.schema import Keys, check_schema
from console.store.values import Delete, Entry, Guard, Span

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
        entries = (await self.etcd.list(self.keys.under("rollouts"))).entries
        return accounts_of(self.keys, entries)

    async def account(self, identity: str) -> Account:
        """:raises NothingSelected: there is none of this id."""
        entries = (await self.etcd.list(self.keys.rollout_span(identity))).entries
        found, problems = accounts_of(self.keys, entries)
        for account in found:
            if account.rollout.id == identity:
                return account
        if problems:
            key, problem = next(iter(problems.items()))
            raise StoreError(f"{key} cannot be read: {problem}", hint="`etcd get` shows it")
        raise NothingSelected(f"no rollout {clean(identity, 40)}", hint="`rollout list` has them")

    # -- a person's -------------------------------------------------------------------------

    async def create(self, rollout: Rollout) -> None:
        """Write it down. :raises Conflict: there is one of its id."""
        await check_schema(self.etcd, write=True)
        await self._prune()
        await guarded.put(self.etcd, self.keys.rollout(rollout.id), records.rollout_bytes(rollout), None)

    async def turn(self, identity: str, to: State, *, why: str, by: str, now: datetime) -> Rollout:
        """Have it be paused, running, or aborting; what it is then.

        :raises Refused: it is over.
        """
        found: Rollout | None = None

        def changed(entry: Entry | None) -> bytes:
            nonlocal found
            before = self._read(identity, entry)
            if before.state.over:
                raise Refused(f"{identity} is over: {before.state}")
            found = replace(before, state=to, since=now, why=why, changed_by=by)
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


def accounts_of(keys: Keys, entries: Iterable[Entry]) -> tuple[list[Account], dict[str, str]]:
    """The rollouts that some keys tell of, the oldest first; and what cannot be read, by key."""
    rollouts: dict[str, Rollout] = {}
    progress: dict[str, dict[str, Progress]] = {}
    drivers: dict[str, str] = {}
    problems: dict[str, str] = {}
    for entry in entries:
        identity, part, target = keys.rollout_parts(entry.key)
        try:
            if not part:
                rollouts[identity] = records.read_rollout(entry.value)
            elif part == "targets":
                progress.setdefault(identity, {})[target] = records.read_progress(entry.value)
            elif part == "driver":
                drivers[identity] = driver_name(entry)
        except (ValueError, KeyError) as error:
            problems[entry.key] = str(error)
    found = [
        Account(rollout, progress.get(identity, {}), drivers.get(identity))
        for identity, rollout in rollouts.items()
    ]
    return sorted(found, key=lambda account: account.rollout.created), problems


def driver_bytes(name: str) -> bytes:
    """What is in the key of who carries a rollout out."""
    return pack({"name": name})


def driver_name(entry: Entry) -> str:
    """Who that is, as far as it can be read."""
    try:
        return text(unpack(entry.value), "name")
    except ValueError:
        return "somebody"
