"""The `units` source: a host's systemd, told as it changes.

    match, subscribe, list ──▶ details of what is not at rest ──▶ UnitsListed
    signals ──▶ table ──▶ UnitsChanged, at most one in `Timing.coalesce` seconds
    Reloading(false), systemd started anew ──▶ list again ──▶ UnitsListed

The match rules are narrow: of a restart's twenty signals with their kilobyte each, only those about
`Unit` and `Service` properties come over the wire, and none for jobs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from console.errors import HostError, HostFailure
from console.hosts.bus import DBUS, PROPERTIES, Bus, Signal, system_bus
from console.hosts.bus_errors import NotOnBus
from console.hosts.groups import Group
from console.hosts.manager import SystemdManager
from console.hosts.source import Emit
from console.hosts.transport import Transport
from console.hosts.unit_table import Question, UnitTable
from console.hosts.unit_wire import MANAGER, PATH, RESULT_INTERFACE, SERVICE, UNIT, UnitRow, unit_name
from console.model.unit import Unit

_UNIT_CHANGES = (
    f"type='signal',sender='{SERVICE}',path_namespace='{PATH}/unit',"
    f"interface='{PROPERTIES}',member='PropertiesChanged',arg0='{{}}'"
)
_MANAGER_SIGNAL = f"type='signal',sender='{SERVICE}',path='{PATH}',interface='{MANAGER}',member='{{}}'"

MATCH_RULES = (
    f"type='signal',sender='{DBUS}',interface='{DBUS}',member='NameOwnerChanged',arg0='{SERVICE}'",
    _MANAGER_SIGNAL.format("Reloading"),
    _MANAGER_SIGNAL.format("UnitNew"),
    _MANAGER_SIGNAL.format("UnitRemoved"),
    # Result and NRestarts ride on the service's own interface, just before the unit's.
    _UNIT_CHANGES.format(RESULT_INTERFACE["service"]),
    _UNIT_CHANGES.format(UNIT),
)


@dataclass(frozen=True, slots=True)
class Timing:
    """All in seconds.

    `coalesce`: no two events are closer together; the first after a quiet time comes at once.
    `ping_every`, `ping_timeout`: how systemd is found hanging. `reload_timeout`: the same while it
    reads its files, which may run slow generators. `return_timeout`: for how long systemd may be
    off the bus, which it is after either of the two was started anew.
    """

    coalesce: float = 0.01
    ping_every: float = 15.0
    ping_timeout: float = 5.0
    reload_timeout: float = 90.0
    return_timeout: float = 5.0


class UnitsSource:
    """Follows the units of one host; see `SourceRun`.

    :param details: whether `result`, `restarts` and `since` are asked for every unit at once; else
        only for those that are not at rest, and learnt of the others when they change.
    """

    def __init__(self, host: str, *, details: bool = False, timing: Timing = Timing()) -> None:
        self._host = host
        self._details = details
        self._timing = timing
        self._manager: SystemdManager | None = None
        self._known: Mapping[str, Unit] = {}

    @property
    def manager(self) -> SystemdManager | None:
        """For questions on demand, over the connection that is there anyway; None while there is none."""
        return self._manager

    async def run(self, transport: Transport, emit: Emit, live: Callable[[], None]) -> NoReturn:
        async with system_bus(transport) as bus:
            manager = SystemdManager(bus, transport)
            table = UnitTable(self._host, details=self._details, before=self._known)
            self._manager = manager
            try:
                await _Feed(bus, manager, table, self._timing, emit, live).run()
            finally:
                self._manager = None
                self._known = table.units or self._known


class _Feed:
    """Between the bus, the table and whoever is told."""

    def __init__(
        self,
        bus: Bus,
        manager: SystemdManager,
        table: UnitTable,
        timing: Timing,
        emit: Emit,
        live: Callable[[], None],
    ) -> None:
        self._bus = bus
        self._manager = manager
        self._table = table
        self._timing = timing
        self._emit = emit
        self._live = live
        self._owner: str | None = None  # systemd's unique name; only its signals count
        self._owned = asyncio.Event()
        self._lives = 0  # how often systemd came to the bus
        self._questions: list[Question] = []
        self._work = asyncio.Event()  # there is something to ask
        self._news = asyncio.Event()  # there may be something to publish

    async def run(self) -> NoReturn:
        self._bus.on_signal = self._take
        try:
            async with Group() as group:
                for job in (self._ask, self._publish, self._ping):
                    group.create_task(job(), name=f"{self._manager.host}: units: {job.__name__}")
                await self._bus.wait_closed()
        except BaseExceptionGroup as several:
            causes = [error for error in several.exceptions if isinstance(error, HostError)]
            raise (causes or several.exceptions)[0] from None

    # -- signals ----------------------------------------------------------------------------

    def _take(self, signal: Signal) -> None:
        if signal.sender != self._owner:
            # Anybody on the host can send us a signal; only the bus says who systemd is.
            if signal.sender == DBUS and signal.member == "NameOwnerChanged" and signal.signature == "sss":
                self._owner_changed(*signal.body)
            return
        self._heard(signal)
        self._news.set()
        if self._table.wants_list or self._table.unknown:
            self._work.set()

    def _heard(self, signal: Signal) -> None:
        table = self._table
        match signal.member, signal.signature:
            case "PropertiesChanged", "sa{sv}as":
                name = unit_name(signal.path)
                if name is not None:
                    table.changed(name, *signal.body)
            case "UnitNew", "so":
                if unit_name(signal.body[1]) == signal.body[0]:
                    table.appeared(signal.body[0])
            case "UnitRemoved", "so":
                table.disappeared(signal.body[0])
            case "Reloading", "b":
                table.reload(signal.body[0])

    def _owner_changed(self, name: str, old: str, new: str) -> None:
        if name != SERVICE:
            return
        if new:
            self._came(new)
            self._table.restarted()
            self._work.set()
        else:
            self._owner = None
            self._owned.clear()

    def _came(self, owner: str) -> None:
        self._owner = owner
        self._owned.set()
        self._lives += 1

    # -- questions --------------------------------------------------------------------------

    async def _ask(self) -> NoReturn:
        await self._through_a_restart(lambda: self._manager.follow(MATCH_RULES, self._came, self._listed))
        self._news.set()
        while True:
            await self._work.wait()
            self._work.clear()
            await self._owned.wait()
            await self._through_a_restart(self._ask_once)
            self._news.set()
            # What comes in a burst is asked together.
            await asyncio.sleep(self._timing.coalesce)

    async def _ask_once(self) -> None:
        table, manager = self._table, self._manager
        if table.wants_list:
            await manager.listing(self._listed)
        if names := table.take_unknown():
            await manager.find(names, lambda rows: table.found(names, rows))
        if questions := self._questions:
            self._questions = []
            try:
                await manager.read(questions, table.answered)
            finally:
                table.settled({name for name, _, _ in questions})

    def _listed(self, rows: list[UnitRow]) -> None:
        self._table.listed(rows)

    async def _through_a_restart(self, ask: Callable[[], Awaitable[None]]) -> None:
        """Ask; if systemd left the bus meanwhile, wait for it to come back, and have it list anew."""
        lives = self._lives
        try:
            await ask()
        except (HostFailure, NotOnBus):
            if not self._bus.is_open or (self._owner is not None and self._lives == lives):
                raise
            try:
                async with asyncio.timeout(self._timing.return_timeout):
                    await self._owned.wait()
            except TimeoutError:
                pass
            else:
                self._work.set()
                return
            raise

    # -- events -----------------------------------------------------------------------------

    async def _publish(self) -> NoReturn:
        now = asyncio.get_running_loop().time
        told_live = False
        while True:
            try:
                async with asyncio.timeout_at(self._table.due):
                    await self._news.wait()
            except TimeoutError:
                pass  # a verdict is due
            self._news.clear()
            if questions := self._table.take_questions():
                self._questions += questions
                self._work.set()
            event = self._table.publish(now())
            if event:
                self._emit(event)
                if not told_live:
                    told_live = True
                    self._live()
            due = self._table.due
            if event or (due is not None and due <= now()):
                await asyncio.sleep(self._timing.coalesce)

    # -- liveness ---------------------------------------------------------------------------

    async def _ping(self) -> NoReturn:
        while True:
            await asyncio.sleep(self._timing.ping_every)
            await self._through_a_restart(self._ping_once)

    async def _ping_once(self) -> None:
        reloading = self._table.reloading
        timeout = self._timing.reload_timeout if reloading else self._timing.ping_timeout
        try:
            await self._manager.ping(timeout)
        except HostFailure:
            if reloading or not self._table.reloading:
                raise
        if reloading and self._table.reloading:
            # It answers, so it is done; that it said so may have been lost with its old connection.
            self._table.reload(False)
            self._work.set()
