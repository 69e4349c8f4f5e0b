"""Changes to one host's units: jobs, signals, unit files. As root, for as long as a command takes.

Sources: org.freedesktop.systemd1(5). A job is done when systemd says `JobRemoved`, with how it ended;
the signal is subscribed to before the job is made, so that none is missed.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from console.errors import Absent, HostError, HostFailure
from console.hosts.bus import DBUS, DBUS_PATH, Bus, Call, Reply, Signal, system_bus
from console.hosts.manager import SystemdManager
from console.hosts.transport import Transport
from console.hosts.unit_wire import MANAGER, PATH, SERVICE
from console.model.text import clean
from console.model.unit_facts import UnitFacts

_RULE = f"type='signal',sender='{SERVICE}',path='{PATH}',interface='{MANAGER}',member='JobRemoved'"
_METHODS = {
    "start": "StartUnit",
    "stop": "StopUnit",
    "restart": "RestartUnit",
    "try-restart": "TryRestartUnit",
    "reload": "ReloadUnit",
}
#: Results of jobs whose number nobody has asked for yet; a job may end before its number is told.
_ENDED_KEPT = 256
_RELOAD_TIMEOUT = 60.0


class UnitControl:
    """The systemd of one host, open for changes. Made by `unit_control`, which closes it.

    Unit names are whole. Every method raises `HostError`s.
    """

    def __init__(self, bus: Bus, transport: Transport) -> None:
        self._bus = bus
        self._transport = transport
        self.manager = SystemdManager(bus, transport)
        self._waiting: dict[str, asyncio.Future[str]] = {}
        self._ended: OrderedDict[str, str] = OrderedDict()
        self._deaf: HostError | None = None  # why the end of a job would not be heard
        bus.on_signal = self._take

    @property
    def host(self) -> str:
        return self._bus.host

    def subscribe(self) -> None:
        """Begin to hear how jobs end.

        The answers are not waited for: what one connection sends is taken in its order, so a job that is
        asked for later is heard of. A refusal is told to whoever asks for one.
        """

        def answered(reply: Reply) -> None:
            self._deaf = self._deaf or reply.error

        self._bus.post(Call(DBUS, DBUS_PATH, DBUS, "AddMatch", "s", (_RULE,)), answered)
        self._bus.post(Call(SERVICE, PATH, MANAGER, "Subscribe"), answered)

    async def facts(self, name: str) -> UnitFacts:
        """One unit now. :raises Absent: systemd neither knows it nor can load it."""
        found: list[UnitFacts] = []
        await self.manager.facts([name], lambda _, facts: found.append(facts))
        if not found or (found[0].load == "not-found" and not found[0].up):
            raise Absent(f"no unit {clean(name, 80)}", host=self.host)
        return found[0]

    # -- jobs -------------------------------------------------------------------------------

    async def job(self, verb: str, name: str, *, within: float) -> str:
        """Have systemd do a job on a unit, and wait for its end.

        :param verb: start, stop, restart, try-restart or reload.
        :param within: seconds to wait; the job goes on after that.
        :return: systemd's word for how it ended: done, canceled, timeout, failed, dependency or skipped.
        """
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        path = ""

        def numbered(body: list[Any]) -> None:
            nonlocal path
            path = str(body[0])
            if (result := self._ended.pop(path, None)) is not None:
                ended.set_result(result)
            else:
                self._waiting[path] = ended

        call = Call(SERVICE, PATH, MANAGER, _METHODS[verb], "ss", (name, "replace"), "o")
        try:
            await self._bus.call(call, answered=numbered)
            if self._deaf is not None:
                raise self._deaf
            return await self._end_of(ended, verb, within)
        finally:
            self._waiting.pop(path, None)

    async def _end_of(self, ended: asyncio.Future[str], verb: str, within: float) -> str:
        """The end of a job; or of the connection, which would never tell it."""
        closed = asyncio.create_task(self._closed(), name=f"{self.host}: bus of a job")
        try:
            either: set[asyncio.Future[Any]] = {ended, closed}
            await asyncio.wait(either, timeout=within, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                return ended.result()
            if closed.done():
                closed.result()
            raise HostFailure(
                f"the {verb} has not ended within {within:g} s, and goes on",
                host=self.host,
                hint="`unit why` tells what it waits for",
            )
        finally:
            closed.cancel()
            await asyncio.gather(closed, return_exceptions=True)

    async def _closed(self) -> None:
        await self._bus.wait_closed()

    def _take(self, signal: Signal) -> None:
        if signal.member != "JobRemoved" or signal.signature != "uoss":
            return
        _, path, _, result = signal.body
        waiting = self._waiting.get(path)
        if waiting is None:
            self._ended[path] = clean(result, 64)
            while len(self._ended) > _ENDED_KEPT:
                self._ended.popitem(last=False)
        elif not waiting.done():
            waiting.set_result(clean(result, 64))

    # -- the rest ---------------------------------------------------------------------------

    async def kill(self, name: str, whom: str, signal: int) -> None:
        """Send a signal to the processes of a unit: `main`, `control` or `all` of them."""
        await self._bus.call(Call(SERVICE, PATH, MANAGER, "KillUnit", "ssi", (name, whom, signal)))

    async def reset_failed(self, name: str) -> None:
        """Have systemd forget that it failed, and how often it was restarted."""
        await self._bus.call(Call(SERVICE, PATH, MANAGER, "ResetFailedUnit", "s", (name,)))

    async def enable(self, names: Sequence[str]) -> bool:
        """Enable unit files, and reload. :return: whether they say how (an [Install] section)."""
        body = await self._bus.call(
            Call(SERVICE, PATH, MANAGER, "EnableUnitFiles", "asbb", (list(names), False, False), "ba(sss)")
        )
        await self.reload()
        return bool(body[0])

    async def disable(self, names: Sequence[str]) -> None:
        await self._files("DisableUnitFiles", "asb", (list(names), False))

    async def mask(self, names: Sequence[str]) -> None:
        await self._files("MaskUnitFiles", "asbb", (list(names), False, False))

    async def unmask(self, names: Sequence[str]) -> None:
        await self._files("UnmaskUnitFiles", "asb", (list(names), False))

    async def _files(self, member: str, signature: str, body: tuple[Any, ...]) -> None:
        await self._bus.call(Call(SERVICE, PATH, MANAGER, member, signature, body, "a(sss)"))
        await self.reload()

    async def reload(self) -> None:
        """Have systemd read its unit files anew."""
        await self._bus.call(Call(SERVICE, PATH, MANAGER, "Reload"), timeout=_RELOAD_TIMEOUT)


@asynccontextmanager
async def unit_control(transport: Transport) -> AsyncIterator[UnitControl]:
    """The host's systemd over a bus of its own, as root. :raises HostError: it cannot be had."""
    async with system_bus(transport, privileged=True) as bus:
        control = UnitControl(bus, transport)
        control.subscribe()
        yield control
