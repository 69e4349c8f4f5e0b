"""What is done to a host's version of its operating system: staged, booted, confirmed, gone back from.

Each of these may be done twice: it finds what is done already. None of them does anything in another boot
than the one that it was meant for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from console.errors import HostFailure, Refused
from console.hosts.power import reboot_from
from console.updates import guard
from console.updates.driver import Cleanup, Driver, Progress, Target, WayBack
from console.updates.updater import Updater, updater_of

if TYPE_CHECKING:
    from console.actions.hands import Hands
    from console.model.deployment import UpdateStatus

_T = TypeVar("_T")

#: What is said of a host whose new version has no guard of ours.
NO_GUARD = "it did not come along"


@dataclass(slots=True)
class StageVersion:
    """Brings a version to the host.

    :param heard: takes how far it is.
    :ivar status: what the updater said once it was done; None before.
    """

    driver: Driver
    target: Target
    heard: Callable[[Progress], None] = field(repr=False, compare=False)
    status: UpdateStatus | None = field(default=None, init=False, repr=False, compare=False)

    async def check(self, hands: Hands) -> str | None:
        return None

    async def do(self, hands: Hands) -> str:
        updater = updater_of(self.driver, hands.transport)
        self.status = status = await told(updater.stage(self.target, self.heard))
        pending = status.pending
        if pending is None:
            raise HostFailure(f"{self.target}: there is nothing that it has not", host=hands.host)
        return f"{pending.version or pending.id} is staged"


@dataclass(frozen=True, slots=True)
class ArmGuard:
    """Has the host go back by itself from what it boots next. See `guard.arm`."""

    name: str
    way: WayBack
    boot: str
    within: float

    async def check(self, hands: Hands) -> str | None:
        return None  # the host itself looks which boot it is in, with what it does then

    async def do(self, hands: Hands) -> str:
        await told(guard.arm(hands.transport, self.name, self.way, boot=self.boot, within=self.within))
        return f"it goes back by itself {self.within:g} s after its boot"


@dataclass(frozen=True, slots=True)
class BootNext:
    """Reboots the host into what it is to boot; its return is not waited for.

    :param identity: the deployment that it boots.
    :param back: whether that is the one that a rollback boots, which is put first before.
    """

    driver: Driver
    identity: str
    boot: str
    back: bool = False

    async def check(self, hands: Hands) -> str | None:
        return None  # as above

    async def do(self, hands: Hands) -> str:
        updater = updater_of(self.driver, hands.transport)
        if self.back:
            await _put_first(updater, self.identity)
        status = await updater.status()
        if status.next is None or status.next.id != self.identity or status.next.booted:
            raise HostFailure("what it boots next is not what it was to be", host=hands.host)
        await told(reboot_from(hands.transport, self.boot))
        return ""


@dataclass(frozen=True, slots=True)
class LetGo:
    """Takes away what is staged, and the guard that was armed for it; the host stays as it is.

    :param driver: None: nothing has been staged.
    :param identity: the deployment that may be taken away; None: none.
    """

    driver: Driver | None
    name: str
    identity: str | None

    async def check(self, hands: Hands) -> str | None:
        return None

    async def do(self, hands: Hands) -> str:
        await guard.disarm(hands.transport, self.name)
        if self.driver is not None and self.identity is not None:
            updater = updater_of(self.driver, hands.transport)
            pending = (await updater.status()).pending
            if pending is not None and pending.id == self.identity:
                await told(updater.cleanup(Cleanup.PENDING))
        return ""


@dataclass(frozen=True, slots=True)
class ProlongGuard:
    """Has the guard wait for so many seconds from now."""

    name: str
    within: float

    async def check(self, hands: Hands) -> str | None:
        return None

    async def do(self, hands: Hands) -> str:
        there = await guard.prolong(hands.transport, self.name, self.within)
        return f"for {self.within:g} s" if there else NO_GUARD


@dataclass(frozen=True, slots=True)
class ConfirmVersion:
    """Takes the guard away: the version that runs has proved itself, or is the one before."""

    name: str

    async def check(self, hands: Hands) -> str | None:
        return None

    async def do(self, hands: Hands) -> str:
        await guard.disarm(hands.transport, self.name)
        return ""


async def _put_first(updater: Updater, identity: str) -> None:
    """Have the next boot take what a rollback boots, unless it does by now. Done twice some undo it."""
    status = await updater.status()
    if status.next is not None and status.next.id == identity:
        return
    if status.rollback is None or status.rollback.id != identity:
        raise HostFailure("what a rollback boots is not what it was to be", host=updater.host)
    await told(updater.rollback())


async def told(doing: Awaitable[_T]) -> _T:
    """:raises HostFailure: what its updater refuses, as a step's failure."""
    try:
        return await doing
    except Refused as refused:
        raise HostFailure(refused.message, host=refused.host, hint=refused.hint) from refused
