"""Reads what plans need to know of units: many at once, one question each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.hosts.unit_wire import plain
from console.model.text import clean
from console.model.unit import RELATIONS, UnitDependencies
from console.model.unit_facts import UnitFacts

_NAME_LIMIT = 255
_PATH_LIMIT = 4096


def dependencies_of(host: str, name: str, values: Mapping[str, Any]) -> UnitDependencies:
    """The relations among a unit's properties. Names are safe to show."""
    relations = {}
    for attribute, member in RELATIONS.items():
        names = values.get(member)
        if isinstance(names, list):
            relations[attribute] = tuple(sorted(clean(str(other), _NAME_LIMIT) for other in names))
    return UnitDependencies(host, name, **relations)


def facts_of(host: str, asked: str, body: Mapping[str, Any]) -> UnitFacts:
    """The facts among the properties of org.freedesktop.systemd1.Unit, as the bus has them.

    :param asked: the name it was asked by; `Id` is the unit's own where that was an alias.
    """
    values: dict[str, Any] = plain(body)

    def text(member: str, limit: int = _NAME_LIMIT) -> str:
        return clean(str(values.get(member) or ""), limit)

    name = text("Id") or asked
    drop_ins = values.get("DropInPaths")
    return UnitFacts(
        dependencies_of(host, name, values),
        load=text("LoadState"),
        active=text("ActiveState"),
        sub=text("SubState"),
        file_state=text("UnitFileState"),
        fragment=text("FragmentPath", _PATH_LIMIT),
        drop_ins=tuple(clean(str(path), _PATH_LIMIT) for path in drop_ins)
        if isinstance(drop_ins, list)
        else (),
        can_start=bool(values.get("CanStart", True)),
        can_stop=bool(values.get("CanStop", True)),
        can_reload=bool(values.get("CanReload", False)),
        no_manual_start=bool(values.get("RefuseManualStart", False)),
        no_manual_stop=bool(values.get("RefuseManualStop", False)),
        needs_daemon_reload=bool(values.get("NeedDaemonReload", False)),
        stop_when_unneeded=bool(values.get("StopWhenUnneeded", False)),
        condition_held=bool(values.get("ConditionResult", True)),
    )
