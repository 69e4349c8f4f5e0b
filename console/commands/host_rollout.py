"""`host update|rollback`: hosts brought to another version of their operating system, in waves."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from console.actions.plan import Plan, Refusal, Step
from console.actions.waves import wave_ends
from console.commands import clock
from console.commands.change import Planned, confirmed, in_company, permit_for, tell_idle, unreached
from console.commands.command import Command, Recall, option, switch
from console.commands.grammar import format_command
from console.commands.parameters import OnHosts
from console.commands.rollout_options import goes_by, see_options
from console.commands.rows.change import PLAN
from console.commands.values import DURATION, INTEGER, TEXT, WAVES, text
from console.errors import HostError, Incomplete, NothingSelected, Refused, UsageError
from console.model.deployment import Deployment
from console.model.host import Host
from console.model.selector import Selector

if TYPE_CHECKING:
    from collections.abc import Mapping

    from console.commands.core import Core, View
    from console.commands.output import Output
    from console.commands.rollout_run import Drawn
    from console.rollouts.rollout import Rollout, Target


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one host is to boot.

    :param version: None: the newest, which its updater does not tell before it has it.
    :param back: whether its updater keeps it, so that nothing is fetched.
    """

    host: Host
    version: str | None
    back: bool = False

    @property
    def now(self) -> str:
        return _name(self.host.updates.booted)


@dataclass
class Wishes:
    """What is wanted of some hosts, and of which nothing can be, or need be."""

    wanted: list[Wanted] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)

    def refuse(self, host: Host, why: str) -> None:
        self.refused.append(Refusal(host.name, "", why))


@dataclass(frozen=True)
class Rolled(OnHosts, Planned):
    """A rollout over hosts."""

    recall = Recall.WRITE
    rolls: ClassVar[str] = "host rollback"  # the kind of the rollout

    wave: tuple[str, ...] | None = option(
        WAVES, "in waves, cumulative: 1,25%,100%; each begins once the one before is well"
    )
    max_unavailable: int | None = option(
        INTEGER, "so many hosts out of service at a time (default: as the reboot lock lets)"
    )
    gate: float = option(DURATION, "how long a host has to be well in one go (default 1m)", default=60.0)
    gate_timeout: float = option(DURATION, "how long that may take (default 10m)", default=600.0)
    within: float = option(
        DURATION, "how long a host may not answer, in its reboot or else (default 5m)", default=300.0
    )
    check: str | None = option(text("COMMAND"), "a command on each host that says by exit code 0 it is well")
    boot_complete: bool = switch("boot-complete.target has to be active, whatever it was before")
    window: str | None = option(
        text("WINDOW"), "when hosts may begin, in the fleet's timezone: 22:00-04:00, 'sat,sun 10:00-16:00'"
    )
    reboot_group: str | None = option(TEXT, "whose reboot lock each host takes (default: default)")
    allow_denied: bool = switch("bring also a version that was rolled back or denied before")
    no_wait: bool = switch("write it down and leave it to an engine")

    @abstractmethod
    async def wishes(self, core: Core, view: View, hosts: Sequence[Host], wishes: Wishes) -> None:
        """Say in `wishes` what is wanted of each host."""

    @property
    def undoes(self) -> str | None:
        """The rollout that it takes back."""
        return None

    def settings(self) -> dict[str, str]:
        """What the rollout goes by."""
        return goes_by(self) | ({"boot_complete": "yes"} if self.boot_complete else {})

    async def selection(self, core: Core) -> Selector:
        """The hosts that it may touch. :raises UsageError: they were not said."""
        if self.on is None:
            raise UsageError(
                f"{' '.join(self.words)}: say which hosts", hint="--on SELECTOR; --on '*' for all of them"
            )
        return self.on

    def check_options(self) -> None:
        """:raises UsageError: they cannot be kept to."""
        from console.rollouts.reboot_lock import checked_group

        if self.max_unavailable == 0:
            raise UsageError("with no host out of service none can be rebooted", hint="--max-unavailable 1")
        see_options(self)
        if self.reboot_group is not None:
            checked_group(self.reboot_group)

    async def planned(self, core: Core, out: Output) -> Plan:
        from console.commands.rollout_run import WANTS

        self.check_options()
        async with core.observe(await self.selection(core), WANTS) as view:
            return (await self.drawn(core, view, out)).plan

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.rollout_run import WANTS, begun

        if core.options.plan:
            out.document(PLAN, await self.planned(core, out))
            return
        self.check_options()
        on = await self.selection(core)
        permit = permit_for(core, format_command(self))
        async with core.observe(on, WANTS) as view:
            try:
                drawn = await self.drawn(core, view, out)
            except Refused as refused:
                core.audit.refused(format_command(self), refused.message)
                raise
            if drawn.rollout is None:
                for refusal in drawn.plan.refused:
                    out.failed(HostError(refusal.why, host=refusal.host))
                if drawn.plan.refused:
                    raise Incomplete("no host of the selection can be changed")
                out.note("nothing to do")
                return
            await confirmed(core, drawn.plan)
            await begun(core, view, out, permit, drawn, wait=not self.no_wait)

    async def drawn(self, core: Core, view: View, out: Output) -> Drawn:
        """What it will do. Changes nothing, but that an updater may have looked for an update.

        :raises Refused: a version is denied, or another rollout is at work on one of the hosts.
        """
        wishes = Wishes(refused=list(unreached(view.missing)))
        missing = {error.host for error in view.missing}
        hosts = [host for host in view.hosts() if host.name not in missing]
        await self.wishes(core, view, _able(hosts, view, wishes), wishes)
        tell_idle(out, wishes.idle)
        return await drawn(self, core, wishes, out)


@dataclass(frozen=True)
class HostUpdate(Rolled):
    """Update hosts as a whole, in waves: each is drained, staged, rebooted, and has to prove itself.

    One that does not is rolled back, and what is left of the rollout is not begun; the version is denied.
    Unless the new version is confirmed, a guard on the host takes it back, also where nobody reaches it.
    What is written down before the first step, any console or engine can go on with.
    """

    words = ("host", "update")
    rolls = "host update"
    to: str | None = option(text("VERSION"), "the version (default: the newest of what each host follows)")
    guard: float = option(
        DURATION,
        "so long after its boot a host that nobody confirms goes back by itself; 0: never (default 10m)",
        default=600.0,
    )

    def settings(self) -> dict[str, str]:
        return {**super().settings(), "guard": f"{self.guard:g}"}

    async def wishes(self, core: Core, view: View, hosts: Sequence[Host], wishes: Wishes) -> None:
        from console.commands.asking import ask_each

        failed: list[HostError] = []

        async def version_for(host: Host) -> tuple[Host, str | None]:
            return host, self.to or await _newest(view, host)

        found = await ask_each(hosts, version_for, failed.append)
        for error in failed:
            wishes.refused.append(Refusal(error.host or "?", "", error.message))
        for host, version in found:
            booted = host.updates.booted
            if version and booted and booted.version == version:
                wishes.idle.append(f"{host.name} runs {version}")
            else:
                wishes.wanted.append(Wanted(host, version or None))


@dataclass(frozen=True)
class HostRollback(Rolled):
    """Roll hosts back to the version before, as their updaters keep it, in waves and through the gate."""

    words = ("host", "rollback")

    def settings(self) -> dict[str, str]:
        return {**super().settings(), "guard": "0"}

    async def wishes(self, core: Core, view: View, hosts: Sequence[Host], wishes: Wishes) -> None:
        for host in hosts:
            back = host.updates.rollback
            if back is None:
                wishes.refuse(host, "it has no version to go back to")
            else:
                wishes.wanted.append(Wanted(host, back.version, back=True))


def _able(hosts: Iterable[Host], view: View, wishes: Wishes) -> list[Host]:
    """The hosts that can be brought to another version; of the others it is said why not."""
    from console.updates.agents import driven_by

    able = []
    for host in hosts:
        if view.fleet.sessions[host.name].config.transport == "local":
            wishes.refuse(host, "this console runs on it")
        elif host.driver is None:
            wishes.refuse(host, "nothing that is known here updates it as a whole")
        elif host.updates.booted is None:
            wishes.refuse(host, host.updates_problem or "its updater does not say what runs")
        elif (agent := driven_by(host.updates)) is not None:
            wishes.refuse(host, f"{agent.name} takes its updates (stop {agent.unit} first)")
        else:
            able.append(host)
    return able


async def _newest(view: View, host: Host) -> str | None:
    """The newest version that a host can have; what runs where there is none; None: not known before."""
    from console.updates.driver import Driver
    from console.updates.updater import updater_of

    assert host.driver is not None
    updater = updater_of(Driver(host.driver), view.fleet.transport(host.name))
    try:
        found = await updater.check()
        if found is not None:
            return found.version
        status = await updater.status()
    except Refused as refused:
        raise HostError(refused.message, host=host.name) from refused
    if status.pending is not None:
        return status.pending.version
    if updater.driver is Driver.UPDATE_ENGINE:
        return None  # to look is to take
    return status.booted.version if status.booted else None


async def drawn(command: Rolled, core: Core, wishes: Wishes, out: Output) -> Drawn:
    """The rollout that brings hosts where they are wanted, and its plan. See `Rolled.drawn`."""
    from console.commands.rollout_run import Drawn, ledger_of
    from console.rollouts.awaiting import Awaiting, ByRollout
    from console.rollouts.ledger import at_work
    from console.rollouts.rollout import new_id

    ledger = ledger_of(core)
    accounts, problems = await ledger.accounts()
    for key, problem in problems.items():
        out.note(f"{key} in etcd {problem}")
    identity = new_id([account.rollout.id for account in accounts])
    awaiting = Awaiting(ledger, identity)
    line = format_command(command)
    if not wishes.wanted:
        if not wishes.refused and not wishes.idle:
            raise NothingSelected("the selection has no host")
        return Drawn(Plan(line, (), tuple(wishes.refused)), None, awaiting)
    if not command.allow_denied:
        await see_denied(core, (one.version for one in wishes.wanted if one.version))
    rollout = _rollout(command, core, identity, line, wishes.wanted)
    if (busy := at_work(accounts, rollout.targets)) is not None:
        raise busy
    waves = rollout.pace()
    steps = tuple(
        Step(
            one.host.name,
            "",
            command.words[1],
            one.now,
            f"{one.version or 'the newest'}, in wave {waves.wave_of(index)} of {len(rollout.waves)}",
            ByRollout(awaiting, one.host.name),
            None,
            f"rollout undo {identity}",
        )
        for index, one in enumerate(wishes.wanted)
    )
    notes = await _notes(core, rollout)
    plan = in_company(Plan(line, steps, tuple(wishes.refused), notes), core)
    return Drawn(plan, rollout, awaiting)


async def see_denied(core: Core, versions: Iterable[str]) -> None:
    """:raises Refused: one of these versions is denied."""
    from console.rollouts.denied import HOST, find_denied

    for version in dict.fromkeys(filter(None, versions)):
        denied = await find_denied(core.mind.etcd, core.mind.keys, HOST, version)
        if denied is not None:
            raise Refused(
                f"{version} is denied by {denied.by}: {denied.why}",
                hint="--allow-denied brings it all the same, `denied remove` for good",
            )


def _rollout(
    command: Rolled,
    core: Core,
    identity: str,
    line: str,
    wanted: Sequence[Wanted],
) -> Rollout:
    from console.rollouts.rollout import Rollout
    from console.rollouts.window import parse_windows

    now = clock.now()
    who = core.audit.who
    return Rollout(
        identity,
        command.rolls,
        line,
        who.actor,
        who.origin,
        now,
        tuple(map(_target, wanted)),
        wave_ends(command.wave or (), len(wanted)),
        command.max_unavailable,
        command.reboot_group or "default",
        parse_windows(command.window) if command.window else (),
        command.window or "",
        core.config.timezone,
        command.settings(),
        since=now,
        undoes=command.undoes,
    )


def _target(one: Wanted) -> Target:
    from console.rollouts.rollout import Target

    facts: Mapping[str, str] = {
        "to": one.version or "",
        "method": "rollback" if one.back else "",
    }
    return Target(one.host.name, one.host.name, {name: value for name, value in facts.items() if value})


async def _notes(core: Core, rollout: Rollout) -> tuple[str, ...]:
    """What a person should know before: how fast it goes, and what holds it up."""
    from console.rollouts.reboot_lock import RebootLock

    lock = await RebootLock(core.mind.etcd, core.mind.keys).find(rollout.group)
    slots = 1 if lock is None else lock.max
    most = rollout.pace(slots).at_most
    notes = [f"{most} at a time at most: the reboot lock {rollout.group} has {slots}"]
    if lock is not None and lock.frozen is not None:
        notes.append(f"the reboot lock {rollout.group} is frozen by {lock.frozen.by}")
    if lock is not None and lock.holders:
        notes.append(f"held now: {'; '.join(holder.words for holder in lock.holders[:4])}")
    if rollout.window_text:
        notes.append(f"hosts begin {rollout.window_text} ({rollout.timezone})")
    if rollout.kind == "host update" and rollout.settings.get("guard") == "0":
        notes.append("no guard: a host that does not come back has to be seen to by hand")
    return tuple(notes)


def _name(deployment: Deployment | None) -> str:
    if deployment is None:
        return "nothing that is known"
    return deployment.version or deployment.id


COMMANDS: tuple[type[Command], ...] = (HostUpdate, HostRollback)
