"""`service update|rollback`: services brought to another revision, instance by instance, as a rollout."""

from __future__ import annotations

import shlex
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from console.commands import clock
from console.commands.change import Planned, confirmed, finish, permit_for, refusing, tell_idle
from console.commands.command import Command, Recall, argument, option, switch
from console.commands.grammar import format_command
from console.commands.rollout_options import goes_by, see_options
from console.commands.rows.change import PLAN, RESULT
from console.commands.service_change import at_desk, written
from console.commands.values import DURATION, IMAGE, INTEGER, WAVES, text
from console.errors import Conflict, NothingSelected, Refused, UsageError
from console.model.image import Reference

if TYPE_CHECKING:
    from console.actions.plan import Plan
    from console.commands.core import Core
    from console.commands.host_rollout import Rolled
    from console.commands.output import Output
    from console.commands.rollout_run import Drawn
    from console.commands.service_desk import Desk
    from console.commands.service_shift import Shift
    from console.engine.manifest import Manifest
    from console.engine.services import Service
    from console.model.memory import Denied
    from console.placement.spec import Spec


@dataclass(frozen=True)
class RolledServices(Planned):
    """A rollout over the instances of services."""

    recall = Recall.WRITE
    rolls: ClassVar[str] = "service rollback"  # the kind of the rollout

    wave: tuple[str, ...] | None = option(
        WAVES, "in waves, cumulative: 1,25%,100%; each begins once the one before is well"
    )
    max_unavailable: int = option(INTEGER, "so many instances changed at a time (default 1)", default=1)
    gate: float = option(
        DURATION, "how long an instance has to run well in one go (default 10s)", default=10.0
    )
    gate_timeout: float = option(DURATION, "how long that may take (default 10m)", default=600.0)
    within: float = option(
        DURATION,
        "how long one may take to be stopped and started, or its host not answer (default 5m)",
        default=300.0,
    )
    check: str | None = option(
        text("COMMAND"), "a command on an instance's host that says by exit code 0 it is well"
    )
    window: str | None = option(
        text("WINDOW"), "when they may begin, in the fleet's timezone: 22:00-04:00, 'sat,sun 10:00-16:00'"
    )
    stop_first: bool = switch("start no spare instance before the first is stopped")
    allow_denied: bool = switch("bring also a revision that was rolled back or denied before")
    no_wait: bool = switch("write it down and leave it to an engine")

    @abstractmethod
    async def shifts(self, core: Core, desk: Desk, out: Output) -> list[Shift]:
        """The services, and what each is to be; those that are so already are told and left out."""

    @property
    def undoes(self) -> str | None:
        """The rollout that it takes back."""
        return None

    def check_options(self) -> None:
        """:raises UsageError: they cannot be kept to."""
        if self.max_unavailable == 0:
            raise UsageError("with none at a time nothing is changed", hint="--max-unavailable 1")
        see_options(self)

    async def planned(self, core: Core, out: Output) -> Plan:
        self.check_options()
        async with at_desk(core, out) as desk:
            shifts = await self.shifts(core, desk, out)
            return (await self._drawn(core, desk, shifts, out)).plan

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.rollout_run import begun

        if core.options.plan:
            out.document(PLAN, await self.planned(core, out))
            return
        self.check_options()
        line = format_command(self)
        permit = permit_for(core, line)
        async with at_desk(core, out) as desk:
            with refusing(core, line):
                shifts = await self.shifts(core, desk, out)
                drawn = await self._drawn(core, desk, shifts, out)
            if not drawn.plan.steps:
                out.note("nothing to do")
                return
            await confirmed(core, drawn.plan)
            if drawn.rollout is not None:
                await self._kept(core, desk, shifts)
                await begun(core, desk.view, out, permit, drawn, wait=not self.no_wait)
                return
            with out.listing(RESULT) as add:
                results = await written(core, drawn.plan, permit, out, add)
        finish(results)

    async def _drawn(self, core: Core, desk: Desk, shifts: Sequence[Shift], out: Output) -> Drawn:
        """What it will do: a rollout, or where nothing of the services runs, a change of what they are.

        :raises Refused: a revision is denied, or another rollout is at work on one of the services.
        """
        from console.commands.rollout_run import Drawn, ledger_of
        from console.commands.service_shift import checked, drawn, laid, runs
        from console.rollouts.awaiting import Awaiting
        from console.rollouts.ledger import at_work
        from console.rollouts.rollout import Rollout, new_id
        from console.rollouts.window import parse_windows

        ledger = ledger_of(core)
        accounts, problems = await ledger.accounts()
        awaiting = Awaiting(ledger, new_id([account.rollout.id for account in accounts]))
        idle = [shift.name for shift in shifts if not runs(shift, desk.manifest)]
        if len(idle) == len(shifts):
            return Drawn(_at_once(self, core, desk, shifts), None, awaiting)
        if idle:
            raise UsageError(
                f"nothing of {', '.join(idle)} runs, and of the others something does",
                hint="change them one by one",
            )
        for shift in shifts:
            checked(shift)
        if not self.allow_denied:
            await see_denied_revisions(core, [f"{shift.name} {shift.revision}" for shift in shifts])
        for key, problem in problems.items():
            out.note(f"{key} in etcd {problem}")
        plan = laid(desk, shifts, self.wave or (), stop_first=self.stop_first)
        if (busy := at_work(accounts, plan.targets)) is not None:
            raise busy
        if not plan.targets:
            return Drawn(_at_once(self, core, desk, shifts), None, awaiting)
        who, now = core.audit.who, clock.now()
        rollout = Rollout(
            awaiting.identity,
            self.rolls,
            format_command(self),
            who.actor,
            who.origin,
            now,
            plan.targets,
            plan.waves,
            self.max_unavailable,
            "default",
            parse_windows(self.window) if self.window else (),
            self.window or "",
            core.config.timezone,
            goes_by(self),
            since=now,
            undoes=self.undoes,
        )
        return drawn(rollout, awaiting, self.words[1], plan.notes)

    async def _kept(self, core: Core, desk: Desk, shifts: Sequence[Shift]) -> None:
        """Have etcd know the revisions that it does not know yet; no instance is to be one of them so far."""
        for shift in shifts:
            if not shift.new:
                continue
            number = await desk.store.keep(
                shift.spec, at=clock.now(), by=core.audit.who.actor, line=format_command(self)
            )
            if number != shift.revision:
                raise Conflict(f"{shift.name} has another revision {shift.revision} by now", hint="try again")


@dataclass(frozen=True)
class ServiceUpdate(RolledServices):
    """Bring services to another revision, instance by instance; one that does not prove itself goes back.

    A revision is the unit file with all that is in it: image, drop-in, placement. Where a change needs a
    restart, one instance more is started first and taken away at the end, so that none is missed. What is
    given are unit files of services, or one service and a file, or services and an image.
    """

    words = ("service", "update")
    rolls = "service update"
    names: tuple[str, ...] = argument(
        "SERVICE|UNITFILE", "services, and unit files that they are to be", many=True, required=True
    )
    image: Reference | None = option(IMAGE, "the image of their container, instead of files", short="-i")

    async def shifts(self, core: Core, desk: Desk, out: Output) -> list[Shift]:
        found: list[Shift] = []
        idle: list[str] = []
        for service, spec in self._specs(desk.manifest):
            for warning in spec.warnings:
                out.note(str(warning))
            shift = await _shift(desk, service, spec)
            if shift is None:
                idle.append(f"{service.name} is revision {service.revision}")
            else:
                found.append(shift)
        tell_idle(out, idle)
        return found

    def _specs(self, manifest: Manifest) -> list[tuple[Service, Spec]]:
        """Each service, and the text that it is to be."""
        from console.commands.service_names import is_file, named, one_service, read_spec, read_specs
        from console.placement.spec import parse_spec
        from console.placement.unit_image import with_image

        if self.image is not None:
            image = str(self.image)
            return [
                (one, parse_spec(with_image(one.spec.text, image), Path(one.name), one.name))
                for one in named(self.names, manifest)
            ]
        if len(self.names) == 2 and is_file(self.names[1]):
            path = Path(self.names[1]).expanduser()
            if path.name not in manifest.services:
                service = one_service(self.names[0], manifest)
                return [(service, read_spec(path, name=service.name))]
        for word in self.names:
            if not is_file(word):
                raise UsageError(
                    f"{word} is no unit file, and it is not said what it is to be",
                    hint="`service update SERVICE FILE`, or --image",
                )
        specs = read_specs(self.names)
        for spec in specs:
            if spec.name not in manifest.services:
                raise NothingSelected(f"there is no service {spec.name} yet", hint="`service start FILE`")
        return [(manifest.services[spec.name], spec) for spec in specs]


@dataclass(frozen=True)
class ServiceRollback(RolledServices):
    """Have a service be an earlier revision again, instance by instance: the one before, or the one named."""

    words = ("service", "rollback")
    name: str = argument("SERVICE", "one service", required=True)
    to: int | None = option(INTEGER, "the revision's number (`service history`)")

    async def shifts(self, core: Core, desk: Desk, out: Output) -> list[Shift]:
        from console.commands.service_names import one_service
        from console.commands.service_shift import Shift

        service = one_service(self.name, desk.manifest)
        revisions = {one.number: one.unit for one in await desk.store.revisions(service.name)}
        to = await self._before(core, service, revisions) if self.to is None else self.to
        if to is None or to not in revisions:
            has = ", ".join(map(str, revisions))
            which = "no earlier revision" if to is None else f"no revision {to}"
            raise NothingSelected(f"{service.name} has {which}", hint=f"it has {has}")
        if to == service.revision and not service.given:
            tell_idle(out, [f"{service.name} is revision {to}"])
            return []
        return [Shift(service, to, spec_of(service, revisions[to]))]

    async def _before(self, core: Core, service: Service, revisions: Iterable[int]) -> int | None:
        """The revision before: of one that is on its way between two, what it is as a whole.

        One that was rolled back or denied is passed over: nobody means that.
        """
        if service.given:
            return service.revision
        for number in sorted(revisions, reverse=True):
            if number < service.revision and (
                self.allow_denied or await _denied(core, f"{service.name} {number}") is None
            ):
                return number
        return None


@dataclass(frozen=True)
class ServicesUndone(RolledServices):
    """`rollout undo` of a rollout of services: what it has changed goes to the revision before."""

    words = ("rollout", "undo")
    id: str = argument("ID", "of the rollout", required=True)

    @classmethod
    def of(cls, asked: Rolled) -> ServicesUndone:
        """The same line, of services; what is said of hosts alone counts for nothing.

        :raises UsageError: it is said of hosts.
        """
        if asked.on is not None or asked.boot_complete or asked.reboot_group is not None:
            raise UsageError("it is a rollout of services: no host is chosen, and none rebooted")
        own = {one.name for one in fields(cls)}
        said = {one.name: getattr(asked, one.name) for one in fields(asked) if one.name in own}
        # What was not said is for services as it is for services.
        usual = {one.name: one.default for one in fields(asked)}
        return cls(**{name: value for name, value in said.items() if value != usual[name]})

    @property
    def undoes(self) -> str | None:
        return self.id

    async def shifts(self, core: Core, desk: Desk, out: Output) -> list[Shift]:
        from console.commands.rollout_run import ledger_of
        from console.commands.service_shift import Shift

        account = await ledger_of(core).account(self.id)
        changed = [
            target
            for target in account.rollout.targets
            if (found := account.progress.get(target.id)) is not None
            and found.end == "done"
            and "spare" not in target.facts
        ]
        if not changed:
            raise NothingSelected(f"{self.id} has changed nothing that could be taken back")
        made: list[Shift] = []
        for name in dict.fromkeys(target.facts["service"] for target in changed):
            own = [target for target in changed if target.facts["service"] == name]
            before = {int(target.facts["from"]) for target in own}
            service = desk.manifest.services.get(name)
            if service is None:
                out.note(f"there is no service {name} any more")
                continue
            if len(before) > 1:
                raise Refused(
                    f"the instances of {name} were of several revisions before",
                    hint=f"`service rollback {name} --to N` says which all are to be",
                )
            (to,) = before
            texts = {one.number: one.unit for one in await desk.store.revisions(name)}
            only = frozenset(target.id for target in own)
            made.append(Shift(service, to, spec_of(service, texts[to]), only=only))
        return made


def spec_of(service: Service, unit: str) -> Spec:
    """A text as a spec of a service."""
    from console.placement.spec import parse_spec

    return parse_spec(unit, Path(service.name), service.name)


async def see_denied_revisions(core: Core, versions: Iterable[str]) -> None:
    """:raises Refused: one of them is denied. :param versions: `web@.service 4`."""
    for version in versions:
        if (denied := await _denied(core, version)) is not None:
            name, _, number = version.partition(" ")
            raise Refused(
                f"revision {number} of {name} is denied by {denied.by}: {denied.why}",
                hint="--allow-denied brings it all the same, `denied remove` for good",
            )


async def _denied(core: Core, version: str) -> Denied | None:
    """What is said of a revision; None: it is not denied."""
    from console.model.memory import SERVICE
    from console.rollouts.denied import find_denied

    return await find_denied(core.mind.etcd, core.mind.keys, SERVICE, version)


async def _shift(desk: Desk, service: Service, spec: Spec) -> Shift | None:
    """What a text is to a service; None: it is that, all of it."""
    from console.commands.service_shift import Shift
    from console.engine.services import next_revision

    if spec.text == service.spec.text:
        return Shift(service, service.revision, spec) if service.given else None
    last = next(reversed(await desk.store.revisions(service.name)), None)
    number, new = next_revision(last, spec.text)
    return Shift(service, number, spec, new)


def _at_once(command: RolledServices, core: Core, desk: Desk, shifts: Sequence[Shift]) -> Plan:
    """The plan that has services be of their revisions, where nothing runs that could be rolled."""
    from console.commands.service_desk import Wish, drawn, wished

    line = format_command(command)
    wishes = []
    for shift in shifts:
        service = shift.service
        doing = partial(desk.store.change, service, revision=shift.revision)
        if shift.new:
            doing = partial(
                desk.store.submit,
                shift.spec,
                desired=service.desired,
                at=clock.now(),
                by=core.audit.who.actor,
                line=line,
            )
        wishes.append(
            Wish(
                service,
                wished(service, shift.spec, shift.revision, service.desired),
                command.words[1],
                doing,
                shlex.join(["service", "rollback", service.name, f"--to={service.revision}"]),
            )
        )
    return drawn(line, desk, wishes)


COMMANDS: tuple[type[Command], ...] = (ServiceUpdate, ServiceRollback)
