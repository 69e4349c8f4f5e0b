"""Carries a rollout out: begins targets as fast as it may, and takes each through its stages.

    rollouts/<id> ──mirror──▶ Account ──▶ may_begin ──▶ a task a target: perform ─▶ written ─▶ perform …
                                └──▶ halted, aborted, done: written too

One drives at a time: who holds `rollouts/<id>/driver`. Another waits for that, and goes on with what is
written. A stage is written before it is begun, each write compares the claim, and nothing is done on a host
while the claim does not surely hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from zoneinfo import ZoneInfo

from console.errors import (
    ConfigError,
    Conflict,
    FateUnknown,
    QuarterdeckError,
    StoreUnreachable,
    first_of,
)
from console.rollouts import records
from console.rollouts.course import Failed, Outcome, Progress, Waiting, after, begun, turned_back
from console.rollouts.kind import At, Kind, Site
from console.rollouts.kinds import kind_of
from console.rollouts.ledger import Accounts, Ledger, driver_bytes, driver_name, the_one
from console.rollouts.pacing import Position, may_begin
from console.rollouts.rollout import Account, Rollout, State, Target
from console.rollouts.window import opens
from console.store.claim import Claim, claimed
from console.store.mirror import mirror
from console.store.values import Entry

#: Seconds after which another drives, where the driver has vanished.
TTL_S = 15

#: What changes within so many seconds is looked at together.
_GATHER_S = 0.02

#: A target that waits is looked at this often, and the whole though nothing has changed. Seconds.
_LOOK_EVERY_S = 1.0

#: Before what etcd did not take is tried again, after another look at it. Seconds.
_PAUSE_S = 1.0


Waits = Callable[[str], None]
OpenSite = Callable[[Rollout], AbstractAsyncContextManager[Site]]


def _unheard(driver: str) -> None:
    pass


class _Deposed(Exception):
    """The claim is lost, or another's. Inside this module only."""


async def follow(ledger: Ledger, identity: str) -> AsyncGenerator[Account, None]:
    """A rollout as it is, and again with each change, until it is closed.

    :raises NothingSelected: there is none, or it is gone.
    :raises StoreError: etcd says no.
    """
    accounts = Accounts(ledger.keys)
    async with aclosing(mirror(ledger.etcd, ledger.keys.rollout_span(identity), {})) as changing:
        async for events in changing:
            accounts.take(events)
            yield the_one(accounts, identity)


async def carry_out(site: Site, identity: str, name: str, waits: Waits = _unheard) -> None:
    """Carry a rollout out, or wait to while another does, until it is over.

    Where it was halted or paused it is waited for until it goes on.

    :param name: who we are, for others to see.
    :param waits: told who drives it, each time that is another.
    :raises StoreError: what etcd says of it cannot be read.
    """
    while True:
        async with aclosing(follow(site.ledger, identity)) as following:
            async for account in following:
                if account.rollout.state.over:
                    return
                if not account.stands:
                    break
        try:
            await drive(site.ledger, identity, name, lambda rollout: nullcontext(site), waits)
        except (Conflict, StoreUnreachable, FateUnknown) as error:
            site.told(f"{identity}: {error}; looked at anew")
            await asyncio.sleep(_PAUSE_S)


async def drive(ledger: Ledger, identity: str, name: str, opened: OpenSite, waits: Waits = _unheard) -> None:
    """Drive a rollout until nothing more comes of it by itself, or another drives it.

    :param opened: opens what it is carried out with, once it is ours to carry out.
    :raises Conflict: another drives it by now.
    :raises StoreError: etcd says no, or is lost; nothing more is done on a host then.
    """
    key = ledger.keys.rollout_driver(identity)

    def told(holder: Entry) -> None:
        waits(driver_name(holder))

    async with claimed(ledger.etcd, key, driver_bytes(name), TTL_S, told) as claim:
        rollout = (await ledger.account(identity)).rollout
        async with opened(rollout) as site:
            await Driving(site, kind_of(rollout, site), claim, identity).run()


class Driving:
    """One rollout, for as long as one claim lasts.

    :param claim: of `rollouts/<id>/driver`.
    """

    def __init__(self, site: Site, kind: Kind, claim: Claim, identity: str) -> None:
        self._site = site
        self._ledger = site.ledger
        self._kind = kind
        self._claim = claim
        self._identity = identity
        self._entries: dict[str, Entry] = {}
        self._account: Account | None = None
        self._due = asyncio.Event()
        self._carried: dict[str, asyncio.Task[None]] = {}
        self._progress: dict[str, Progress] = {}  # what etcd has not told us of yet
        self._written: dict[str, int] = {}  # at which revision, once that is known
        self._blamed: dict[str, str | None] = {}  # by which targets, and what is denied since
        self._saying: dict[str, str] = {}

    async def run(self) -> None:
        """Drive until nothing more comes of it by itself, or another does.

        :raises StoreError: etcd says no.
        """
        try:
            async with asyncio.TaskGroup() as self._group:
                helpers = [
                    self._group.create_task(self._holding(), name=f"{self._identity}: claim"),
                    self._group.create_task(self._following(), name=f"{self._identity}: following"),
                ]
                await self._driving()
                for helper in helpers:
                    helper.cancel()
        except* _Deposed:
            self._site.told(f"{self._identity}: another drives it by now")
        except* QuarterdeckError as errors:
            raise first_of(errors) from None

    async def _holding(self) -> None:
        await self._claim.lease.lost.wait()
        raise _Deposed

    async def _following(self) -> None:
        span = self._ledger.keys.rollout_span(self._identity)
        accounts = Accounts(self._ledger.keys)
        async with aclosing(mirror(self._ledger.etcd, span, self._entries)) as changing:
            async for events in changing:
                accounts.take(events)
                self._account = the_one(accounts, self._identity)
                for event in events:
                    _, _, target = self._ledger.keys.rollout_parts(event.key)
                    self._heard(target, event.revision)
                self._due.set()

    def _heard(self, target: str, revision: int) -> None:
        """Of a target etcd has told what we have written last, or what came after."""
        if (written := self._written.get(target)) is not None and revision >= written:
            del self._written[target], self._progress[target]

    # -- the whole --------------------------------------------------------------------------

    async def _driving(self) -> None:
        while True:
            try:
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await self._due.wait()
            except TimeoutError:
                pass  # time alone may open a window, and hosts come and go
            await asyncio.sleep(_GATHER_S)
            self._due.clear()
            if self._account is None or not self._claim.holds():
                continue
            account = self._known(self._account)
            try:
                if await self._pass(account):
                    return
            except Conflict:
                await asyncio.sleep(_PAUSE_S)  # a person has turned it meanwhile, or the claim is another's
            except (StoreUnreachable, FateUnknown) as error:
                self._say("etcd", f"{error}; nothing is begun until it answers")
                await asyncio.sleep(_PAUSE_S)
            else:
                self._say("etcd", "")

    def _known(self, account: Account) -> Account:
        """What is written, with what we have written since it was told."""
        return Account(account.rollout, {**account.progress, **self._progress}, account.driver)

    async def _pass(self, account: Account) -> bool:
        """Look at the whole, and begin what is to be done; whether nothing more comes of it."""
        rollout = account.rollout
        for target in rollout.targets:
            found = account.progress.get(target.id)
            if found is not None and found.end is None:
                self._carry(target, found)
        await self._settle(account)
        if rollout.state is State.RUNNING and not account.failed:
            await self._begin(account)
        return not self._carried and account.stands

    async def _settle(self, account: Account) -> None:
        """Have the rollout say what its targets have come to."""
        rollout, positions = account.rollout, account.positions
        for name in account.failed:
            if account.progress[name].blames and name not in self._blamed:
                self._blamed[name] = await self._kind.blame(self._at(account, name))
        if rollout.state in (State.RUNNING, State.PAUSED) and account.failed:
            await self._halt(account)
        elif rollout.state is State.ABORTING and not account.under_way:
            await self._conclude(account, State.ABORTED, rollout.why)
        elif rollout.state is State.RUNNING and all(one is Position.GOOD for one in positions.values()):
            await self._conclude(account, State.DONE, "")

    async def _conclude(self, account: Account, to: State, why: str) -> None:
        """Have the rollout be over, once its kind has done what is to be done for all its targets."""
        waits = await self._kind.conclude(account, done=to is State.DONE)
        self._say("conclusion", f"{self._identity}: {waits}" if waits else "")
        if waits is None:
            await self._put_state((account.rollout.state,), to, why)

    async def _halt(self, account: Account) -> None:
        reasons = []
        for name in account.failed:
            progress, denied = account.progress[name], self._blamed.get(name)
            reason = f"{name}: {progress.failed or progress.end}"
            reasons.append(f"{reason}; {denied} is denied" if denied else reason)
        await self._put_state((State.RUNNING, State.PAUSED), State.HALTED, "; ".join(reasons[:4]))
        self._site.told(f"{self._identity} is halted: {reasons[0]}")

    async def _put_state(self, before: tuple[State, ...], to: State, why: str) -> None:
        await self._ledger.settle(
            self._identity, before, to, why=why, now=self._site.now(), guard=self._claim.guard
        )

    async def _begin(self, account: Account) -> None:
        rollout = account.rollout
        positions = account.positions
        if Position.PENDING not in positions.values():
            return
        opening = opens(rollout.windows, self._site.now(), ZoneInfo(rollout.timezone))
        if opening is not None:
            self._say("window", f"{self._identity}: the window opens at {opening:%Y-%m-%d %H:%M}Z")
            return
        pace = rollout.pace(await self._kind.slots(rollout))
        targets = {target.id: target for target in rollout.targets}
        for name in may_begin(rollout.order, pace, positions, self._kind.away(rollout)):
            self._carry(targets[name], None)

    # -- one target -------------------------------------------------------------------------

    def _carry(self, target: Target, progress: Progress | None) -> None:
        if target.id in self._carried:
            return

        async def carried() -> None:
            try:
                await self._through(target, progress)
            finally:
                del self._carried[target.id]
                self._due.set()

        name = f"{self._identity}: {target.id}"
        if progress is None:
            # Counts as under way from now on, also before that is written.
            self._progress[target.id] = begun(self._kind.course, self._site.now())
        self._carried[target.id] = self._group.create_task(carried(), name=name)

    async def _through(self, target: Target, progress: Progress | None) -> None:
        """Take a target through its stages, to its end."""
        key = self._ledger.keys.rollout_target(self._identity, target.id)
        entry = self._entries.get(key) if progress is not None else None
        if progress is None:
            progress = self._progress[target.id]
            entry = await self._write(target, progress, None)
        while progress.end is None:
            if not self._claim.holds():
                await asyncio.sleep(_LOOK_EVERY_S)  # it is being confirmed, or lost and said so soon
                continue
            assert self._account is not None
            aborting = self._account.rollout.state is State.ABORTING
            turned = turned_back(self._kind.course, progress, self._site.now()) if aborting else None
            if turned is not None and turned.stage != progress.stage:
                progress = turned
            else:
                self._say(target.id, f"{target.id} {self._kind.course[progress.stage].does}")
                outcome = await self._performed(target, progress)
                found = after(self._kind.course, progress, outcome, self._site.now())
                if isinstance(outcome, Waiting):
                    if found.waiting != progress.waiting:
                        self._say(f"{target.id} waits", f"{target.id} waits: {found.waiting}")
                    await asyncio.sleep(outcome.again)
                if found == progress:
                    continue
                progress = found
            entry = await self._write(target, progress, entry)
        told = f": {progress.failed}" if progress.failed else ""
        self._site.told(f"{target.id} is {progress.end}{told}")

    async def _performed(self, target: Target, progress: Progress) -> Outcome:
        assert self._account is not None
        try:
            return await self._kind.perform(At(self._account.rollout, target, progress))
        except ConfigError as error:
            return Failed(f"it cannot be recorded: {error}")
        except (StoreUnreachable, FateUnknown, Conflict) as error:
            return Waiting(f"etcd: {error.message}")

    async def _write(self, target: Target, progress: Progress, before: Entry | None) -> Entry:
        """Have it be written, whatever etcd does meanwhile, as long as the claim is ours.

        :raises Conflict: it is another's.
        """
        self._written.pop(target.id, None)
        self._progress[target.id] = progress
        key = self._ledger.keys.rollout_target(self._identity, target.id)
        entry = await self._put(target, progress, key, before)
        self._written[target.id] = entry.modified
        if (told := self._entries.get(key)) is not None:
            self._heard(target.id, told.modified)
        return entry

    async def _put(self, target: Target, progress: Progress, key: str, before: Entry | None) -> Entry:
        value = records.progress_bytes(progress)
        while True:
            try:
                return await self._ledger.put_progress(
                    self._identity, target.id, progress, before, self._claim.guard
                )
            except (StoreUnreachable, FateUnknown) as error:
                self._say("etcd", f"{error}; {target.id} waits for it")
                await asyncio.sleep(_PAUSE_S)
                # Nothing is sent twice: what is there now tells whether it was taken.
                found = await self._found(key)
                if found is not None and found.value == value:
                    return found

    async def _found(self, key: str) -> Entry | None:
        while True:
            try:
                return await self._ledger.etcd.get(key)
            except StoreUnreachable:
                await asyncio.sleep(_PAUSE_S)

    def _at(self, account: Account, name: str) -> At:
        target = next(one for one in account.rollout.targets if one.id == name)
        return At(account.rollout, target, account.progress[name])

    def _say(self, about: str, text: str) -> None:
        """Tell an operator what has changed about something; nothing where it is as it was."""
        if text and self._saying.get(about) != text:
            self._site.told(text)
        self._saying[about] = text
