"""What another text of a unit asks of an instance that runs: nothing, a reload, or a restart. Pure.

What counts is what systemd is given: the unit file without its X- sections, and the drop-in that is made of
these. A setting that systemd takes over from its files while a unit runs (`systemctl daemon-reload`) needs
no restart: which those are is in systemd.unit(5) and systemd.resource-control(5), and was tried for each
group on a host. All others reach a process only when it is started.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum

from console.placement.policy import Policy
from console.placement.qos import drop_in
from console.placement.spec import Spec
from console.placement.unit_file import Option, parse


class Way(StrEnum):
    """How an instance that runs comes to another text."""

    WRITE = "write"  # its file is written; nothing of what runs notices
    RELOAD = "reload"  # written, and the unit reloaded
    RESTART = "restart"  # stopped, written, started


@dataclass(frozen=True, slots=True)
class UnitChange:
    """One text against another.

    :param settings: what systemd is told otherwise, as `Service.ExecStart`, in order.
    :param placing: what of the policy says otherwise where an instance may be, in its fields' names.
    """

    way: Way
    settings: tuple[str, ...] = ()
    placing: tuple[str, ...] = ()


#: Settings that are for people, for later jobs, or for the time of enabling.
_UNNOTICED = frozenset(
    {
        *("Unit.Description", "Unit.Documentation", "Unit.After", "Unit.Before", "Unit.Wants"),
        *("Unit.OnFailure", "Unit.OnSuccess", "Unit.StartLimitBurst", "Unit.StartLimitIntervalSec"),
    }
)

#: Settings of a service that systemd looks up when it needs them, or writes to its control group at once.
_TAKEN_OVER = frozenset(
    {
        *("Restart", "RestartSec", "RestartPreventExitStatus", "RestartForceExitStatus"),
        *("SuccessExitStatus", "TimeoutStopSec", "TimeoutAbortSec", "KillMode", "KillSignal"),
        *("SendSIGKILL", "SendSIGHUP", "ExecReload", "ExecStop", "ExecStopPost"),
        *("CPUWeight", "CPUQuota", "IOWeight", "TasksMax"),
        *("MemoryMin", "MemoryLow", "MemoryHigh", "MemoryMax", "MemorySwapMax"),
    }
)

#: Of a policy: what has no part in where an instance may be, and in how many there are.
_NOT_PLACING = frozenset({"qos", "settings", "exclusive", "boot", "priority"})


def change_of(before: Spec, after: Spec) -> UnitChange:
    """What it comes to that a service is `after` and no more `before`."""
    settings = _differences(before, after)
    placing = tuple(
        field.name
        for field in fields(Policy)
        if field.name not in _NOT_PLACING
        and getattr(before.policy, field.name) != getattr(after.policy, field.name)
    )
    return UnitChange(_way(before, after, settings), settings, placing)


def _way(before: Spec, after: Spec, settings: Iterable[str]) -> Way:
    # Below /run or below /etc: a unit is stopped before its file is taken from the one to the other.
    if before.policy.persistent != after.policy.persistent:
        return Way.RESTART
    noticed = [name for name in settings if name not in _UNNOTICED and not name.startswith("Install.")]
    for name in noticed:
        section, _, setting = name.partition(".")
        if section != "Service" or setting not in _TAKEN_OVER:
            return Way.RESTART
    return Way.RELOAD if noticed and _reloads(after) else Way.WRITE


def _reloads(spec: Spec) -> bool:
    """Whether a running instance can be told to look at its configuration again."""
    own = parse(spec.text)
    return bool(own.values("Service", "ExecReload")) or "notify-reload" in own.values("Service", "Type")[-1:]


def _differences(before: Spec, after: Spec) -> tuple[str, ...]:
    was, is_ = _values(before), _values(after)
    return tuple(sorted(name for name in was.keys() | is_.keys() if was.get(name) != is_.get(name)))


def _values(spec: Spec) -> dict[str, list[str]]:
    """What systemd is told: the values of each setting, in their order."""
    found: dict[str, list[str]] = {}
    for option in _told(spec):
        if not option.section.startswith("X-"):
            found.setdefault(f"{option.section}.{option.name}", []).append(option.value)
    return found


def _told(spec: Spec) -> tuple[Option, ...]:
    made = drop_in(spec.name, spec.policy, spec.text)
    return parse(spec.text).options + (() if made is None else parse(made).options)
