"""Whether a container that was just started proves itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.actions.containers import says
from console.errors import Absent

if TYPE_CHECKING:
    from console.hosts.engine_control import EngineControl
    from console.model.container import Container

#: Seconds, where nothing else was said.
HOLD_S, TIMEOUT_S = 10.0, 600.0

_LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Gate:
    """How long it must be well without a break, and how long it may take until it has been. Seconds."""

    hold: float = HOLD_S
    timeout: float = TIMEOUT_S

    async def passed(self, engine: EngineControl, container: str) -> str | None:
        """None once it has proved itself; otherwise why it did not.

        Well is: its health check says healthy or, without one, it runs. It fails at once when it ends, is
        restarted, or its check says unhealthy.
        """
        loop = asyncio.get_running_loop()
        end, well_since = loop.time() + self.timeout, None
        first: Container | None = None
        while True:
            try:
                now = await engine.inspect(container)
            except Absent:
                return "it has ended, and is gone"
            first = first or now
            if why := _failed(first, now):
                return why
            if now.health in (None, "healthy"):
                well_since = well_since if well_since is not None else loop.time()
                if loop.time() - well_since >= self.hold:
                    return None
            else:
                well_since = None
            if loop.time() > end:
                return f"it is {says(now)} after {self.timeout:g} s"
            await asyncio.sleep(min(_LOOK_EVERY_S, self.hold or _LOOK_EVERY_S))


def _failed(first: Container, now: Container) -> str | None:
    if now.state != "running":
        return f"it is {says(now)}"
    if now.health == "unhealthy":
        return "its health check says unhealthy"
    if now.restarts > first.restarts or now.pid != first.pid:
        return "it has died, and was restarted"
    return None
