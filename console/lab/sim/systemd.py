"""systemd on the bus: the manager's methods, properties of units, and its signals to who subscribed.

Source: org.freedesktop.systemd1(5). A caller that is not root may look and may not change, as polkit
has it for a session that is not on the machine's own screen.
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from dbus_fast import Message

from console.lab.sim.bus_properties import (
    LOST,
    MANAGER,
    SERVICE,
    UNIT,
    Properties,
    interface_of,
    manager_properties,
    not_found,
    type_changes,
    type_properties,
    unit_changes,
    unit_properties,
)
from console.lab.sim.bus_wire import ROWS, SYSTEMD_PATH, Row, job_path, listing, unit_of, unit_path
from console.lab.sim.machine import Machine
from console.lab.sim.unit_state import BadSetting, NoSuchUnit, UnitState

if TYPE_CHECKING:
    from console.lab.sim.bus import BusService

__all__ = ["OWNER", "SERVICE", "Refused", "Systemd"]

#: systemd's unique name on the bus.
OWNER = ":1.1"
PROPERTIES = "org.freedesktop.DBus.Properties"
_PEER = "org.freedesktop.DBus.Peer"
_ERROR = "org.freedesktop.systemd1."
_JOBS = frozenset({"StartUnit", "StopUnit", "RestartUnit", "TryRestartUnit", "ReloadUnit"})
_CHANGES = _JOBS | {
    "ResetFailedUnit", "KillUnit", "EnableUnitFiles", "DisableUnitFiles", "MaskUnitFiles", "UnmaskUnitFiles",
    "Reload",
}  # fmt: skip
_FILE_STATES = {
    "EnableUnitFiles": "enabled",
    "DisableUnitFiles": "disabled",
    "MaskUnitFiles": "masked",
    "UnmaskUnitFiles": "enabled",
}
_RELOAD_TAKES = 0.15


class Refused(Exception):
    """An error as D-Bus names it."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


class Systemd:
    """systemd as one connection sees it."""

    def __init__(self, machine: Machine, bus: BusService, *, root: bool) -> None:
        self._machine = machine
        self._units = machine.units
        self._bus = bus
        self._root = root
        self._subscribed = False

    def close(self) -> None:
        if self._subscribed:
            self._subscribed = False
            self._units.heard.remove(self)

    # -- calls ------------------------------------------------------------------------------

    def call(self, message: Message, *, quiet: bool) -> None:
        """Do what a call asks, and answer it. :raises Refused: it is not done."""
        match message.interface, message.member, message.body:
            case _, ("ListUnits" | "ListUnitsByPatterns" | "ListUnitsFiltered"), _:
                self._list(message)
                return
            case _, "Reload", []:
                self._may("Reload")
                self._reload(lambda: None if quiet else self._bus.answer(message))
                return
            case _, member, _ if member in _CHANGES:
                self._may(member)
        try:
            signature, body = self._answer(message)
        except NoSuchUnit as error:
            raise Refused(_ERROR + "NoSuchUnit", f"Unit {error} not loaded.") from None
        except BadSetting as error:
            raise Refused(_ERROR + "BadUnitSetting", f"Unit {error} has a bad unit file setting.") from None
        if not quiet:
            self._bus.answer(message, signature, body)

    def _may(self, member: str) -> None:
        if not self._root:
            raise Refused(
                "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
                "Interactive authentication required.",
            )

    def _answer(self, message: Message) -> tuple[str, list[Any]]:
        path = message.path or ""
        match message.interface, message.member, message.body:
            case str(interface), "Ping", [] if interface == _PEER:
                return "", []
            case str(interface), "Get", [str(of), str(name)] if interface == PROPERTIES:
                found = self._properties(path, of)
                if name not in found:
                    text = f"Unknown interface {of} or property {name}."
                    raise Refused("org.freedesktop.DBus.Error.UnknownProperty", text)
                return "v", [found[name]]
            case str(interface), "GetAll", [str(of)] if interface == PROPERTIES:
                return "a{sv}", [self._properties(path, of)]
        return self._manage(message.member or "", message.body)

    def _manage(self, member: str, body: list[Any]) -> tuple[str, list[Any]]:
        units = self._units
        match member, body:
            case "Subscribe", []:
                if self._subscribed:
                    raise Refused(_ERROR + "AlreadySubscribed", "Client is already subscribed.")
                self._subscribed = True
                units.heard.append(self)
                return "", []
            case "Unsubscribe", []:
                self.close()
                return "", []
            case (("GetUnit" | "LoadUnit"), [str(name)]):
                if name not in units and member == "GetUnit":
                    raise NoSuchUnit(name)
                return "o", [unit_path(name)]
            case (
                ("StartUnit" | "StopUnit" | "RestartUnit" | "TryRestartUnit" | "ReloadUnit"),
                [str(name), _],
            ):
                return "o", [job_path(self._job(member, name))]
            case "ResetFailedUnit", [str(name)]:
                units.reset_failed(name)
                return "", []
            case "KillUnit", [str(name), str(), int()]:
                units.crash(name, 137)
                return "", []
            case _, [list(names), *_] if member in _FILE_STATES:
                for name in names:
                    units.set_file_state(name, _FILE_STATES[member])
                return ("ba(sss)", [True, []]) if member == "EnableUnitFiles" else ("a(sss)", [[]])
            case "ListJobs", []:
                return "a(usssoo)", [[self._job_row(unit) for unit in units.jobs()]]
        raise Refused(
            "org.freedesktop.DBus.Error.UnknownMethod", f"Unknown method {member} or interface {MANAGER}."
        )

    def _job(self, member: str, name: str) -> int:
        units = self._units
        state = units.get(name)
        if state.file_state == "masked" and member != "StopUnit":
            raise Refused(_ERROR + "UnitMasked", f"Unit {name} is masked.")
        match member:
            case "StartUnit":
                return units.start(name)
            case "StopUnit":
                return units.stop(name)
            case "ReloadUnit":
                return units.reload(name)
        return units.restart(name, only_if_up=member == "TryRestartUnit")

    def _job_row(self, unit: UnitState) -> list[Any]:
        number, verb = unit.job or (0, "")
        return [number, unit.name, verb, "running", job_path(number), unit_path(unit.name)]

    def _list(self, message: Message) -> None:
        states: list[str] = []
        patterns: list[str] = []
        if message.member == "ListUnitsFiltered":
            (states,) = message.body
        elif message.member == "ListUnitsByPatterns":
            states, patterns = message.body
        rows = (
            Row(kind.name, kind.description, kind.load, active, sub)
            for kind, active, sub in self._units.all()
            if (not states or {active, sub, kind.load} & set(states))
            and (not patterns or any(fnmatchcase(kind.name, pattern) for pattern in patterns))
        )
        empty = Message.new_method_return(message, ROWS, [[]])
        self._bus.send_bytes(listing(self._bus.stamped(empty, OWNER), rows))

    def _reload(self, done: Callable[[], None]) -> None:
        def reloaded() -> None:
            self._units.daemon_reload()
            done()

        self._machine.later(_RELOAD_TAKES, reloaded)

    def _properties(self, path: str, interface: str) -> Properties:
        if path == SYSTEMD_PATH:
            return manager_properties(self._machine)
        name = unit_of(path)
        if name is None:
            raise Refused("org.freedesktop.DBus.Error.UnknownObject", f"Unknown object '{path}'.")
        try:
            unit = self._units.peek(name)
        except NoSuchUnit:
            return not_found(name)
        found: Properties = {}
        if interface in ("", UNIT):
            found |= unit_properties(self._machine, unit)
        if interface in ("", interface_of(unit.kind)):
            found |= type_properties(self._machine, unit)
        return found

    # -- signals: see `units.Listener` ------------------------------------------------------

    def unit_changed(self, unit: UnitState) -> None:
        # The type's interface first, then the unit's: clients rely on it (dbus-unit.c).
        path, machine = unit_path(unit.name), self._machine
        own = interface_of(unit.kind)
        self._changed(path, own, lambda: [own, type_changes(machine, unit), LOST.get(own, [])])
        self._changed(path, UNIT, lambda: [UNIT, unit_changes(machine, unit), LOST[UNIT]])

    def _changed(self, path: str, interface: str, body: Callable[[], list[Any]]) -> None:
        self._bus.signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", body, arg0=interface)

    def unit_loaded(self, name: str, *, loaded: bool) -> None:
        member = "UnitNew" if loaded else "UnitRemoved"
        self._bus.signal(SYSTEMD_PATH, MANAGER, member, "so", lambda: [name, unit_path(name)], arg0=name)

    def job(self, number: int, name: str, result: str | None) -> None:
        if result is None:
            self._bus.signal(SYSTEMD_PATH, MANAGER, "JobNew", "uos", lambda: [number, job_path(number), name])
        else:
            self._bus.signal(
                SYSTEMD_PATH, MANAGER, "JobRemoved", "uoss", lambda: [number, job_path(number), name, result]
            )

    def reloading(self, active: bool) -> None:
        self._bus.signal(SYSTEMD_PATH, MANAGER, "Reloading", "b", lambda: [active])
