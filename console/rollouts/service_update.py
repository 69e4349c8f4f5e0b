"""Services brought to another revision, instance by instance, through the stages of `instance_course.py`.

A rollout says of each instance which revision it is to be; the engine that leads has it be so, as it carries
out all else, and what it does not do is not done. So each stage looks at the registry and at the host, and
what has moved on meanwhile (scaled, moved, its host drained) is followed to where it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from console.actions.memory import OnEtcd
from console.actions.plan import Step
from console.errors import HostError, StoreError, Unreachable
from console.model.memory import SERVICE
from console.model.state import State
from console.rollouts import hand, instance_course
from console.rollouts.course import Done, Failed, Outcome, Waiting
from console.rollouts.denied import deny, find_denied
from console.rollouts.host_gate import words
from console.rollouts.instances import Instances, Seen
from console.rollouts.kind import At, Site
from console.rollouts.own_check import OwnChecks
from console.rollouts.proving import Proving
from console.rollouts.unit_look import Faring, UnitLook, faring, look_at

if TYPE_CHECKING:
    from console.rollouts.rollout import Account, Rollout, Target

UPDATE, ROLLBACK = "service update", "service rollback"

#: What a rollout of services goes by, where nothing else is said. Seconds.
GATE_S, WITHIN_S = 10.0, 300.0

#: An instance that is to be changed, or proves itself, is looked at this often. Seconds.
_LOOK_S = 0.5

#: What an engine tells of an instance is this old at most. Seconds.
_TOLD_S = 5.0

_NO_ENGINE = "no engine is elected: nothing is carried out until one runs (`quarterdeck engine run`)"


class ServiceUpdate:
    """See `Kind`. Made by who carries a rollout out, for one rollout."""

    course = instance_course.COURSE

    def __init__(self, site: Site) -> None:
        self._site = site
        self._proving = Proving(GATE_S)
        self._checks = OwnChecks(site)
        self._lives: dict[str, tuple[str, UnitLook]] = {}  # of those that prove themselves: where, and which
        self._there: dict[str, tuple[str, datetime]] = {}  # since when they are seen there
        self._hosts: dict[str, str] = {}  # where each instance was seen last
        self._engine_since: datetime | None = None
        self._stages: Mapping[str, Callable[[At, Seen], Awaitable[Outcome]]] = {
            instance_course.LOOK: self._look,
            instance_course.CHANGE: self._change,
            instance_course.GATE: self._prove,
            instance_course.BACK: self._back,
            instance_course.LEAVE: self._leave,
        }

    async def perform(self, at: At) -> Outcome:
        stage = at.progress.stage
        seen = await self._registry.see(at.fact("service"), at.fact("instance"), at.host)
        if seen is None:
            gone = f"there is no service {at.fact('service')} any more"
            return Done() if stage == instance_course.BACK else Failed(gone)
        if seen.host is not None:
            self._hosts[at.target.id] = seen.host
        try:
            return await self._stages[stage](at, seen)
        except Unreachable as error:
            # Whether what is changed is at fault cannot be said of one that nobody sees.
            return self._overdue(at, seen, f"{seen.host} does not answer: {error.message}")
        except HostError as error:
            return self._overdue(at, seen, words(error))

    async def slots(self, rollout: Rollout) -> int | None:
        return None

    def away(self, rollout: Rollout) -> frozenset[str]:
        return frozenset(target.id for target in rollout.targets if self._is_away(target))

    async def blame(self, at: At) -> str | None:
        if at.fact("to") == at.fact("from"):
            return None
        version = version_of(at.target)
        why = f"{at.target.id}: {at.progress.failed}"
        await deny(
            self._site.ledger.etcd, self._site.ledger.keys, SERVICE, version, by=at.rollout.id, why=why
        )
        return version

    async def conclude(self, account: Account, *, done: bool) -> str | None:
        """Each instance is what it was to be: so is the service. Or it was aborted: there is no spare."""
        targets = {target.facts["service"]: target for target in account.rollout.targets}
        for service, target in targets.items():
            try:
                if done:
                    before, to = int(target.facts["base"]), int(target.facts["to"])
                    await self._registry.settle(service, before, to)
                else:
                    await self._registry.let_be(service)
            except StoreError as error:
                return f"{service}: {error.message}"
        for target in account.rollout.targets:
            if target.facts.get("spare") and (why := await self._still_there(target)) is not None:
                return why
        return None

    # -- its stages -------------------------------------------------------------------------

    async def _look(self, at: At, seen: Seen) -> Outcome:
        """Nothing is changed yet. What is seen is what it is to go back to."""
        to, before = int(at.fact("to")), int(at.fact("from"))
        facts = {"from_version": str(before), "to_version": str(to)}
        if not seen.launched:
            return Failed("its service is not to run any more")
        if not at.setting("allow_denied"):
            ledger = self._site.ledger
            denied = await find_denied(ledger.etcd, ledger.keys, SERVICE, version_of(at.target))
            if denied is not None:
                return Failed(f"revision {to} is denied by {denied.by}: {denied.why}")
        if _is_spare(at):
            return Done(facts)
        if seen.revision is None or seen.revision == to:
            return Done(facts, to=instance_course.GATE)
        if seen.revision != before:
            return Failed(f"it is revision {seen.revision} by now, and not {before}")
        if seen.host is None:
            return Done(facts)
        unit = await look_at(hand.reach(self._site, seen.host), at.fact("instance"))
        how = {"was": unit.active, "restarts": str(unit.restarts), "life": unit.life}
        return Done({**facts, **how})

    async def _change(self, at: At, seen: Seen) -> Outcome:
        """Told by the mark of its unit on its host, which is written once its job was asked for."""
        to = int(at.fact("to"))
        if seen.revision is None and not _is_spare(at):
            return Done()  # there are fewer by now
        if seen.revision != to:
            await self._give(at, seen, to)
            return Waiting("an engine is to carry it out", _LOOK_S)
        if seen.host is None:
            if not _is_spare(at):
                return Done()  # it is nowhere, as before, and is of the revision once it is somewhere
            return self._overdue(at, seen, f"no host will have it: {seen.pending}" if seen.pending else "")
        if seen.placed != to:
            return self._overdue(at, seen, "it is about to be placed")
        unit = await look_at(hand.reach(self._site, seen.host), at.fact("instance"))
        if _is_at(unit, to, seen):
            return Done()
        if seen.failed and at.fact("was") != "failed" and self._age(at) > _TOLD_S:
            return Failed(seen.failed, blames=True)
        return self._overdue(at, seen, f"it is being changed on {seen.host}")

    async def _prove(self, at: At, seen: Seen) -> Outcome:
        """The gate: it runs, and goes on to, without being started again."""
        to = int(at.fact("to"))
        if seen.revision is None or (seen.host is None and not _is_spare(at)):
            return Done()
        if seen.revision != to:
            return Failed(f"it was given revision {seen.revision} meanwhile")
        if not seen.launched:
            return Failed("its service is not to run any more")
        if seen.host is None:
            return self._unseen(at, "it has no host any more")
        try:
            unit = await look_at(hand.reach(self._site, seen.host), at.fact("instance"))
        except HostError as error:
            return self._unseen(at, words(error))
        if not _is_at(unit, to, seen):
            return self._unseen(at, f"it is on its way to {seen.host}")
        fares, why = faring(unit, restarts=_restarts(at, unit), seconds=self._there_for(at, seen.host))
        broken = self._see_life(at, seen.host, unit)
        if fares is Faring.BAD:
            broken = Failed(f"{seen.host}: {why}", blames=True)
        if broken is not None:
            # Not where somebody has it stopped, moved or changed in this very moment.
            return broken if await self._is_still(at, seen) else Waiting(broken.why, _LOOK_S)
        wrong = [why] if fares is Faring.COMING else await self._checks.look(at, seen.host)
        return self._proving.judge(at, wrong, self._site.now(), _LOOK_S)

    async def _back(self, at: At, seen: Seen) -> Outcome:
        """Told by the mark on its host, or by that the spare is nowhere."""
        before = int(at.fact("from"))
        if _is_spare(at):
            if seen.spare:
                act = OnEtcd("take away", self._taking_away(at))
                await self._carry_out(at, "take away", "a spare", "no spare", act)
            # By now there may be as many as it would have been one more than.
            gone = seen.host is None or (seen.revision is not None and not seen.spare)
            return Done() if gone else self._overdue(at, seen, "the spare is taken away")
        if seen.revision not in (before, int(at.fact("to"))):
            return Done()  # it is none any more, or somebody has made it another
        if seen.revision != before:
            await self._give(at, seen, before)
            return Waiting("an engine is to carry it out", _LOOK_S)
        if seen.host is None:
            return Done()
        unit = await look_at(hand.reach(self._site, seen.host), at.fact("instance"))
        runs = unit.up or not seen.launched or at.fact("was") not in ("active", "reloading")
        if _is_at(unit, before, seen) and runs:
            return Done()
        return self._overdue(at, seen, f"it is on its way back to revision {before}")

    async def _leave(self, at: At, seen: Seen) -> Outcome:
        """Nothing was changed."""
        return Done()

    # -- what they share --------------------------------------------------------------------

    @property
    def _registry(self) -> Instances:
        assert self._site.instances is not None
        return self._site.instances

    async def _is_still(self, at: At, seen: Seen) -> bool:
        """Whether it is to be where and what it was to be when it was looked at."""
        now = await self._registry.see(at.fact("service"), at.fact("instance"), at.host)
        return now is not None and now.meant == seen.meant

    def _unseen(self, at: At, why: str) -> Outcome:
        """It cannot be looked at: the gate stays shut, and what it was to be is not at fault."""
        outcome = self._proving.judge(at, [why], self._site.now(), _LOOK_S)
        return replace(outcome, blames=False) if isinstance(outcome, Failed) else outcome

    async def _still_there(self, target: Target) -> str | None:
        """Why a spare that is taken away is not gone yet; None once it is, or is no spare any more."""
        seen = await self._registry.see(target.facts["service"], target.facts["instance"], target.host)
        if seen is None or seen.revision is not None or seen.host is None:
            return None
        return f"{target.id} is taken away from {seen.host}" if seen.engine else _NO_ENGINE

    async def _give(self, at: At, seen: Seen, revision: int) -> None:
        spare = _is_spare(at)

        async def give() -> str:
            service, instance = at.fact("service"), at.fact("instance")
            await self._registry.give(service, instance, at.host, revision, spare=spare)
            return ""

        now = "not there" if seen.revision is None else f"revision {seen.revision}"
        await self._carry_out(at, "change", now, f"revision {revision}", OnEtcd("change", give))

    def _taking_away(self, at: At) -> Callable[[], Awaitable[str]]:
        async def take_away() -> str:
            await self._registry.take_away(at.fact("service"), at.fact("instance"))
            return ""

        return take_away

    async def _carry_out(self, at: At, verb: str, now: str, then: str, act: OnEtcd) -> None:
        name = f"services/{at.fact('service')}/at/{at.target.id}"
        await hand.carry_out(self._site, at, Step("etcd", name, verb, now, then, act, touches=None))

    def _see_life(self, at: At, host: str, unit: UnitLook) -> Failed | None:
        """Have the window begin anew with another life; or why there must be none.

        An engine starts what has failed again, there or elsewhere, and may have done so between two looks.
        """
        if not unit.alive:
            return None
        there, before = self._lives.get(at.target.id, (host, unit))
        self._lives[at.target.id] = (host, unit)
        if (there, before.boot, before.life) == (host, unit.boot, unit.life):
            return None
        self._proving.anew(at)
        if there == host:
            again = before.boot == unit.boot
            return (
                Failed(f"{host}: it was started again while it was to run on", blames=True) if again else None
            )
        left = self._site.fleet.model.find(there)
        if left is None or left.state is not State.LIVE or left.drained:
            return None
        return Failed(f"it was moved from {there} to {host} while it was to run on")

    def _there_for(self, at: At, host: str) -> float:
        """For how long it has been seen on this host, in its revision. Seconds."""
        now = self._site.now()
        there, since = self._there.get(at.target.id, ("", now))
        if there != host:
            self._there[at.target.id] = (host, now)
            return 0.0
        return (now - since).total_seconds()

    def _is_away(self, target: Target) -> bool:
        if target.facts.get("spare"):
            return False  # it is nowhere yet, and the first to come
        name = self._hosts.get(target.id, target.host)
        host = self._site.fleet.model.find(name)
        return host is None or host.state is not State.LIVE

    def _overdue(self, at: At, seen: Seen, why: str) -> Outcome:
        """It is waited for, for as long as is said and an engine is there to do it."""
        now = self._site.now()
        if not seen.engine:
            self._engine_since = None
            return Waiting(_NO_ENGINE, _LOOK_S)
        if self._engine_since is None:
            self._engine_since = now
        limit = at.seconds("within", WITHIN_S)
        waited = min(self._age(at), (now - self._engine_since).total_seconds())
        if waited < limit:
            return Waiting(why or "it is about to be placed", _LOOK_S)
        return Failed(f"{why or 'it is not placed'}, for {limit:g} s")

    def _age(self, at: At) -> float:
        """How long it is in its stage, in seconds."""
        return (self._site.now() - at.progress.since).total_seconds()


def version_of(target: Target) -> str:
    """What a target is brought to, as it is denied: `web@.service 4`."""
    return f"{target.facts['service']} {target.facts['to']}"


def _is_at(unit: UnitLook, revision: int, seen: Seen) -> bool:
    """Whether its host has it in a revision, and has been asked to start it where it is to run."""
    return unit.revision == revision and (unit.launched or not seen.launched)


def _restarts(at: At, unit: UnitLook) -> int:
    """How many restarts it had before it was to prove itself: those of a life that goes on count."""
    return int(at.fact("restarts") or 0) if unit.life and unit.life == at.fact("life") else 0


def _is_spare(at: At) -> bool:
    return bool(at.target.facts.get("spare"))
