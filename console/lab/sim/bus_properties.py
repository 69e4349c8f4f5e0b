"""The properties of units, as systemd's own objects have them. Pure.

Not all of systemd's four hundred: those that tell a unit's state, its relations and its policy, with their
types. Source: org.freedesktop.systemd1(5).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from dbus_fast import Variant

from console.lab.sim import seeds
from console.lab.sim.bus_wire import job_path
from console.lab.sim.catalog import UnitKind
from console.lab.sim.machine import Machine
from console.lab.sim.unit_state import UnitState
from console.lab.sim.units import Units

SERVICE = "org.freedesktop.systemd1"
UNIT = SERVICE + ".Unit"
MANAGER = SERVICE + ".Manager"

#: Unit types that have a `Result`, and what their interface says besides.
_WITH_RESULT = frozenset({"service", "socket", "mount", "automount", "swap", "timer", "path", "scope"})

Properties = dict[str, Variant]

#: What a PropertiesChanged names as changed without its value.
LOST = {
    UNIT: ["Conditions", "Asserts"],
    SERVICE + ".Service": [
        f"Exec{step}{form}"
        for step in ("Condition", "StartPre", "Start", "StartPost", "Reload", "Stop", "StopPost")
        for form in ("", "Ex")
    ],
}


def interface_of(kind: UnitKind) -> str:
    """The interface of the unit's type."""
    return f"{SERVICE}.{kind.type.capitalize()}"


def unit_changes(machine: Machine, unit: UnitState) -> Properties:
    """What a PropertiesChanged of the Unit interface carries: everything of it that can change."""
    changed = machine.micros(unit.changed)
    up, down = machine.micros(unit.active_since), machine.micros(unit.inactive_since)
    number, _ = unit.job or (0, "")
    return {
        "ActiveState": Variant("s", unit.active),
        "FreezerState": Variant("s", "running"),
        "SubState": Variant("s", unit.sub),
        "StateChangeTimestamp": Variant("t", changed),
        "StateChangeTimestampMonotonic": Variant("t", _monotonic(machine, unit.changed)),
        "InactiveExitTimestamp": Variant("t", up),
        "InactiveExitTimestampMonotonic": Variant("t", _monotonic(machine, unit.active_since)),
        "ActiveEnterTimestamp": Variant("t", up),
        "ActiveEnterTimestampMonotonic": Variant("t", _monotonic(machine, unit.active_since)),
        "ActiveExitTimestamp": Variant("t", down),
        "ActiveExitTimestampMonotonic": Variant("t", _monotonic(machine, unit.inactive_since)),
        "InactiveEnterTimestamp": Variant("t", down),
        "InactiveEnterTimestampMonotonic": Variant("t", _monotonic(machine, unit.inactive_since)),
        "Job": Variant("(uo)", [number, job_path(number) if number else "/"]),
        "ConditionResult": Variant("b", True),
        "AssertResult": Variant("b", True),
        "ConditionTimestamp": Variant("t", up),
        "ConditionTimestampMonotonic": Variant("t", _monotonic(machine, unit.active_since)),
        "AssertTimestamp": Variant("t", up),
        "AssertTimestampMonotonic": Variant("t", _monotonic(machine, unit.active_since)),
        "InvocationID": Variant("ay", _invocation(machine, unit)),
    }


def type_changes(machine: Machine, unit: UnitState) -> Properties:
    """The same of the interface of the unit's type."""
    if unit.kind.type != "service":
        return {"Result": Variant("s", unit.result)} if unit.kind.type in _WITH_RESULT else {}
    started, ended = machine.micros(unit.active_since), machine.micros(unit.inactive_since)
    return {
        "MainPID": Variant("u", unit.pid),
        "ControlPID": Variant("u", 0),
        "StatusText": Variant("s", ""),
        "StatusErrno": Variant("i", 0),
        "Result": Variant("s", unit.result),
        "ReloadResult": Variant("s", "success"),
        "CleanResult": Variant("s", "success"),
        "UID": Variant("u", 2**32 - 1),
        "GID": Variant("u", 2**32 - 1),
        "NRestarts": Variant("u", unit.restarts),
        "ExecMainStartTimestamp": Variant("t", started),
        "ExecMainStartTimestampMonotonic": Variant("t", _monotonic(machine, unit.active_since)),
        "ExecMainExitTimestamp": Variant("t", ended),
        "ExecMainExitTimestampMonotonic": Variant("t", _monotonic(machine, unit.inactive_since)),
        "ExecMainPID": Variant("u", unit.pid),
        "ExecMainCode": Variant("i", 1 if unit.exit_status else 0),
        "ExecMainStatus": Variant("i", unit.exit_status),
    }


def unit_properties(machine: Machine, unit: UnitState) -> Properties:
    """Everything of the Unit interface."""
    kind = unit.kind
    loaded = kind.load == "loaded"
    relations = _relations_of(machine.units, kind)
    return {
        "Id": Variant("s", kind.name),
        "Names": Variant("as", [kind.name]),
        "Following": Variant("s", ""),
        "Description": Variant("s", kind.description),
        "LoadState": Variant("s", "masked" if unit.file_state == "masked" else kind.load),
        "UnitFileState": Variant("s", unit.file_state if loaded else ""),
        "UnitFilePreset": Variant("s", "enabled" if loaded else ""),
        "FragmentPath": Variant("s", kind.path if loaded else ""),
        "SourcePath": Variant("s", ""),
        "DropInPaths": Variant("as", machine.drop_ins(kind.name)),
        "CanStart": Variant("b", loaded),
        "CanStop": Variant("b", True),
        "CanReload": Variant("b", kind.type == "service" and kind.sub == "running"),
        "CanIsolate": Variant("b", kind.name.endswith(".target")),
        "RefuseManualStart": Variant("b", kind.name in ("shutdown.target", "init.scope", "-.slice")),
        "RefuseManualStop": Variant("b", kind.name in ("dbus.service", "init.scope", "-.slice")),
        "NeedDaemonReload": Variant("b", False),
        "StartLimitIntervalUSec": Variant("t", int(kind.interval * 1_000_000)),
        "StartLimitBurst": Variant("u", kind.burst),
        "StartLimitAction": Variant("s", "none"),
        "LoadError": Variant("(ss)", ["", ""]),
        **{name: Variant("as", list(relations.get(name, ()))) for name in _RELATION_NAMES},
        **unit_changes(machine, unit),
    }


def type_properties(machine: Machine, unit: UnitState) -> Properties:
    """Everything of the interface of the unit's type."""
    kind = unit.kind
    if kind.type != "service":
        return type_changes(machine, unit)
    return {
        "Type": Variant("s", "simple"),
        "ExitType": Variant("s", "main"),
        "Restart": Variant("s", kind.restart),
        "RestartMode": Variant("s", "normal"),
        "RestartUSec": Variant("t", int(kind.restart_after * 1_000_000)),
        "NotifyAccess": Variant("s", "none"),
        "TimeoutStartUSec": Variant("t", 90_000_000),
        "TimeoutStopUSec": Variant("t", 90_000_000),
        "RemainAfterExit": Variant("b", kind.sub == "exited"),
        "Slice": Variant("s", "system.slice"),
        "ControlGroup": Variant("s", f"/system.slice/{kind.name}" if unit.pid else ""),
        "MemoryCurrent": Variant("t", 24_000_000 + 4096 * unit.number if unit.pid else 2**64 - 1),
        "CPUUsageNSec": Variant("t", int(machine.uptime() * 3_000_000) if unit.pid else 2**64 - 1),
        "TasksCurrent": Variant("t", 3 if unit.pid else 2**64 - 1),
        "User": Variant("s", ""),
        "Environment": Variant("as", []),
        **type_changes(machine, unit),
    }


def not_found(name: str) -> Properties:
    """What systemd says of a unit that it was asked for and cannot load."""
    return {
        "Id": Variant("s", name),
        "Names": Variant("as", [name]),
        "Description": Variant("s", name),
        "LoadState": Variant("s", "not-found"),
        "ActiveState": Variant("s", "inactive"),
        "SubState": Variant("s", "dead"),
        "UnitFileState": Variant("s", ""),
        "FragmentPath": Variant("s", ""),
        "StateChangeTimestamp": Variant("t", 0),
        "CanStart": Variant("b", False),
        **{relation: Variant("as", []) for relation in _RELATION_NAMES},
    }


def manager_properties(machine: Machine) -> Properties:
    """What the manager says of itself."""
    failed = machine.units.failed()
    return {
        "Version": Variant("s", "257.13-1"),
        "Architecture": Variant("s", "x86-64"),
        "SystemState": Variant("s", "degraded" if failed else "running"),
        "NNames": Variant("u", sum(1 for _ in machine.units.all())),
        "NFailedUnits": Variant("u", failed),
        "NJobs": Variant("u", len(machine.units.jobs())),
        "UserspaceTimestamp": Variant("t", machine.micros(machine.booted)),
        "UserspaceTimestampMonotonic": Variant("t", 1_500_000),
        "Progress": Variant("d", 1.0),
    }


_RELATION_NAMES = (
    "Requires", "Requisite", "BindsTo", "PartOf", "Wants", "Upholds", "RequiredBy", "RequisiteOf", "BoundBy",
    "ConsistsOf", "WantedBy", "UpheldBy", "Before", "After", "Conflicts", "ConflictedBy", "Triggers",
    "TriggeredBy", "PropagatesStopTo", "StopPropagatedFrom", "OnFailure", "OnSuccess",
)  # fmt: skip


def _relations_of(units: Units, kind: UnitKind) -> Mapping[str, tuple[str, ...]]:
    """One unit's relations. Those of units that were written since come from their own files."""
    if kind.name in units.of_the_boot:
        found = dict(_relations(units.kinds)[kind.name])
    else:
        found = {
            "Requires": kind.requires,
            "BindsTo": kind.binds_to,
            "After": kind.after,
            "WantedBy": kind.wanted_by,
        }
    for name, written in units.written.items():
        if kind.name in written.requires:
            found["RequiredBy"] = (*found.get("RequiredBy", ()), name)
        if kind.name in written.binds_to:
            found["BoundBy"] = (*found.get("BoundBy", ()), name)
        if kind.name in written.after:
            found["Before"] = (*found.get("Before", ()), name)
    return found


@lru_cache(maxsize=32)
def _relations(kinds: tuple[UnitKind, ...]) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Each unit's relations, with the way back of each."""
    names = {kind.name for kind in kinds}
    found: dict[str, dict[str, list[str]]] = {kind.name: {} for kind in kinds}

    def add(name: str, relation: str, other: str, back: str) -> None:
        if name in names and other in names:
            found[name].setdefault(relation, []).append(other)
            found[other].setdefault(back, []).append(name)

    for kind in kinds:
        for other in kind.requires:
            add(kind.name, "Requires", other, "RequiredBy")
        for other in kind.after:
            add(kind.name, "After", other, "Before")
        for other in kind.wanted_by:
            add(other, "Wants", kind.name, "WantedBy")
        stem, _, suffix = kind.name.rpartition(".")
        if suffix in ("timer", "socket", "path"):
            add(kind.name, "Triggers", f"{stem}.service", "TriggeredBy")
        if suffix == "service":
            add(kind.name, "Conflicts", "shutdown.target", "ConflictedBy")
    return {name: {key: tuple(value) for key, value in each.items()} for name, each in found.items()}


def _monotonic(machine: Machine, time: float | None) -> int:
    return 0 if time is None else max(int(machine.uptime(time) * 1_000_000), 0)


def _invocation(machine: Machine, unit: UnitState) -> bytes:
    if unit.active in ("inactive",) and not unit.lives:
        return b""
    return bytes.fromhex(seeds.digest(machine.boot_id, unit.name, unit.lives)[:32])
