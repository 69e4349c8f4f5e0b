"""What can be done to a container: values that check first, then do, then look at what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.actions.boot import boot_id
from console.errors import Absent, HostFailure
from console.model.container import Container

if TYPE_CHECKING:
    from console.actions.hands import Hands
    from console.hosts.engine_control import EngineControl

#: A daemon calls a start done as soon as the process runs; one that dies at once is seen after this.
SETTLE_S = 0.3
#: What a daemon does after it has answered, it does within so many seconds.
_LATE_S = 10.0
_LOOK_EVERY_S = 0.1
#: One that dies over and over is seen between two lives within so many seconds.
_NEXT_LIFE_S = 2.0

#: Words of a container's state that are the same class to a plan: one that crashes over and over is
#: running and restarting in turn.
_CLASSES = {
    "running": "up",
    "restarting": "up",
    "created": "down",
    "exited": "down",
    "dead": "down",
}


def state_class(state: str) -> str:
    """up, down, or the daemon's own word: paused, removing, …"""
    return _CLASSES.get(state, state)


def says(container: Container) -> str:
    """A container's state for a person: `running, healthy`, `exited (3)`."""
    if container.exit_code is not None and state_class(container.state) == "down":
        return f"{container.state} ({container.exit_code})"
    return f"{container.state}, {container.health}" if container.health else container.state


@dataclass(frozen=True, slots=True)
class ContainerStamp:
    """What a plan saw of a container, to be seen again just before its step.

    :param engine: docker or podman.
    :param boot: the host's boot id; None where it was not looked up: then it is not compared.
    """

    id: str
    engine: str
    state: str
    boot: str | None = None

    def moved(self, container: Container, boot: str | None) -> str | None:
        """What is different now; None if nothing is."""
        if self.boot is not None and boot != self.boot:
            return "the host has rebooted since the plan"
        if state_class(container.state) != self.state:
            return f"it is {says(container)} now, and was {self.state} when planned"
        return None


@dataclass(frozen=True, slots=True)
class OnContainer:
    """An act on one container, which is looked at just before."""

    name: str
    stamp: ContainerStamp

    async def check(self, hands: Hands) -> str | None:
        engine = await hands.engine(self.stamp.engine)
        boot = await boot_id(hands.transport) if self.stamp.boot is not None else None
        try:
            found = await engine.inspect(self.stamp.id)
        except Absent:
            return "the container of the plan is gone"
        return self.stamp.moved(found, boot)

    async def _engine(self, hands: Hands) -> EngineControl:
        return await hands.engine(self.stamp.engine)


@dataclass(frozen=True, slots=True)
class ContainerStart(OnContainer):
    """Starts one that does not run."""

    async def do(self, hands: Hands) -> str:
        engine = await self._engine(hands)
        await engine.start(self.stamp.id)
        return await _settled(engine, self.stamp.id)


@dataclass(frozen=True, slots=True)
class ContainerStop(OnContainer):
    """Stops one: its stop signal, and KILL after `grace` seconds (None: as it is configured).

    :param patience: seconds that all of it may take.
    """

    grace: float | None
    patience: float

    async def do(self, hands: Hands) -> str:
        engine = await self._engine(hands)
        await engine.stop(self.stamp.id, grace=self.grace, patience=self.patience)
        try:
            found = await _until(engine, self.stamp.id, lambda now: state_class(now.state) == "down")
        except Absent:
            return "and it is gone: it was made to be removed when it stops"
        if state_class(found.state) != "down":
            by = f": {found.unit} has started it" if found.unit else ""
            raise HostFailure(f"it is {says(found)}{by}", host=hands.host)
        return f"exit code {found.exit_code}" if found.exit_code else ""


@dataclass(frozen=True, slots=True)
class ContainerRestart(OnContainer):
    """Stops and starts one, as `ContainerStop` and `ContainerStart` do."""

    grace: float | None
    patience: float

    async def do(self, hands: Hands) -> str:
        engine = await self._engine(hands)
        await engine.restart(self.stamp.id, grace=self.grace, patience=self.patience)
        return await _settled(engine, self.stamp.id)


@dataclass(frozen=True, slots=True)
class ContainerKill(OnContainer):
    """Sends a signal, `KILL`, to its main process. After KILL that process is seen to end."""

    signal: str

    async def do(self, hands: Hands) -> str:
        engine = await self._engine(hands)
        before = await engine.inspect(self.stamp.id)
        await engine.kill(self.stamp.id, self.signal)
        if self.signal != "KILL":
            return ""
        try:
            found = await _until(engine, self.stamp.id, lambda now: now.pid != before.pid)
        except Absent:
            return "and it is gone: it was made to be removed when it stops"
        if found.pid == before.pid:
            raise HostFailure(f"it is {says(found)} {_LATE_S:g} s after", host=hands.host)
        return "" if state_class(found.state) == "down" else f"and it is {says(found)} again"


@dataclass(frozen=True, slots=True)
class ContainerPause(OnContainer):
    """Freezes its processes."""

    async def do(self, hands: Hands) -> str:
        engine = await self._engine(hands)
        await engine.pause(self.stamp.id)
        return await _seen(engine, self.stamp.id, "paused")


@dataclass(frozen=True, slots=True)
class ContainerUnpause(OnContainer):
    """Lets frozen processes go on."""

    async def do(self, hands: Hands) -> str:
        engine = await self._engine(hands)
        await engine.unpause(self.stamp.id)
        return await _seen(engine, self.stamp.id, "running")


@dataclass(frozen=True, slots=True)
class ContainerRemove(OnContainer):
    """Deletes it, and what was written in it.

    :param force: kill it first if it runs.
    :param volumes: its anonymous volumes too.
    """

    force: bool
    volumes: bool

    async def do(self, hands: Hands) -> str:
        engine = await self._engine(hands)
        await engine.remove(self.stamp.id, force=self.force, volumes=self.volumes)
        try:
            found = await _until(engine, self.stamp.id, lambda _: False)
        except Absent:
            return ""
        raise HostFailure(f"it is still there: {says(found)}", host=hands.host)


async def _settled(engine: EngineControl, container: str) -> str:
    """How a container does that was just started; `HostFailure` if it is not up."""
    await asyncio.sleep(SETTLE_S)
    try:
        found = await engine.inspect(container)
    except Absent:
        return "it has ended, and is gone: it was made to be removed when it stops"
    if found.state == "running" and not found.restarts:
        return ""
    if state_class(found.state) == "down" and found.exit_code == 0 and not found.error:
        return "it ran, and has ended with exit code 0"
    if found.state == "running":
        # Between two lives it says how the last one ended.
        found = await _until(engine, container, lambda now: now.state != "running", within=_NEXT_LIFE_S)
    code = f" with exit code {found.exit_code}" if found.exit_code is not None else ""
    if state_class(found.state) == "up":
        raise HostFailure(f"it died at once{code}, and is being restarted", host=engine.host)
    said = f": {found.error}" if found.error else ""
    raise HostFailure(f"it died at once{code}{said}; it is {says(found)}", host=engine.host)


async def _seen(engine: EngineControl, container: str, state: str) -> str:
    found = await _until(engine, container, lambda now: now.state == state)
    if found.state != state:
        raise HostFailure(f"it is {says(found)}, and not {state}", host=engine.host)
    return ""


async def _until(
    engine: EngineControl, container: str, wanted: Callable[[Container], bool], *, within: float = _LATE_S
) -> Container:
    """The container once it is as wanted, or `within` seconds later; `Absent` once it is gone."""
    end = asyncio.get_running_loop().time() + within
    while True:
        found = await engine.inspect(container)
        if wanted(found) or asyncio.get_running_loop().time() > end:
            return found
        await asyncio.sleep(_LOOK_EVERY_S)
