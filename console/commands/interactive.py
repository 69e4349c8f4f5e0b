"""What a person does on a host with their own hands: shells, and commands whose end nobody plans.

    host shell HOST         host exec --on SELECTOR -- CMD…
    container exec NAME --on HOST -- CMD…      container top NAME --on HOST

These write for all that is known: they need what every write needs, and leave a record of who ran what
where. What is typed into a shell is not recorded.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from console.actions.audit import DONE, FAILED, INTERRUPTED
from console.actions.plan import Outcome, Plan, Result, Step
from console.commands.change import Change, confirmed, executed, finish, permit_for, unreached
from console.commands.command import Command, Kind, argument, option, rest, switch
from console.commands.grammar import format_command
from console.commands.parameters import OnHosts
from console.commands.rows.change import PLAN
from console.commands.rows.ran import RAN
from console.commands.values import DURATION
from console.errors import HostError, HostFailure, NothingSelected, RemoteExit, UsageError
from console.model.container import Container
from console.model.selector import NamePatterns, Selector
from console.model.state import Source
from console.model.wants import Wants

if TYPE_CHECKING:
    from console.actions.remote import Ran
    from console.commands.core import Core, View
    from console.commands.output import Output
    from console.hosts.terminal import RemoteTerminal, Size
    from console.hosts.transport import Transport

_COMMAND_S = 60.0
_ONLY_HOST = Wants(units=False, containers=False, os=False)
_ONLY_CONTAINERS = Wants(units=False, os=False)
#: A shell's words for a program that cannot be run, and for one that is not there.
_NO_PROGRAM = (126, 127)
#: docker and podman leave a session at ^P^Q, which would take ^P from whoever types; this is typed by nobody.
_DETACH = "--detach-keys=ctrl-^,ctrl-],ctrl-^"


class Seat(Protocol):
    """The terminal that a person sits at."""

    @property
    def term(self) -> str:
        """What kind of terminal it is, as `$TERM` says it."""

    def size(self) -> Size:
        """How large it is now."""

    async def join(self, remote: RemoteTerminal) -> int:
        """Let them use the remote one until it ends; its exit code.

        The terminal is as it was before whatever happens.

        :raises HostError: the connection was lost.
        """


@dataclass(frozen=True)
class HostShell(Command):
    """Open a shell on one host, over the connection there is; it ends with the shell's own exit code."""

    words = ("host", "shell")
    kind = Kind.WRITE
    name: str = argument("HOST", "one host", required=True)

    async def run(self, core: Core, out: Output) -> None:
        line = format_command(self)
        if _only_planned(
            core, out, line, f"opens a shell on {self.name}; what is typed there is not planned"
        ):
            return
        permit_for(core, line)
        seat = _seated(core, line)
        async with core.observe(Selector.parse(self.name), _ONLY_HOST) as view:
            hosts = list(view.hosts())
            if len(hosts) > 1:
                raise UsageError(f"{self.name} is {len(hosts)} hosts: say one")
            transport = view.fleet.transport(hosts[0].name)

            async def work() -> int:
                return await _joined(seat, transport, ())

            code = await _recorded(core, line, hosts[0].name, work)
        if code:
            raise RemoteExit(code, host=hosts[0].name)


@dataclass(frozen=True)
class _InContainer(OnHosts):
    """Runs something in, or asks it of, one container."""

    kind = Kind.WRITE
    name: str = argument("CONTAINER", "one container, by its name or id", required=True)

    async def run(self, core: Core, out: Output) -> None:
        line = format_command(self)
        if self.on is None:
            raise UsageError(f"{' '.join(self.words)}: say on which host", hint="--on HOST")
        if _only_planned(core, out, line, f"runs in {self.name}; what that does is not planned"):
            return
        permit_for(core, line)
        async with core.observe(self.on, _ONLY_CONTAINERS) as view:
            container = self._container(view)
            transport = view.fleet.transport(container.host)
            target = f"{container.host}/{container.name}"
            code = await _recorded(core, line, target, lambda: self._do(core, out, transport, container))
        if code:
            raise RemoteExit(code, host=container.host)

    def _container(self, view: View) -> Container:
        """The one that is meant. :raises QuarterdeckError: none is, several are, or it does not run."""
        named = NamePatterns.parse((self.name,))
        found = [
            each
            for each in view.fleet.model.containers()
            if named.matches_container(each) and view.includes(each.host)
        ]
        if len(found) > 1:
            listed = ", ".join(sorted(f"{each.host}/{each.name}" for each in found)[:8])
            raise UsageError(f"{self.name} is {len(found)} containers: {listed}", hint="say one")
        if not found:
            for error in view.broken(Source.CONTAINERS):
                raise error
            raise NothingSelected(f"no container matches {self.name}")
        if found[0].state != "running":
            raise HostFailure(f"{found[0].name} does not run: it is {found[0].state}", host=found[0].host)
        return found[0]

    async def _do(self, core: Core, out: Output, transport: Transport, container: Container) -> int:
        raise NotImplementedError


@dataclass(frozen=True)
class ContainerExec(_InContainer):
    """Run a command in one container: on a terminal where there is one, else with nothing on its stdin.

    It ends with the command's own exit code.
    """

    words = ("container", "exec")
    argv: tuple[str, ...] = rest("CMD", "the command", required=True)

    async def _do(self, core: Core, out: Output, transport: Transport, container: Container) -> int:
        engine, root = await engine_command(transport, container)
        if core.seat is not None:
            inside = (*engine, *_on_terminal(core.seat), container.id, *self.argv)
            return await _joined(core.seat, transport, inside, privileged=root)
        inside = (*engine, "exec", container.id, *self.argv)
        return await _streamed(core, out, transport, container, inside, privileged=root)


@dataclass(frozen=True)
class ContainerTop(_InContainer):
    """Show what runs in one container: `top` in it where there is a terminal, else a list of processes."""

    words = ("container", "top")

    async def _do(self, core: Core, out: Output, transport: Transport, container: Container) -> int:
        engine, root = await engine_command(transport, container)
        if core.seat is not None:
            inside = (*engine, *_on_terminal(core.seat), container.id, "top")
            code = await _joined(core.seat, transport, inside, privileged=root)
            if code not in _NO_PROGRAM:
                return code
            out.note("it has no `top` of its own: its processes, as the host sees them")
        return await _streamed(
            core, out, transport, container, (*engine, "top", container.id), privileged=root
        )


@dataclass(frozen=True)
class HostExec(Change):
    """Run a command on many hosts side by side, each with nothing on its stdin.

    What a host says comes with its name in front once the command has ended there. It has failed where
    its exit code is not 0.
    """

    words = ("host", "exec")
    wants: ClassVar[Wants] = _ONLY_HOST
    sudo: bool = switch("run it as root, through the host's `become`")
    within: float = option(DURATION, "how long it may take on a host (default 1m)", default=_COMMAND_S)
    argv: tuple[str, ...] = rest("CMD", "the command, as an argv: no shell reads it", required=True)

    async def draw(self, core: Core, view: View, out: Output) -> Plan:
        return self._plan(view, lambda _: None)

    def _plan(self, view: View, heard: Callable[[Ran], None]) -> Plan:
        from console.actions.remote import HostCommand

        missing = {error.host for error in view.missing}
        act = HostCommand(self.argv, self.sudo, self.within, heard)
        then = f"has run {' '.join(self.argv)}" + (" as root" if self.sudo else "")
        return Plan(
            format_command(self),
            tuple(
                Step(host.name, "", "exec", str(host.state), then, act, touches=())
                for host in view.hosts()
                if host.name not in missing
            ),
            unreached(view.missing),
        )

    async def run(self, core: Core, out: Output) -> None:
        on, wants = await self.reach(core, out)
        if core.options.plan:
            await super().run(core, out)
            return
        permit = permit_for(core, format_command(self))
        async with core.observe(on, wants) as view:
            from console.actions.remote import Ran

            heard: set[str] = set()
            with out.listing(RAN) as add:

                def take(ran: Ran) -> None:
                    heard.add(ran.host)
                    add(ran)

                def told(result: Result) -> None:
                    if result.target not in heard:
                        add(Ran(result.target, None, error=f"{result.status}: {result.detail}"))

                plan = self._plan(view, take)
                await confirmed(core, plan)
                ended = await executed(self.conduct(plan), plan, core, view.fleet.transport, permit, told)
            ended.tell(out)
        finish(ended.results)


# -- how ------------------------------------------------------------------------------------


def _only_planned(core: Core, out: Output, line: str, note: str) -> bool:
    """With `--plan`: say what it would do; whether that was all that was asked for."""
    if core.options.plan:
        out.document(PLAN, Plan(line, (), notes=(note,)))
    return core.options.plan


def _seated(core: Core, line: str) -> Seat:
    if core.seat is None:
        raise UsageError(f"{line}: needs a terminal", hint="`host exec` runs a command without one")
    return core.seat


def _on_terminal(seat: Seat) -> tuple[str, ...]:
    """How docker and podman are told to run something on the terminal that they are on."""
    return ("exec", "-i", "-t", f"--env=TERM={seat.term}", _DETACH)


async def _joined(
    seat: Seat, transport: Transport, argv: tuple[str, ...], *, privileged: bool = False
) -> int:
    from console.hosts.terminal import terminal_on

    async with terminal_on(
        transport, argv, term=seat.term, size=seat.size(), privileged=privileged
    ) as remote:
        return await seat.join(remote)


async def _streamed(
    core: Core,
    out: Output,
    transport: Transport,
    container: Container,
    argv: tuple[str, ...],
    *,
    privileged: bool,
) -> int:
    """Run it with nothing on its stdin: what it writes goes on as it comes, or whole into a document."""
    from dataclasses import replace

    from console.actions.remote import run_to_end

    pipe = core.pipe if core.options.output == "table" else None
    ran = await run_to_end(transport, argv, within=None, privileged=privileged, heard=pipe)
    if pipe is None:
        out.document(RAN, replace(ran, container=container.name))
    else:
        for text in ran.stderr.decode("utf-8", "replace").splitlines():
            out.note(text)
    assert ran.code is not None
    return ran.code


async def engine_command(transport: Transport, container: Container) -> tuple[tuple[str, ...], bool]:
    """The engine's own program, and whether it has to be run as root."""
    from console.hosts.engine_sockets import DOCKER_SOCKET

    if container.engine == "podman":
        return ("podman",), True
    may = await transport.run(("test", "-w", DOCKER_SOCKET))
    return ("docker", "--host", f"unix://{DOCKER_SOCKET}"), may.code != 0


async def _recorded(core: Core, line: str, target: str, work: Callable[[], Awaitable[int]]) -> int:
    """Do `work` with a record of its beginning and its end; the exit code."""
    record = core.audit.begin(line, None)
    began = time.perf_counter()

    def end(outcome: str, status: Outcome, detail: str) -> None:
        result = Result(target, status, detail, round(time.perf_counter() - began, 3))
        core.audit.end(record, outcome, [result])

    try:
        code = await work()
    except asyncio.CancelledError:
        end(INTERRUPTED, Outcome.INTERRUPTED, "")
        raise
    except HostError as error:
        end(FAILED, Outcome.FAILED, error.message)
        raise
    except BaseException as error:
        end(FAILED, Outcome.FAILED, f"a fault of Quarterdeck's own: {type(error).__name__}")
        raise
    end(DONE if code == 0 else FAILED, Outcome.DONE if code == 0 else Outcome.FAILED, f"exit code {code}")
    return code


COMMANDS: tuple[type[Command], ...] = (HostShell, HostExec, ContainerExec, ContainerTop)
