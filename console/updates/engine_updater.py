"""Staging with update_engine: it is told to over its bus, and tells how far it is.

Its daemon does the work whoever goes away, so nothing of ours runs on the host. Where its bus cannot be had,
its client does the same in a unit of ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

from console.errors import AccessRefused, HostFailure
from console.hosts.bus_errors import NotOnBus
from console.hosts.update_engine import UpdateEngineBus, update_engine
from console.model.deployment import Available, UpdateStatus
from console.updates.driver import Progress, Target, progress_of
from console.updates.update_engine_status import ERROR, IDLE, NEED_REBOOT, Operation, operation
from console.updates.updater import Updater
from console.updates.work import work

#: It tells each percent, or at least this often, in seconds; after as long again it is asked.
_TELLS_EVERY_S = 10.0


class EngineUpdater(Updater):
    """See `Updater`."""

    def _is_at(self, status: UpdateStatus, target: Target, what: str) -> bool:
        newest = target == Target() and status.working is not None
        return newest or super()._is_at(status, target, what)

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
        if target.version is not None:
            await super()._stage(status, target, found, what, heard, within)
            return
        async with AsyncExitStack() as stack:
            try:
                engine = await stack.enter_async_context(update_engine(self._transport))
                before = operation(*await engine.status())
            except (NotOnBus, AccessRefused):
                # Its client may reach it where we do not.
                await work(
                    self._transport, what, commands, lambda line: heard(progress_of(line)), within=within
                )
                return
            if before.name == NEED_REBOOT:
                return
            if before.rests:
                await engine.attempt()
            try:
                async with asyncio.timeout(within):
                    await self._follow(engine, before, heard)
            except TimeoutError:
                raise HostFailure(
                    f"it has not updated within {within:g} s, and goes on", host=self.host
                ) from None

    async def _follow(
        self, engine: UpdateEngineBus, before: Operation, heard: Callable[[Progress], None]
    ) -> None:
        """Until it rests again.

        It looks for an update a moment after it was told to. Whoever only joins may have missed what it did,
        so a look that ended since, or a second silence at rest, is an end too.
        """
        worked = not before.rests
        failed = False
        silent = 0
        while True:
            now = operation(*await engine.changed(_TELLS_EVERY_S))
            percent = round(100 * now.progress, 1) if now.name == "DOWNLOADING" else None
            words = [now.name.lower().replace("_", " "), now.version or ""]
            heard(Progress(" ".join(words).strip(), percent))
            if now.name == NEED_REBOOT:
                return
            failed = failed or now.name == ERROR
            worked = worked or not now.rests
            silent = silent + 1 if now.name == IDLE else 0
            if now.name == IDLE and failed:
                raise HostFailure("update_engine failed", host=self.host, hint="its journal tells why")
            if now.name == IDLE and (worked or now.checked > before.checked or silent > 1):
                return
