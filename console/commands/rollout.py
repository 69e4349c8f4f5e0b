"""`rollout …`: what is carried out over many hosts, how far it is, and what a person says of it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from console.actions.plan import Plan, Step
from console.commands import clock
from console.commands.change import FleetChange, permit_for
from console.commands.command import Command, Recall, argument, option, switch
from console.commands.grammar import format_command
from console.commands.host_rollout import Rolled, Wanted, Wishes, see_denied
from console.commands.rollout_run import ledger_of, seen_through
from console.commands.service_rollout import ServicesUndone, see_denied_revisions
from console.commands.values import TEXT
from console.errors import NothingSelected, Refused
from console.model.host import Host
from console.model.selector import Selector

if TYPE_CHECKING:
    from console.commands.core import Core, View
    from console.commands.output import Output
    from console.rollouts.rollout import Account, State


@dataclass(frozen=True)
class RolloutList(Command):
    """List rollouts: how each stands, how far it is, and who drives it. The newest are the last."""

    words = ("rollout", "list")
    recall = Recall.WRITE
    state: str | None = option(TEXT, "only those in this state; several with commas")
    watch: bool = switch("go on, telling each change")

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.rows.rollout import ROLLOUT
        from console.rollouts.ledger import Accounts
        from console.store.mirror import mirror

        ledger = ledger_of(core)
        states = set(self.state.split(",")) if self.state else None

        def chosen(accounts: Sequence[Account]) -> list[Account]:
            return [one for one in accounts if states is None or one.rollout.state.value in states]

        if not self.watch:
            found, problems = await ledger.accounts()
            _tell(out, problems)
            out.rows(ROLLOUT, chosen(found))
            return
        accounts = Accounts(ledger.keys)
        shown: dict[str, Account] = {}
        async with aclosing(mirror(ledger.etcd, ledger.keys.under("rollouts"), {})) as changing:
            async for events in changing:
                accounts.take(events)
                now = {one.rollout.id: one for one in chosen(accounts.all())}
                for identity, account in now.items():
                    if shown.get(identity) != account:
                        out.put(ROLLOUT, account)
                for identity in shown.keys() - now.keys():
                    out.delete(ROLLOUT, shown[identity])
                shown = now


@dataclass(frozen=True)
class RolloutShow(Command):
    """Show rollouts whole: each target, its stage, what it waits for, and how it ended."""

    words = ("rollout", "show")
    recall = Recall.WRITE
    ids: tuple[str, ...] = argument("ID", "of rollouts; the newest if left out", many=True)
    watch: bool = switch("go on, telling each change, until the first of them is over")

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.rows.rollout import ROLLOUT_DETAIL
        from console.rollouts.driving import follow

        ledger = ledger_of(core)
        found, problems = await ledger.accounts()
        _tell(out, problems)
        accounts = _chosen(found, self.ids)
        if not self.watch:
            out.rows(ROLLOUT_DETAIL, accounts)
            return
        async with aclosing(follow(ledger, accounts[0].rollout.id)) as following:
            async for account in following:
                out.put(ROLLOUT_DETAIL, account)
                if account.stands:
                    return


@dataclass(frozen=True)
class RolloutHistory(Command):
    """List what came of rollouts, as it came: who said what, and each stage of each target."""

    words = ("rollout", "history")
    recall = Recall.WRITE
    ids: tuple[str, ...] = argument("ID", "of rollouts; the newest if left out", many=True)

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.rows.rollout import HAPPENING, happenings

        found, problems = await ledger_of(core).accounts()
        _tell(out, problems)
        out.rows(HAPPENING, [one for account in _chosen(found, self.ids) for one in happenings(account)])


@dataclass(frozen=True)
class _Turned(FleetChange):
    """What a person says of a rollout."""

    id: str = argument("ID", "of the rollout", required=True)
    to: ClassVar[str]

    async def draw(self, core: Core, out: Output) -> Plan:
        from console.actions.memory import OnEtcd
        from console.rollouts.rollout import State

        account = await ledger_of(core).account(self.id)
        before, to = account.rollout.state, State(self.to)
        if before is State.DONE and to is State.RUNNING:
            return Plan(format_command(self), ())
        if before.over:
            raise Refused(f"{self.id} is over: {before}")
        if before is to and not self.again(account):
            return Plan(format_command(self), ())
        await self.see(core, account)

        async def do() -> str:
            await self.turn(core, account, to)
            return ""

        act = OnEtcd(self.words[1], do)
        return Plan(
            format_command(self),
            (
                Step(
                    *("etcd", f"rollouts/{self.id}", self.words[1], f"{before}", self.then(account)),
                    act,
                    touches=None,
                    undo=self.undo(before),
                ),
            ),
        )

    async def see(self, core: Core, account: Account) -> None:
        """:raises Refused: it must not be."""

    def again(self, account: Account) -> bool:
        """Whether there is something to do though the rollout is in that state already."""
        return False

    @abstractmethod
    def then(self, account: Account) -> str:
        """What it will be, in words."""

    def undo(self, before: State) -> str | None:
        """The line that takes it back."""
        return None

    async def turn(self, core: Core, account: Account, to: State) -> None:
        await ledger_of(core).turn(
            self.id,
            to,
            why=self.why(account),
            by=core.audit.who.actor,
            now=clock.now(),
            settings=self.goes_by(),
        )

    def why(self, account: Account) -> str:
        return account.rollout.why

    def goes_by(self) -> dict[str, str]:
        """What it goes by from then on, besides what it does."""
        return {}


@dataclass(frozen=True)
class RolloutPause(_Turned):
    """Pause a rollout: nothing more begins until it is resumed; what is under way comes to its end."""

    words = ("rollout", "pause")
    to = "paused"

    def then(self, account: Account) -> str:
        under_way = len(account.under_way)
        return f"paused once {under_way} under way have ended" if under_way else "paused"

    def undo(self, before: State) -> str | None:
        return f"rollout resume {self.id}" if before == "running" else None


@dataclass(frozen=True)
class _Driven(_Turned):
    """One after which there is something to carry out: from here, where no engine does."""

    no_wait: bool = switch("leave it to an engine to carry out")

    async def run(self, core: Core, out: Output) -> None:
        await super().run(core, out)
        if core.options.plan:
            return
        if self.no_wait:
            out.note("an engine carries it out; `rollout show --watch` tells how far it is")
            return
        await seen_through(core, self.id, permit_for(core, format_command(self)), out)


@dataclass(frozen=True)
class RolloutResume(_Driven):
    """Go on with a rollout that was paused or halted, or that nobody drives any more.

    Targets that had failed begin anew. Where a version was denied since, that is to be allowed first.
    """

    words = ("rollout", "resume")
    to = "running"
    allow_denied: bool = switch("go on although its version is denied")

    async def see(self, core: Core, account: Account) -> None:
        from console.rollouts.kinds import OF_SERVICES
        from console.rollouts.service_update import version_of

        if self.allow_denied:
            return
        left = {one for one, at in account.positions.items() if at not in ("good", "under way")}
        targets = [target for target in account.rollout.targets if target.id in left]
        if account.rollout.kind in OF_SERVICES:
            await see_denied_revisions(core, dict.fromkeys(map(version_of, targets)))
        else:
            versions = {
                account.progress[target.id].facts.get("to_version", "")
                if target.id in account.progress
                else target.facts.get("to", "")
                for target in targets
            }
            await see_denied(core, versions)

    def then(self, account: Account) -> str:
        anew = len(account.failed)
        return f"running, {anew} that failed anew" if anew else "running"

    def why(self, account: Account) -> str:
        return ""

    def goes_by(self) -> dict[str, str]:
        return {"allow_denied": "yes"} if self.allow_denied else {}

    async def turn(self, core: Core, account: Account, to: State) -> None:
        ended = [name for name in account.failed if account.progress[name].end is not None]
        await ledger_of(core).requeue(self.id, ended)
        await super().turn(core, account, to)


@dataclass(frozen=True)
class RolloutAbort(_Driven):
    """End a rollout: nothing more begins, what has not been rebooted is let go, the rest comes to its end.

    What is updated by then stays so; `rollout undo` takes it back.
    """

    words = ("rollout", "abort")
    to = "aborting"

    def then(self, account: Account) -> str:
        pending = sum(at == "pending" for at in account.positions.values())
        return f"aborted, {pending} not begun"

    def why(self, account: Account) -> str:
        return account.rollout.why or "aborted by hand"


@dataclass(frozen=True)
class RolloutUndo(Rolled):
    """Take a rollout back: what it has changed goes to the version before, as a rollout of its own."""

    words = ("rollout", "undo")
    id: str = argument("ID", "of the rollout", required=True)

    @property
    def undoes(self) -> str | None:
        return self.id

    def settings(self) -> dict[str, str]:
        return {**super().settings(), "guard": "0"}

    async def planned(self, core: Core, out: Output) -> Plan:
        of_services = await self._of_services(core)
        return await (super().planned(core, out) if of_services is None else of_services.planned(core, out))

    async def run(self, core: Core, out: Output) -> None:
        of_services = await self._of_services(core)
        await (super().run(core, out) if of_services is None else of_services.run(core, out))

    async def _of_services(self, core: Core) -> ServicesUndone | None:
        """The same for a rollout of services; None: it was one of hosts."""
        from console.rollouts.kinds import OF_SERVICES

        if (await ledger_of(core).account(self.id)).rollout.kind not in OF_SERVICES:
            return None
        return ServicesUndone.of(self)

    async def selection(self, core: Core) -> Selector:
        account = await ledger_of(core).account(self.id)
        changed = _changed(account)
        if not changed:
            raise NothingSelected(f"{self.id} has changed nothing that could be taken back")
        if self.on is not None:
            return self.on
        hosts = {target.host for target in account.rollout.targets if target.id in changed}
        return Selector.parse(",".join(sorted(hosts)))

    async def wishes(self, core: Core, view: View, hosts: Sequence[Host], wishes: Wishes) -> None:
        account = await ledger_of(core).account(self.id)
        changed = _changed(account)
        targets = {
            target.host: changed[target.id] for target in account.rollout.targets if target.id in changed
        }
        for host in hosts:
            if host.name not in targets:
                continue
            before, after = targets[host.name]
            booted, back = host.updates.booted, host.updates.rollback
            runs = booted.version if booted else None
            if runs == before:
                wishes.idle.append(f"{host.name} runs {before}")
            elif runs != after:
                wishes.refuse(host, f"it runs {runs} by now, and not {after}")
            else:
                wishes.wanted.append(Wanted(host, before, back=back is not None and back.version == before))


def _changed(account: Account) -> dict[str, tuple[str, str]]:
    """The version before and after, of each target that was brought from one to the other."""
    found = {}
    for name, progress in account.progress.items():
        before, after = progress.facts.get("from_version", ""), progress.facts.get("to_version", "")
        if progress.end == "done" and before and after and before != after:
            found[name] = before, after
    return found


def _chosen(found: Sequence[Account], ids: tuple[str, ...]) -> list[Account]:
    """The rollouts of some ids, in the order asked for; the newest without any.

    :raises NothingSelected: one is not there.
    """
    by_id = {account.rollout.id: account for account in found}
    missing = [name for name in ids if name not in by_id]
    if missing or not found:
        raise NothingSelected(f"no rollout {', '.join(missing)}".rstrip(), hint="`rollout list` has them")
    return [by_id[name] for name in ids] if ids else list(found[-1:])


def _tell(out: Output, problems: dict[str, str]) -> None:
    for key, problem in problems.items():
        out.note(f"{key} in etcd {problem}")


COMMANDS: tuple[type[Command], ...] = (
    *(RolloutList, RolloutShow, RolloutHistory),
    *(RolloutPause, RolloutResume, RolloutAbort, RolloutUndo),
)
