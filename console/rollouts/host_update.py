"""Hosts updated, or rolled back, as a whole: what is done to a host in each stage of `host_course.py`.

Every stage first looks at the host or at etcd for whether it is done already, since the driver before may
have been killed right after it. What tells is said at each of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from console.actions.boot import boot_id
from console.actions.drain import drain, undrain
from console.actions.host_updates import (
    NO_GUARD,
    ArmGuard,
    BootNext,
    ConfirmVersion,
    LetGo,
    ProlongGuard,
    StageVersion,
    told,
)
from console.errors import HostError, Unreachable
from console.model.deployment import Deployment, UpdateStatus
from console.model.state import State
from console.rollouts import hand, host_course
from console.rollouts.course import Again, Done, Failed, Outcome, Waiting
from console.rollouts.denied import HOST, deny, find_denied
from console.rollouts.gate import vitals_text
from console.rollouts.host_gate import HostGate, words
from console.rollouts.kind import At, Site
from console.rollouts.proving import GATE_TIMEOUT_S
from console.rollouts.reboot_lock import NoSlot, RebootLock
from console.rollouts.window import opens
from console.updates.driver import Driver
from console.updates.driver import Progress as Staging
from console.updates.driver import Target as Version
from console.updates.guard import read_guard
from console.updates.updater import find_updater, updater_of

if TYPE_CHECKING:
    from console.rollouts.rollout import Account, Rollout

UPDATE, ROLLBACK = "host update", "host rollback"

#: What a rollout of hosts goes by, where nothing else is said. Seconds.
GUARD_S, WITHIN_S = 600.0, 300.0

#: What has not left a drained host by then has nowhere to go. Seconds.
_DRAIN_S = 120.0

#: A host that was told to reboot and is up after so many seconds is told again.
_GOES_DOWN_S = 120.0

#: A host that reboots is looked for this often: its connection is made anew by itself. Seconds.
_LOOK_AGAIN_S = 0.25

#: How far staging is, is told this often. Seconds.
_TELL_EVERY_S = 5.0

#: Stages in which a host may be on its way up.
_COMING_UP = frozenset(
    {host_course.BOOT, host_course.RETURN, host_course.GATE, host_course.CONFIRM, host_course.BACK}
)

#: Those in which only etcd is asked, which is waited for as long as it takes.
_IN_ETCD = frozenset({host_course.UNDRAIN, host_course.RELEASE, host_course.RESTORE, host_course.LEAVE})


class HostUpdate:
    """See `Kind`. Made by who carries a rollout out, for one rollout."""

    course = host_course.COURSE

    def __init__(self, site: Site) -> None:
        self._site = site
        self._lock = RebootLock(site.ledger.etcd, site.ledger.keys)
        self._gate = HostGate(site, self._runs)
        self._sent_back: dict[str, str] = {}  # from which boot
        self._prolonged: set[str] = set()  # whose guard waits longer
        self._stages: Mapping[str, Callable[[At], Awaitable[Outcome]]] = {
            host_course.LOOK: self._look,
            host_course.DRAIN: self._drain,
            host_course.STAGE: self._stage,
            host_course.LOCK: self._take_lock,
            host_course.ARM: self._arm,
            host_course.BOOT: self._boot,
            host_course.RETURN: self._return,
            host_course.GATE: self._prove,
            host_course.CONFIRM: self._confirm,
            host_course.UNDRAIN: self._undrain,
            host_course.RELEASE: self._release,
            host_course.LEAVE: self._leave,
            host_course.BACK: self._back,
            host_course.RESTORE: self._restore,
        }

    async def perform(self, at: At) -> Outcome:
        stage = at.progress.stage
        try:
            return await self._stages[stage](at)
        except Unreachable as error:
            return self._silent(at, error)
        except HostError as error:
            if stage in _IN_ETCD:
                return Waiting(words(error))
            # On its way up a host refuses much that it will take in a moment.
            return self._silent(at, error) if stage in _COMING_UP else Failed(words(error))

    async def slots(self, rollout: Rollout) -> int | None:
        state = await self._lock.find(rollout.group)
        return 1 if state is None else state.max

    def away(self, rollout: Rollout) -> frozenset[str]:
        model = self._site.fleet.model
        return frozenset(
            target.id
            for target in rollout.targets
            if (host := model.find(target.host)) is None or host.state is not State.LIVE
        )

    async def blame(self, at: At) -> str | None:
        version = at.fact("to_version")
        if not version or version == at.fact("from_version"):
            return None
        why = f"{at.host}: {at.progress.failed}"
        await deny(self._site.ledger.etcd, self._site.ledger.keys, HOST, version, by=at.rollout.id, why=why)
        return version

    async def conclude(self, account: Account, *, done: bool) -> str | None:
        return None  # each host is done by itself

    # -- before anything is changed ---------------------------------------------------------

    async def _look(self, at: At) -> Outcome:
        """Nothing is changed yet. What is seen is what the host is measured by afterwards."""
        before = await self._gate.vitals(at, restarts=True)
        if before is None:
            return self._overdue(at, "its units and containers are not known yet")
        transport = hand.reach(self._site, at.host)
        updater = await find_updater(transport)
        status = await updater.status()
        booted = status.booted
        if booted is None:
            return Failed("its updater does not say what runs")
        facts = {
            "driver": updater.driver.value,
            "from_id": booted.id,
            "from_version": booted.version or "",
            "baseline": vitals_text(before),
        }
        to = at.fact("to")
        if to and booted.version == to:
            return Done({**facts, "to_version": to}, to=host_course.UNDRAIN)
        if self._goes_back(at):
            back = status.rollback
            if back is None or (to and back.version != to):
                return Failed(f"it has no version {to or 'before'} to go back to any more")
        return Done(facts)

    async def _drain(self, at: At) -> Outcome:
        """Told by what is said of the host, and by what has left it."""
        await self._said(at, drained=True)
        left = await self._site.leaving(at.host)
        if left is None:
            return Done()
        if (self._site.now() - at.progress.since).total_seconds() < _DRAIN_S:
            return Waiting(left)
        self._site.told(f"{at.host}: {left}, and does not within {_DRAIN_S:g} s; it goes down with the host")
        return Done()

    async def _stage(self, at: At) -> Outcome:
        """Told by what the host boots next; staging finds itself done."""
        if self._goes_back(at):
            status = await self._status(at)
            back = status.rollback
            if status.next is not None and not status.next.booted and status.staged is None:
                back = status.next  # it was put first already
            if back is None:
                return Failed("it has no version to go back to any more")
            return Done({"to_id": back.id, "to_version": back.version or ""})
        to = at.fact("to")
        wanted = Version(version=to or None)

        told_at = self._site.now()

        def heard(progress: Staging) -> None:
            nonlocal told_at
            if (self._site.now() - told_at).total_seconds() >= _TELL_EVERY_S:
                told_at = self._site.now()
                self._site.told(f"{at.host}: {progress.text}")

        act = StageVersion(_driver(at), wanted, heard)
        await hand.do(self._site, at, "stage", at.fact("from_version"), str(wanted), act)
        status = act.status or await self._status(at)
        pending = status.pending
        if pending is None:
            return Failed(f"{wanted} was staged, and is not there")
        version = pending.version or ""
        if version and not at.setting("allow_denied"):
            ledger = self._site.ledger
            denied = await find_denied(ledger.etcd, ledger.keys, HOST, version)
            if denied is not None:
                return Failed(
                    f"{version} is denied by {denied.by}: {denied.why}", facts={"to_id": pending.id}
                )
        return Done({"to_id": pending.id, "to_version": version})

    async def _take_lock(self, at: At) -> Outcome:
        """Told by etcd: who has a slot keeps it."""
        rollout = at.rollout
        if (opening := opens(rollout.windows, self._site.now(), ZoneInfo(rollout.timezone))) is not None:
            return Waiting(f"the window opens at {opening:%Y-%m-%d %H:%M}Z")
        why = f"{rollout.kind} to {at.fact('to_version') or 'another version'}"
        try:
            await self._lock.acquire(rollout.group, at.name, host=at.host, why=why, now=self._site.now())
        except NoSlot as full:
            return Waiting(full.message)
        return Done()

    async def _arm(self, at: At) -> Outcome:
        """Done anew each time. The boot in which it is done is the one that is left."""
        transport = hand.reach(self._site, at.host)
        if self._goes_back(at):
            return Done({"boot": await boot_id(transport)})
        updater = updater_of(_driver(at), transport)
        boot, status = await asyncio.gather(boot_id(transport), told(updater.status()))
        if not _is(status.pending, at.fact("to_id")):
            return Again(
                host_course.STAGE, "what was staged is gone: it has rebooted, or somebody cleaned up"
            )
        guard = at.seconds("guard", GUARD_S)
        if guard <= 0 or (way := updater.way_back(status)) is None:
            return Done({"boot": boot})
        act = ArmGuard(at.name, way, boot, guard)
        await hand.do(self._site, at, "guard", "no guard", f"back after {guard:g} s", act)
        return Done({"boot": boot, "guarded": "yes"})

    async def _boot(self, at: At) -> Outcome:
        """Told by the boot that the host is in, and by what runs."""
        transport = hand.reach(self._site, at.host)
        if await boot_id(transport) != at.fact("boot"):
            status = await self._status(at)
            if _is(status.booted, at.fact("to_id")):
                return Done()
            return Again(host_course.STAGE, "it has rebooted into the version that it had")
        act = BootNext(_driver(at), at.fact("to_id"), at.fact("boot"), back=self._goes_back(at))
        with suppress(Unreachable):  # it may be on its way down: its return is seen to
            await hand.do(self._site, at, "reboot", at.fact("from_version"), at.fact("to_version"), act)
        return Done()

    # -- in the new version -----------------------------------------------------------------

    async def _return(self, at: At) -> Outcome:
        """The host is in another boot, and in the version that it was to boot."""
        transport = hand.reach(self._site, at.host)
        boot = await boot_id(transport)
        if boot == at.fact("boot"):
            if (self._site.now() - at.progress.since).total_seconds() < _GOES_DOWN_S:
                return Waiting("it has not gone down", _LOOK_AGAIN_S)
            return Again(host_course.BOOT, "it does not go down")
        status = await self._status(at)
        if not _is(status.booted, at.fact("to_id")):
            return await self._elsewhere(at, status)
        return Done({"new_boot": boot})

    async def _prove(self, at: At) -> Outcome:
        """The gate. Whoever begins to look after it has the guard wait for as long as the gate may take."""
        if at.fact("guarded") and at.target.id not in self._prolonged:
            longer = at.seconds("gate_timeout", GATE_TIMEOUT_S) + at.seconds("within", WITHIN_S)
            act = ProlongGuard(at.name, longer)
            said = await hand.do(self._site, at, "guard", "waits", f"for {longer:g} s more", act)
            if said == NO_GUARD:
                self._site.told(f"{at.host}: its guard is not in the new version, and cannot take it back")
            self._prolonged.add(at.target.id)
        return await self._gate.look(at)

    async def _elsewhere(self, at: At, status: UpdateStatus) -> Outcome:
        """It came back, and not in the version that it was to boot."""
        runs = _name(status.booted)
        if not _is(status.booted, at.fact("from_id")):
            return Failed(f"it was to boot {at.fact('to_version')}, and boots {runs}")
        there = any(_is(one, at.fact("to_id")) for one in status.deployments)
        if not there and not self._goes_back(at):
            return Again(host_course.STAGE, "the reboot did not put the version in place")
        guard = await read_guard(hand.reach(self._site, at.host))
        took = guard.fired and guard.name == at.name
        how = "its guard took it back" if took else "it has not booted the new one"
        return Failed(f"it is back on {runs}: {how}", blames=True)

    async def _confirm(self, at: At) -> Outcome:
        """Told by the guard, which is gone then."""
        await hand.do(self._site, at, "confirm", "on trial", at.fact("to_version"), ConfirmVersion(at.name))
        return Done()

    async def _undrain(self, at: At) -> Outcome:
        await self._said(at, drained=False)
        return Done()

    async def _release(self, at: At) -> Outcome:
        await self._lock.release(at.rollout.group, at.name)
        return Done()

    # -- the ways back ----------------------------------------------------------------------

    async def _leave(self, at: At) -> Outcome:
        """Before its reboot: what is staged goes again. Where the host does not answer, that stays."""
        gone = None
        try:
            staged = None if self._goes_back(at) else at.progress.facts.get("to_id")
            act = LetGo(_driver(at) if staged else None, at.name, staged)
            await hand.do(self._site, at, "let go", "on its way", at.fact("from_version"), act)
        except HostError as error:
            gone = Failed(f"{at.progress.failed}; what is staged stays: {error.message}")
        await self._said(at, drained=False)
        await self._lock.release(at.rollout.group, at.name)
        return gone or Done()

    async def _back(self, at: At) -> Outcome:
        """Told by what runs. The reboot is the host's guard's where it cannot be reached."""
        transport = hand.reach(self._site, at.host)
        boot = await boot_id(transport)
        status = await self._status(at)
        if _is(status.booted, at.fact("from_id")):
            # Where it was never rebooted, what is staged goes too.
            act = LetGo(_driver(at), at.name, None if self._goes_back(at) else at.fact("to_id"))
            await hand.do(self._site, at, "disarm", "guarded", at.fact("from_version"), act)
            return Done()
        if self._sent_back.get(at.target.id) != boot:
            act_back = BootNext(_driver(at), at.fact("from_id"), boot, back=True)
            await hand.do(self._site, at, "go back", _name(status.booted), at.fact("from_version"), act_back)
            self._sent_back[at.target.id] = boot
        return self._overdue(at, f"it reboots into {at.fact('from_version')}", self._gives_up_after(at))

    async def _restore(self, at: At) -> Outcome:
        """It is on the version before, and takes instances again."""
        await self._said(at, drained=False)
        await self._lock.release(at.rollout.group, at.name)
        return Done()

    # -- what they share --------------------------------------------------------------------

    def _goes_back(self, at: At) -> bool:
        """Whether the host goes to the version that its updater keeps, and nothing is fetched."""
        return at.fact("method") == "rollback"

    async def _runs(self, at: At) -> bool:
        """Whether the host runs what it was to boot."""
        return _is((await self._status(at)).booted, at.fact("to_id"))

    async def _status(self, at: At) -> UpdateStatus:
        return await told(updater_of(_driver(at), hand.reach(self._site, at.host)).status())

    async def _said(self, at: At, *, drained: bool) -> None:
        """Have the host take no instances, or take them again, as far as this rollout is asked."""
        if at.host not in self._site.fleet.sessions:
            return  # what was said of it went with it
        said = self._site.said(at.host)
        now = (await said.now()).drained
        if (at.rollout.id in now) == drained:
            return
        step = drain(said, now, by=at.rollout.id) if drained else undrain(said, now, by=at.rollout.id)
        if step is not None:
            await hand.carry_out(self._site, at, step)

    def _silent(self, at: At, error: HostError) -> Outcome:
        """The host does not answer, or not as it should, in a stage that needs it."""
        stage = at.progress.stage
        why = f"it does not answer: {error.message}" if isinstance(error, Unreachable) else words(error)
        if stage == host_course.BACK:
            how = "its guard may bring it back" if at.fact("guarded") else "it has no guard"
            return self._overdue(at, f"{why}; {how}", self._gives_up_after(at))
        outcome = self._overdue(at, why)
        trial = (host_course.RETURN, host_course.GATE, host_course.CONFIRM)
        if isinstance(outcome, Failed) and stage in trial:
            return Failed(outcome.why, blames=True)
        return outcome

    def _gives_up_after(self, at: At) -> float:
        """How long a host may take to be back on the version before, by its guard or by us, in seconds."""
        within = at.seconds("within", WITHIN_S)
        trial = at.seconds("gate_timeout", GATE_TIMEOUT_S) if at.fact("new_boot") else 0.0
        return at.seconds("guard", GUARD_S) + trial + 2 * within

    def _overdue(self, at: At, why: str, within: float | None = None) -> Outcome:
        """It is waited for, until it has taken too long."""
        limit = at.seconds("within", WITHIN_S) if within is None else within
        if (self._site.now() - at.progress.since).total_seconds() < limit:
            return Waiting(why, _LOOK_AGAIN_S)
        return Failed(f"{why}, for {limit:g} s")


def _driver(at: At) -> Driver:
    """The host's updater, as it was when it was looked at."""
    return Driver(at.fact("driver"))


def _is(deployment: Deployment | None, identity: str) -> bool:
    return deployment is not None and deployment.id == identity


def _name(deployment: Deployment | None) -> str:
    if deployment is None:
        return "nothing that is known"
    return deployment.version or deployment.id
