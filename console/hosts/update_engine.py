"""update_engine over a host's system bus.

Source: update_engine's update_engine.xml and dbus_constants.h. Introspection is denied even to those whom its
policy lets call it, so nothing is introspected: the calls and their signatures stand here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from console.errors import HostError
from console.hosts.bus import DBUS, DBUS_PATH, Bus, Call, Signal, system_bus
from console.hosts.transport import Transport

SERVICE = "com.coreos.update1"
PATH = "/com/coreos/update1"
INTERFACE = "com.coreos.update1.Manager"
#: When it last checked (seconds), progress 0 to 1, operation, version, size in bytes.
STATUS = "xdssx"
_RULE = f"type='signal',sender='{SERVICE}',path='{PATH}',interface='{INTERFACE}',member='StatusUpdate'"

Status = tuple[int, float, str, str, int]


class UpdateEngineBus:
    """The update_engine of one host, as root. Made by `update_engine`, which closes it."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._told: asyncio.Queue[Status | HostError] = asyncio.Queue()
        bus.on_signal = self._take

    async def subscribe(self) -> None:
        """Begin to hear of its status. :raises NotOnBus: there is no update_engine."""
        await self._bus.call(Call(DBUS, DBUS_PATH, DBUS, "AddMatch", "s", (_RULE,)))

    async def status(self) -> Status:
        """Its status now."""
        return _status(await self._bus.call(Call(SERVICE, PATH, INTERFACE, "GetStatus", expect=STATUS)))

    async def attempt(self) -> None:
        """Have it look for an update and take what there is; it does so by itself, whoever goes away."""
        await self._bus.call(Call(SERVICE, PATH, INTERFACE, "AttemptUpdate"))

    async def reset(self) -> None:
        """Have it forget that it updated."""
        await self._bus.call(Call(SERVICE, PATH, INTERFACE, "ResetStatus"))

    async def changed(self, within: float) -> Status:
        """The next status that it tells by itself, or its status after so many seconds without a word.

        :raises HostError: the connection ended.
        """
        try:
            async with asyncio.timeout(within):
                told = await self._told.get()
        except TimeoutError:
            return await self.status()
        if isinstance(told, HostError):
            raise told
        return told

    async def watch(self) -> None:
        """Have whoever waits for a change hear of the connection's end."""
        try:
            await self._bus.wait_closed()
        except HostError as error:
            self._told.put_nowait(error)

    def _take(self, signal: Signal) -> None:
        if signal.member == "StatusUpdate" and signal.interface == INTERFACE and signal.signature == STATUS:
            self._told.put_nowait(_status(signal.body))


def _status(body: list[Any]) -> Status:
    checked, progress, operation, version, size = body
    return checked, progress, operation, version, size


@asynccontextmanager
async def update_engine(transport: Transport) -> AsyncIterator[UpdateEngineBus]:
    """The host's update_engine, for a command that writes.

    :raises HostError: the bus cannot be had, or there is no update_engine on it.
    """
    async with system_bus(transport, privileged=True) as bus:
        engine = UpdateEngineBus(bus)
        await engine.subscribe()
        watching = asyncio.create_task(engine.watch(), name=f"{transport.host}: update_engine's bus")
        try:
            yield engine
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
