"""A systemd unit as it exists on one host, and how it is faring.

Facts about systemd's states: a crash emits `failed` and, within a millisecond,
`activating/auto-restart`; `Result` keeps the first cause even after the start limit was hit.
So "gave up" is read from the restart policy and counter, never from `Result` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Health(StrEnum):
    """The verdict on a unit, worst last."""

    OK = "ok"
    CHANGING = "changing"  # starting, stopping, reloading
    RECOVERING = "recovering"  # systemd is about to start it again after a failure
    FLAPPING = "flapping"  # its restarts keep growing
    FAILED = "failed"  # failed, and nothing will restart it
    GAVE_UP = "gave-up"  # failed, and systemd has stopped restarting it


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit. `load`, `active`, `sub`, `result` are systemd's own words.

    `restarts`, `result`, `since` are None until the host was asked for them: a listing does
    not carry them, so they are known for units that are not at rest and for those that changed.
    """

    host: str
    name: str
    load: str
    active: str
    sub: str
    description: str
    result: str | None = None
    restarts: int | None = None
    since: datetime | None = None
    health: Health = Health.OK

    @property
    def key(self) -> tuple[str, str]:
        return (self.host, self.name)

    @property
    def ailing(self) -> bool:
        """Whether a person should look."""
        return self.health not in (Health.OK, Health.CHANGING)


#: The fields of `UnitDependencies`, and systemd's name for each; systemd.unit(5) says what they mean.
RELATIONS: Mapping[str, str] = {
    "requires": "Requires",
    "requisite": "Requisite",
    "binds_to": "BindsTo",
    "part_of": "PartOf",
    "wants": "Wants",
    "upholds": "Upholds",
    "after": "After",
    "before": "Before",
    "conflicts": "Conflicts",
    "conflicted_by": "ConflictedBy",
    "required_by": "RequiredBy",
    "requisite_of": "RequisiteOf",
    "bound_by": "BoundBy",
    "consists_of": "ConsistsOf",
    "wanted_by": "WantedBy",
    "upheld_by": "UpheldBy",
    "triggers": "Triggers",
    "triggered_by": "TriggeredBy",
    "on_failure": "OnFailure",
    "on_failure_of": "OnFailureOf",
    "on_success": "OnSuccess",
    "on_success_of": "OnSuccessOf",
    "propagates_stop_to": "PropagatesStopTo",
    "stop_propagated_from": "StopPropagatedFrom",
    "propagates_reload_to": "PropagatesReloadTo",
    "reload_propagated_from": "ReloadPropagatedFrom",
}


@dataclass(frozen=True, slots=True)
class UnitDependencies:
    """A unit's relations to others, forward and reverse, each as sorted unit names.

    A relation that the host's systemd does not have yet is empty.
    """

    host: str
    name: str
    requires: tuple[str, ...] = ()
    requisite: tuple[str, ...] = ()
    binds_to: tuple[str, ...] = ()
    part_of: tuple[str, ...] = ()
    wants: tuple[str, ...] = ()
    upholds: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    conflicted_by: tuple[str, ...] = ()
    required_by: tuple[str, ...] = ()
    requisite_of: tuple[str, ...] = ()
    bound_by: tuple[str, ...] = ()
    consists_of: tuple[str, ...] = ()
    wanted_by: tuple[str, ...] = ()
    upheld_by: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    triggered_by: tuple[str, ...] = ()
    on_failure: tuple[str, ...] = ()
    on_failure_of: tuple[str, ...] = ()
    on_success: tuple[str, ...] = ()
    on_success_of: tuple[str, ...] = ()
    propagates_stop_to: tuple[str, ...] = ()
    stop_propagated_from: tuple[str, ...] = ()
    propagates_reload_to: tuple[str, ...] = ()
    reload_propagated_from: tuple[str, ...] = ()
