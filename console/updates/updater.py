"""The updater of ONE host, worked: asked, and told to do things. What each one wants is its driver's to know.

    updater = await find_updater(transport)
    status = await updater.stage(Target(version="1.1"), heard)
    await updater.activate(reboot=True)

Reads go as the user where the updater lets one; everything that changes the host is root's, for as long as it
takes. Nothing here reboots a host unless asked to, and nothing works against an agent on the host that takes
updates by itself, or against work that is under way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from console.errors import Absent, HostFailure, Refused, Unreachable, UsageError
from console.hosts.osfacts import SECTIONS, sections_of
from console.hosts.power import go_down
from console.hosts.transport import Transport
from console.model.deployment import Available, Deployment, UpdateStatus
from console.model.text import clean
from console.updates import agents
from console.updates.driver import (
    PROBE,
    Answer,
    Argv,
    Cleanup,
    Driver,
    Progress,
    Question,
    Target,
    UpdateDriver,
    WayBack,
    driver_of,
)
from console.updates.ostree import OURS
from console.updates.registry import DRIVERS
from console.updates.work import UNIT, work

T = TypeVar("T")

#: Seconds that a download may take before nobody follows it any more.
STAGES_WITHIN = 3600.0
#: A change to the boot order, in seconds: it writes a file or two, on a slow disk.
_CHANGES_WITHIN = 120.0
_LIMIT = 2 * 1024 * 1024
#: What names a version, a commit, a branch or an image, and no option.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+~-]{0,254}\Z")


async def find_updater(transport: Transport) -> Updater:
    """What updates the host.

    :raises Absent: nothing that we know does.
    """
    said = await transport.run(("sh", "-c", f"{PROBE}exit 0"), limit=4096)
    driver = driver_of(frozenset(said.stdout.decode("utf-8", "replace").split()))
    if driver is None:
        raise Absent(
            "nothing updates it as a whole: it has neither rpm-ostree, bootc, ostree nor update_engine",
            host=transport.host,
            hint="update it by its package manager",
        )
    return updater_of(driver, transport)


def updater_of(driver: Driver, transport: Transport) -> Updater:
    """The updater of a host whose driver is known."""
    if driver is Driver.UPDATE_ENGINE:
        from console.updates.engine_updater import EngineUpdater

        return EngineUpdater(DRIVERS[driver], transport)
    return Updater(DRIVERS[driver], transport)


async def answer_to(question: Question, transport: Transport) -> Answer:
    """What a host answers to a question, agents and work of ours with it.

    These first: work that has ended by then has done all of what the question sees.

    :raises HostError: it cannot be asked, or the script failed.
    """
    script = f"{SECTIONS}{agents.SCRIPT}{question.script}exit 0\n"
    argv = ("sh", "-c", script, "sh", *question.arguments)
    end = await transport.run(argv, privileged=question.root, timeout=question.within, limit=_LIMIT)
    if end.code != 0:
        raise HostFailure(clean(end.complaint, 200), host=transport.host)
    return sections_of(end.stdout.decode("utf-8", "replace"))


class Updater:
    """One host's updater. It keeps nothing: each method asks the host anew, and raises `HostError`s."""

    def __init__(self, driver: UpdateDriver, transport: Transport) -> None:
        self._driver = driver
        self._transport = transport

    @property
    def driver(self) -> Driver:
        return self._driver.driver

    @property
    def host(self) -> str:
        return self._transport.host

    async def status(self) -> UpdateStatus:
        """All that the updater says now. :raises HostFailure: that cannot be read."""
        return self._read(await answer_to(self._driver.status, self._transport))

    async def check(self) -> Available | None:
        """Look for an update without staging it. :return: what there is and the host has not."""
        status = await self.status()
        self._ready(status)
        return await self._look(status, Target())

    async def stage(
        self, target: Target, heard: Callable[[Progress], None], *, within: float = STAGES_WITHIN
    ) -> UpdateStatus:
        """Bring a version to the host, so that the next boot takes it.

        Done again it is found, or found done. Where there is nothing new the status has nothing pending.

        :param heard: takes how far it is.
        :param within: seconds to follow it for; it goes on after that.
        :raises Refused: an agent drives the host, it is at other work, or its updater cannot do that.
        :raises Unreachable: the connection went; the work goes on, and `stage` with the same target finds it.
        """
        _check_names(target)
        status = await self.status()
        what = f"stage {target}"
        if not self._is_at(status, target, what):
            if _is_staged(status, target):
                return status
            if status.booted is not None and status.pending is not None and target.is_met_by(status.booted):
                raise Refused(
                    f"it runs {target} already, and its next boot takes {_name(status.pending)}",
                    host=self.host,
                    hint="clean up what is pending",
                )
            self._ready(status)
        found = await self._look(status, target) if target.version is not None else None
        await self._stage(status, target, found, what, heard, within)
        status = await self.status()
        self._check_staged(status, target)
        return status

    async def activate(self, *, reboot: bool = False) -> Deployment:
        """Have the next boot take what is staged.

        :param reboot: and reboot now; the connection goes with the host, its return is the caller's to see.
        :return: what it will be.
        :raises Refused: nothing is staged, it cannot be had without a reboot, or somebody else is at it.
        """
        status = await self.status()
        self._ready(status)
        pending = status.pending
        if pending is None:
            raise Refused("nothing is staged on it", host=self.host, hint="stage a version first")
        if reboot and pending.locked:
            # It may be gone before a command has ended: what unlocks may be what reboots.
            await self._run(self._plan(lambda: self._driver.activate(status, reboot=True)), may_go=True)
        else:
            await self._run(self._plan(lambda: self._driver.activate(status, reboot=False)))
        if reboot:
            await go_down(self._transport, "reboot")
        return pending

    async def rollback(self) -> Deployment:
        """Have the next boot take the version before; what is staged is let go. It does not reboot.

        :return: what it will be.
        :raises Refused: there is no version before.
        """
        status = await self.status()
        self._ready(status)
        back = status.rollback
        if back is None:
            waiting = f", and its next boot takes {_name(status.next)}" if status.pending else ""
            raise Refused(f"it has no version to go back to{waiting}", host=self.host)
        await self._run(self._plan(lambda: self._driver.rollback(status)))
        status = await self.status()
        if status.next is None or status.next.booted:
            raise HostFailure(f"it was to go back to {_name(back)}, and will not", host=self.host)
        return status.next

    def way_back(self, status: UpdateStatus) -> WayBack | None:
        """How it goes back by itself from what it boots next; None where nothing waits, or it cannot."""
        return self._driver.way_back(status) if status.booted is not None else None

    async def pin(self, identity: str, *, keep: bool = True) -> UpdateStatus:
        """Keep a deployment from all clean-ups, or no longer do.

        :param identity: its `id`.
        :raises Refused: its updater pins nothing.
        """
        status = await self.status()
        found = next((one for one in status.deployments if one.id == identity), None)
        if found is None:
            raise Absent(f"it has no deployment {clean(identity, 100)}", host=self.host)
        if found.pinned != keep:
            await self._run(self._plan(lambda: self._driver.pin(status, found, keep=keep)))
            status = await self.status()
        return status

    async def cleanup(self, what: Cleanup) -> UpdateStatus:
        """Take away what is staged, or what a rollback would boot; nothing where there is none.

        :raises Refused: somebody else pinned it, or its updater cannot do that.
        """
        status = await self.status()
        self._ready(status)
        found = status.pending if what is Cleanup.PENDING else status.rollback
        if found is None:
            return status
        unpin: tuple[Argv, ...] = ()
        if found.pinned:
            if status.extra.get(OURS) != found.id:
                raise Refused(f"{_name(found)} is pinned", host=self.host, hint="unpin it first")
            unpin = self._driver.pin(status, found, keep=False)
        await self._run((*unpin, *self._plan(lambda: self._driver.cleanup(status, what))))
        return await self.status()

    # -- how it is done ---------------------------------------------------------------------

    def _is_at(self, status: UpdateStatus, target: Target, what: str) -> bool:
        """Whether the host is staging just this already."""
        now = status.working
        return now is not None and now.by == UNIT and now.what == what

    async def _stage(
        self,
        status: UpdateStatus,
        target: Target,
        found: Available | None,
        what: str,
        heard: Callable[[Progress], None],
        within: float,
    ) -> None:
        commands = self._plan(lambda: self._driver.stage(status, target, found))
        await work(
            self._transport,
            what,
            commands,
            lambda line: heard(self._driver.progress(line)),
            within=within,
            seen=self._is_at(status, target, what),
        )

    def _read(self, answer: Answer) -> UpdateStatus:
        try:
            return agents.completed(self._driver.parse(answer), answer)
        except ValueError as error:
            raise HostFailure(str(error), host=self.host) from error

    async def _look(self, status: UpdateStatus, target: Target) -> Available | None:
        question = self._plan(lambda: self._driver.look(status, target))
        if question is None:
            return None
        answer = await answer_to(question, self._transport)
        try:
            return self._driver.seen(status, target, answer)
        except ValueError as error:
            raise HostFailure(str(error), host=self.host) from error

    def _ready(self, status: UpdateStatus) -> None:
        """:raises Refused: somebody else is at it."""
        if (agent := agents.driven_by(status)) is not None:
            says = f" ({agent.says})" if agent.says else ""
            raise Refused(
                f"{agent.name} takes its updates{says}",
                host=self.host,
                hint=f"stop it first: unit stop {agent.unit} --on {self.host}",
            )
        if status.working is not None:
            by = f", asked for by {status.working.by}" if status.working.by else ""
            raise Refused(
                f"it is at work: {status.working.what}{by}", host=self.host, hint="wait for its end"
            )

    def _plan(self, make: Callable[[], T]) -> T:
        """What the driver plans, with the host in its refusal."""
        try:
            return make()
        except Refused as error:
            raise Refused(error.message, host=self.host, hint=error.hint) from error

    async def _run(self, commands: Sequence[Argv], *, may_go: bool = False) -> None:
        """Run quick commands one after the other, as root.

        :param may_go: whether one of them may take the host down.
        """
        for argv in commands:
            try:
                end = await self._transport.run(argv, privileged=True, timeout=_CHANGES_WITHIN)
            except Unreachable:
                if may_go:
                    return
                raise
            if end.code != 0 and not (may_go and end.code < 0):
                raise HostFailure(f"{argv[0]}: {clean(end.complaint, 200)}", host=self.host)

    def _check_staged(self, status: UpdateStatus, target: Target) -> None:
        """:raises HostFailure: what was asked for is not what the next boot takes."""
        if (target.version is None and target.checksum is None) or target.channel is not None:
            return
        if not _is_staged(status, target):
            raise HostFailure(
                f"{target} was staged, and its next boot takes {_name(status.next)}", host=self.host
            )


def _check_names(target: Target) -> None:
    """:raises UsageError: what names a version would be taken for an option, or is none."""
    for name in (target.version, target.checksum, target.channel):
        if name is not None and not _NAME.match(name):
            raise UsageError(f"not a version, a checksum or a channel: {clean(name, 60)!r}")


def _is_staged(status: UpdateStatus, target: Target) -> bool:
    """Whether the host has it as it is asked for: to boot next, or staged and locked."""
    one = status.staged if target.locked else status.next
    return one is not None and one.locked == target.locked and target.is_met_by(one)


def _name(deployment: Deployment | None) -> str:
    if deployment is None:
        return "nothing"
    return deployment.version or (deployment.checksum or deployment.id)[:12]
