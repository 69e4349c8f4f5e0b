"""Questions to one host's systemd, over its bus. Asking changes nothing on the host.

What the calls do is in org.freedesktop.systemd1(5); two things are not said there:

- Every object path below `/org/freedesktop/systemd1/unit/` can be asked, and a unit that is not in
  memory is loaded for it. ListUnitsByPatterns only looks at what is there, and it compares patterns
  without escapes, so that a unit's name is a pattern for itself.
- The bus allows 128 calls without an answer on one connection, and refuses the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from console.errors import Absent, HostError, HostFailure
from console.hosts.bus import DBUS, DBUS_PATH, PEER, PROPERTIES, Bus, Call, Reply
from console.hosts.transport import Transport
from console.hosts.unit_facts import dependencies_of, facts_of
from console.hosts.unit_health import first_sight
from console.hosts.unit_wire import (
    MANAGER,
    PATH,
    ROWS,
    SERVICE,
    UNIT,
    UnitRow,
    is_unit_name,
    plain,
    unit_path,
    unit_rows,
)
from console.model.text import clean
from console.model.unit import Unit, UnitDependencies
from console.model.unit_facts import UnitFacts

LIST_TIMEOUT = 30.0
PING_TIMEOUT = 5.0

#: Calls sent before the first answer is waited for; the bus's own limit is 128.
_WINDOW = 64

#: A unit file with its drop-ins is at most this long, in bytes.
_FILE_LIMIT = 1024 * 1024

_JOB = f"{SERVICE}.Job"
_SUBSCRIBED = "org.freedesktop.systemd1.AlreadySubscribed"

_SUBSCRIBE = Call(SERVICE, PATH, MANAGER, "Subscribe")
_LIST = Call(SERVICE, PATH, MANAGER, "ListUnits", expect=ROWS)


def get(name: str, interface: str, member: str) -> Call:
    """The call that reads one property of a unit."""
    return Call(SERVICE, unit_path(name), PROPERTIES, "Get", "ss", (interface, member), "v")


def _nothing(body: list[Any]) -> None:
    """For calls whose answer says no more than that they were done."""


class SystemdManager:
    """The systemd of one host, as the user the transport is.

    Unit names are whole (`web.service`, not `web`). Every method raises `HostError`s.
    """

    def __init__(self, bus: Bus, transport: Transport) -> None:
        self._bus = bus
        self._transport = transport

    @property
    def host(self) -> str:
        return self._bus.host

    # -- the whole --------------------------------------------------------------------------

    async def list_units(self) -> tuple[Unit, ...]:
        """All units in memory, as `systemctl list-units --all` has them.

        Their health is judged by their states alone; `result`, `restarts`, `since` are None.
        """
        rows: list[UnitRow] = []
        await self.listing(rows.extend)
        return tuple(Unit(self.host, *row, health=first_sight(row.active, row.sub).health) for row in rows)

    async def listing(self, listed: Callable[[list[UnitRow]], None]) -> None:
        """Subscribe, which is harmless when it was done before, and ask for all units.

        :param listed: takes them at once, before any signal that came after them.
        """
        await self._together([(_SUBSCRIBE, _nothing), (_LIST, lambda body: listed(self._rows(body)))])

    async def follow(
        self, rules: Iterable[str], owned: Callable[[str], None], listed: Callable[[list[UnitRow]], None]
    ) -> None:
        """Begin to hear of every change: match, subscribe, list, in that order and in one round trip.

        :param rules: match rules.
        :param owned: takes the unique name that systemd has on the bus.
        :raises NotOnBus: systemd is not there.
        """
        await self._together(
            [
                *((Call(DBUS, DBUS_PATH, DBUS, "AddMatch", "s", (rule,)), _nothing) for rule in rules),
                (
                    Call(DBUS, DBUS_PATH, DBUS, "GetNameOwner", "s", (SERVICE,), "s"),
                    lambda body: owned(body[0]),
                ),
                (_SUBSCRIBE, _nothing),
                (_LIST, lambda body: listed(self._rows(body))),
            ]
        )

    async def find(self, names: Sequence[str], found: Callable[[list[UnitRow]], None]) -> None:
        """Ask which of some units are in memory, and how they are; `found` as in `listing`."""
        call = Call(SERVICE, PATH, MANAGER, "ListUnitsByPatterns", "asas", ([], list(names)), ROWS)
        await self._together([(call, lambda body: found(self._rows(body)))])

    def _rows(self, body: list[Any]) -> list[UnitRow]:
        try:
            return unit_rows(body[0])
        except ValueError as error:
            raise HostFailure(f"systemd lists {error}", host=self.host) from error

    async def ping(self, timeout: float = PING_TIMEOUT) -> None:
        """Whether systemd itself, not only the bus, still answers.

        :raises HostFailure: it does not.
        """
        try:
            await self._bus.call(Call(SERVICE, PATH, PEER, "Ping"), timeout=timeout)
        except HostFailure as error:
            if not self._bus.is_open:
                raise
            raise HostFailure("systemd does not answer", host=self.host) from error

    async def read(
        self, wanted: Iterable[tuple[str, str, str]], told: Callable[[str, str, Any], None]
    ) -> None:
        """Read many properties, each `(unit, interface, property)`, with many calls on their way at once.

        :param told: takes (unit, property, value) in the order of the wire; the value is None
            where the host has no such property or no longer such a unit.
        """

        def taker(name: str, member: str) -> Callable[[Reply], None]:
            def take(reply: Reply) -> None:
                told(name, member, reply.body[0].value if reply.error is None else None)

            return take

        calls = [(get(name, interface, member), taker(name, member)) for name, interface, member in wanted]
        for start in range(0, len(calls), _WINDOW):
            await self._window(calls[start : start + _WINDOW])

    async def _together(self, steps: Sequence[tuple[Call, Callable[[list[Any]], None]]]) -> None:
        """Send some calls at once; the first error, if any, is raised when all are answered."""
        errors: list[HostError] = []

        def taker(take: Callable[[list[Any]], None]) -> Callable[[Reply], None]:
            def taken(reply: Reply) -> None:
                if reply.error is None:
                    take(reply.body)
                elif reply.name != _SUBSCRIBED:
                    errors.append(reply.error)

            return taken

        await self._window([(call, taker(take)) for call, take in steps])
        if errors:
            raise errors[0]

    async def _window(self, calls: list[tuple[Call, Callable[[Reply], None]]]) -> None:
        """Send some calls and wait for all their answers."""
        left = len(calls)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def counted(take: Callable[[Reply], None]) -> Callable[[Reply], None]:
            def count(reply: Reply) -> None:
                nonlocal left
                take(reply)
                left -= 1
                if left == 0 and not done.done():
                    done.set_result(None)

            return count

        tickets = [self._bus.post(call, counted(take)) for call, take in calls]
        try:
            async with asyncio.timeout(LIST_TIMEOUT):
                await done
        except TimeoutError:
            raise HostFailure(
                f"systemd left {left} of {len(calls)} questions without an answer", host=self.host
            ) from None
        finally:
            for ticket in tickets:
                self._bus.forget(ticket)
        if not self._bus.is_open:
            await self._bus.wait_closed()

    # -- one unit ---------------------------------------------------------------------------

    async def properties(self, name: str) -> dict[str, Any]:
        """All properties of a unit, of `Unit` and of its type's interface, as `systemctl show` has them.

        Values are as JSON has them (byte arrays as hex text). Times and spans are integers of
        microseconds; 2**64-1 stands for infinity or not set, as in systemd. Strings are as the
        host has them: make them safe before showing them.

        :raises Absent: systemd neither knows it nor can load it.
        """
        known = await self._is_known(name)
        body = await self._bus.call(Call(SERVICE, unit_path(name), PROPERTIES, "GetAll", "s", ("",), "a{sv}"))
        values: dict[str, Any] = plain(body[0])
        if not known and values.get("LoadState") == "not-found":
            raise self._no_such(name)
        return values

    async def dependencies(self, name: str) -> UnitDependencies:
        """What a unit needs, orders and triggers, and what does so to it.

        :raises Absent: systemd neither knows it nor can load it.
        """
        known = await self._is_known(name)
        body = await self._bus.call(
            Call(SERVICE, unit_path(name), PROPERTIES, "GetAll", "s", (UNIT,), "a{sv}")
        )
        values: dict[str, Any] = plain(body[0])
        if not known and values.get("LoadState") == "not-found":
            raise self._no_such(name)
        return dependencies_of(self.host, name, values)

    async def facts(self, names: Iterable[str], told: Callable[[str, UnitFacts], None]) -> None:
        """What plans need to know of units, with many questions on their way at once.

        A name that is no unit's is left out. A unit that is not there has `load` "not-found".

        :param told: takes (name as asked, facts) in the order of the wire.
        """

        def taker(name: str) -> Callable[[Reply], None]:
            def take(reply: Reply) -> None:
                if reply.error is None:
                    told(name, facts_of(self.host, name, reply.body[0]))

            return take

        calls = [
            (Call(SERVICE, unit_path(name), PROPERTIES, "GetAll", "s", (UNIT,), "a{sv}"), taker(name))
            for name in names
            if is_unit_name(name)
        ]
        for start in range(0, len(calls), _WINDOW):
            await self._window(calls[start : start + _WINDOW])

    async def job_of(self, name: str) -> str | None:
        """What systemd is about to do with a unit, or is doing: start, stop, …; None if nothing."""
        body = await self._bus.call(get(name, UNIT, "Job"))
        match body[0].value:
            case [0, *_]:
                return None
            case [int(number), *_]:
                path = f"{PATH}/job/{number}"
            case _:
                raise HostFailure("systemd says of no job what it is", host=self.host)
        try:
            body = await self._bus.call(Call(SERVICE, path, PROPERTIES, "Get", "ss", (_JOB, "JobType"), "v"))
        except Absent:
            return None  # it has just ended
        return clean(str(body[0].value), 32)

    async def boot(self) -> str:
        """What tells this boot of the host from another: when its userspace started, in microseconds."""
        call = Call(SERVICE, PATH, PROPERTIES, "Get", "ss", (MANAGER, "UserspaceTimestamp"), "v")
        return str((await self._bus.call(call))[0].value)

    async def _is_known(self, name: str) -> bool:
        """Whether a unit is in memory, be it only as something that others name."""
        if not is_unit_name(name):
            raise Absent(
                f"{clean(name, 80)!r} is no unit name", host=self.host, hint="give its type too: .service"
            )
        try:
            await self._bus.call(Call(SERVICE, PATH, MANAGER, "GetUnit", "s", (name,), "o"))
        except Absent:
            return False
        return True

    async def unit_file(self, name: str) -> str:
        """The unit's file and its drop-ins, as `systemctl cat` has them: many lines, not yet safe to show.

        :raises Absent: no such unit, or one without a file.
        """
        if not is_unit_name(name):
            raise self._no_such(name)
        ended = await self._transport.run(("systemctl", "cat", "--", name), limit=_FILE_LIMIT)
        if ended.code != 0:
            raise Absent(clean(ended.complaint, 200), host=self.host)
        return ended.stdout.decode("utf-8", "replace")

    def _no_such(self, name: str) -> HostError:
        return Absent(f"no unit {clean(name, 80)}", host=self.host)
