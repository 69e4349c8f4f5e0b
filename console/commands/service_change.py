"""`service submit|load|start|stop|unload|destroy`: what a service is to be, in fleet's words.

The desired state is written to etcd; an engine carries it out, and the command waits for that.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from console.commands.change import Planned, confirmed, executed, finish, permit_for
from console.commands.command import Command, Recall, Shape, argument, option, switch
from console.commands.grammar import format_command
from console.commands.rows.change import PLAN, RESULT
from console.commands.service_drawing import Drawn, to_be
from console.commands.values import INTEGER
from console.errors import InternalError, UsageError

if TYPE_CHECKING:
    from console.actions.hands import Permit
    from console.actions.plan import Plan, Result
    from console.commands.core import Core
    from console.commands.output import Output
    from console.commands.service_desk import Desk
    from console.commands.service_wait import Before, Progress
    from console.hosts.transport import Transport


#: Of fleetctl: how long one of its attempts at seeing a unit in its state took (fleetctl.go). Seconds.
_ATTEMPT_S = 2.0

#: A file that says something else is the next revision, also without being told; nothing is signed.
_REPLACES = {"--replace": Shape.SWITCH, "--sign": Shape.SWITCH}


@asynccontextmanager
async def at_desk(core: Core, out: Output) -> AsyncIterator[Desk]:
    """What is desired and the live hosts; what cannot be read of it is told.

    :raises StoreError: etcd does not say.
    """
    from console.commands.service_desk import WANTS, open_desk

    async with core.observe(None, WANTS) as view:
        desk = await open_desk(core, view)
        for key, problem in desk.manifest.problems.items():
            out.note(f"{key} in etcd {problem}")
        yield desk


@dataclass(frozen=True)
class ServiceChange(Planned):
    """A command that changes what is desired. It needs no `--on`: the scheduler says where."""

    recall = Recall.WRITE

    @abstractmethod
    async def draw(self, core: Core, desk: Desk, out: Output) -> Drawn:
        """What it will do. Changes nothing."""

    def waits(self) -> bool:
        """Whether it is over only when the services are what they are to be."""
        return False

    def patience(self, core: Core) -> float | None:
        """For how many seconds it waits; None: for as long as it takes."""
        return core.options.timeout

    async def planned(self, core: Core, out: Output) -> Plan:
        async with at_desk(core, out) as desk:
            return (await self.draw(core, desk, out)).plan

    async def run(self, core: Core, out: Output) -> None:
        if core.options.plan:
            out.document(PLAN, await self.planned(core, out))
            return
        permit = permit_for(core, format_command(self))
        async with at_desk(core, out) as desk:
            drawn = await self.draw(core, desk, out)
            acts = bool(drawn.plan.steps or drawn.plan.refused)
            if acts:
                await confirmed(core, drawn.plan)
            else:
                out.note("nothing to do")
                if not (drawn.services and self.waits()):
                    return
            from console.commands.service_wait import before

            were = before(desk.manifest, desk.view, drawn.services)
            with out.listing(RESULT) as add:
                results = await written(core, drawn.plan, permit, out, add) if acts else ()
                results += await self._ending(core, desk, drawn, were, results, out, add)
        finish(results)

    async def _ending(
        self,
        core: Core,
        desk: Desk,
        drawn: Drawn,
        were: Sequence[Before],
        written: Iterable[Result],
        out: Output,
        add: Callable[[Result], None],
    ) -> tuple[Result, ...]:
        from console.commands.service_desk import NO_ENGINE
        from console.commands.service_wait import wait

        if not self.waits():
            if not desk.manifest.engine and any(step.touches for step in drawn.plan.steps):
                out.note(NO_ENGINE)
            return ()
        # What could not be written is not desired, and will not come.
        failed = {result.target for result in written if not result.status.good}
        if (progress := self.progress(desk, drawn, were, failed)) is None:
            return ()
        told = {refusal.target for refusal in drawn.plan.refused}
        engine_comes = False
        async with AsyncExitStack() as stack:
            if core.options.engine and not desk.manifest.engine:
                from console.commands.engine_here import engine_beside

                engine_comes = True
                await stack.enter_async_context(engine_beside(core, format_command(self), out.note))
            results = await wait(
                desk.store, desk.view, progress, self.patience(core), out, told, engine_comes=engine_comes
            )
        for result in results:
            add(result)
        return results

    def progress(
        self, desk: Desk, drawn: Drawn, were: Sequence[Before], failed: Collection[str]
    ) -> Progress | None:
        """What tells how far it is; None where there is nothing to wait for.

        :param were: what was placed of the services before it was written.
        :param failed: targets of the plan that were not written.
        """
        from console.commands.service_wait import progress

        names = {name for name in drawn.services if f"etcd/services/{name}" not in failed}
        if not names:
            return None
        return partial(progress, desk.view, names, were)


async def written(
    core: Core, plan: Plan, permit: Permit, out: Output, add: Callable[[Result], None]
) -> tuple[Result, ...]:
    """Carry out a confirmed plan that writes to etcd alone; what takes it back is told."""
    from console.actions.run import Conduct

    ended = await executed(Conduct(at_once=1), plan, core, _no_host, permit, add)
    ended.tell(out)
    if ended.undo:
        line = ended.undo[0] if len(ended.undo) == 1 else f"audit undo {ended.record.id}"
        out.note(f"to undo it: quarterdeck {line}")
    return ended.results


def _no_host(host: str) -> Transport:
    raise InternalError(f"{host} is no host")


@dataclass(frozen=True)
class Waiting(ServiceChange):
    """One that waits until what is desired is so."""

    engine_helps = True
    no_wait: bool = switch("do not wait until it is so; else --timeout says for how long")

    def waits(self) -> bool:
        return not self.no_wait

    async def run(self, core: Core, out: Output) -> None:
        if self.no_wait and core.options.engine:
            raise UsageError("--engine runs one while it waits", hint="leave out --no-wait")
        await super().run(core, out)


@dataclass(frozen=True)
class _Blocking(Waiting):
    """One that fleetctl had too, with its own words for how long it waits."""

    spellings: ClassVar[dict[str, str]] = {"--no-block": "--no-wait"}
    block_attempts: int | None = option(
        INTEGER, "as fleetctl had it: wait so many times 2 s, with 0 for ever; not --timeout"
    )

    def patience(self, core: Core) -> float | None:
        if self.block_attempts is None:
            return super().patience(core)
        return self.block_attempts * _ATTEMPT_S or None


@dataclass(frozen=True)
class ServiceSubmit(ServiceChange):
    """Make unit files known as services, or a service's next revision; nothing new is started.

    A service that runs goes over to its next revision.
    """

    words = ("service", "submit")
    aliases = (("submit",),)
    taken = _REPLACES
    files: tuple[str, ...] = argument("UNITFILE", "unit files (docs/spec.md)", many=True, required=True)
    with_removal: bool = switch("add what has an exclusive service's container be gone with it")

    async def draw(self, core: Core, desk: Desk, out: Output) -> Drawn:
        from console.commands.service_names import Meant, read_specs

        specs = read_specs(self.files, removing=self.with_removal)
        meant = [Meant(desk.manifest.services.get(spec.name), spec) for spec in specs]
        return await to_be(self, core, desk, meant, None, out)


@dataclass(frozen=True)
class _Toward(_Blocking):
    """Brings services to a desired state, submitting those that are named by their files."""

    names: tuple[str, ...] = argument(
        "SERVICE", "services, or unit files that are submitted first", many=True, required=True
    )
    taken = _REPLACES
    desired: ClassVar[str]

    async def draw(self, core: Core, desk: Desk, out: Output) -> Drawn:
        from console.commands.service_names import meant
        from console.engine.services import Desired

        return await to_be(self, core, desk, meant(self.names, desk.manifest), Desired(self.desired), out)


@dataclass(frozen=True)
class ServiceLoad(_Toward):
    """Have services placed and written to their hosts, and not running."""

    words = ("service", "load")
    aliases = (("load",),)
    desired = "loaded"


@dataclass(frozen=True)
class ServiceStart(_Toward):
    """Have services run, and wait until all their instances do."""

    words = ("service", "start")
    aliases = (("start",),)
    desired = "launched"


@dataclass(frozen=True)
class _Back(_Blocking):
    """Takes services back to a desired state."""

    names: tuple[str, ...] = argument("SERVICE", "services: names or globs", many=True, required=True)
    desired: ClassVar[str]

    async def draw(self, core: Core, desk: Desk, out: Output) -> Drawn:
        from console.commands.service_desk import in_words
        from console.commands.service_names import Meant, named
        from console.engine.services import Desired

        found = named(self.names, desk.manifest)
        # What is placed nowhere is not placed to be stopped.
        idle = [one for one in found if one.desired is Desired.INACTIVE]
        acting = [Meant(one, one.spec) for one in found if one not in idle]
        told = [f"{one.name} is {in_words(one)}" for one in idle]
        return await to_be(self, core, desk, acting, Desired(self.desired), out, idle=told)


@dataclass(frozen=True)
class ServiceStop(_Back):
    """Stop services; their instances stay placed, so that a start finds them where they were."""

    words = ("service", "stop")
    aliases = (("stop",),)
    desired = "loaded"


@dataclass(frozen=True)
class ServiceUnload(_Back):
    """Stop services and take them off their hosts; they stay known."""

    words = ("service", "unload")
    aliases = (("unload",),)
    desired = "inactive"


@dataclass(frozen=True)
class ServiceDestroy(_Blocking):
    """Stop services, take them off their hosts, and forget them with all their revisions."""

    words = ("service", "destroy")
    aliases = (("destroy",),)
    names: tuple[str, ...] = argument("SERVICE", "services: names or globs", many=True, required=True)

    async def draw(self, core: Core, desk: Desk, out: Output) -> Drawn:
        from console.commands.service_desk import Wish, drawn
        from console.commands.service_names import named
        from console.engine.services import Desired

        wishes = [
            Wish(
                service,
                replace(service, desired=Desired.INACTIVE),
                "destroy",
                partial(desk.store.destroy, service),
                then=f"gone, with its {service.revision} revision{'' if service.revision == 1 else 's'}",
            )
            for service in named(self.names, desk.manifest)
        ]
        plan = replace(drawn(format_command(self), desk, wishes), grave=True)
        return Drawn(plan, [wish.name for wish in wishes])


COMMANDS: tuple[type[Command], ...] = (
    *(ServiceSubmit, ServiceLoad, ServiceStart),
    *(ServiceStop, ServiceUnload, ServiceDestroy),
)
