"""Whether a host is as well as it was before it was changed. Pure.

Nothing may have failed that had not failed before, and what ran in containers has to run again and be
healthy. A unit that had been restarted before is not blamed on what was changed for being restarted after.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from console.model.container import Container
from console.model.unit import Health, Unit

#: So many names of each kind are kept of a host that has more.
_MOST = 500
#: So many are told of.
_TOLD = 4

BOOT_COMPLETE = "boot-complete.target"
_FAILED = frozenset({Health.FAILED, Health.GAVE_UP})


@dataclass(frozen=True, slots=True)
class Vitals:
    """How a host is, as far as a gate asks.

    :param failed: units that have.
    :param restless: units that are being restarted, or were since they were started.
    :param ailing: containers that a person should look at, by name.
    :param running: containers that run, and are started again at boot; by name.
    :param boot_complete: whether boot-complete.target is active.
    """

    failed: frozenset[str] = frozenset()
    restless: frozenset[str] = frozenset()
    ailing: frozenset[str] = frozenset()
    running: frozenset[str] = frozenset()
    boot_complete: bool = False


def vitals(
    units: Iterable[Unit], containers: Iterable[Container], restarts: Mapping[str, int] | None = None
) -> Vitals:
    """What a host's units and containers come to. :param restarts: of units, as systemd counts them."""
    units, containers = tuple(units), tuple(containers)
    restarted = {name for name, count in (restarts or {}).items() if count > 0}
    return Vitals(
        frozenset(unit.name for unit in units if unit.health in _FAILED),
        frozenset(unit.name for unit in units if unit.health is Health.FLAPPING) | restarted,
        frozenset(one.name for one in containers if one.unhealthy),
        frozenset(one.name for one in containers if one.state == "running" and _comes_back(one)),
        any(unit.name == BOOT_COMPLETE and unit.active == "active" for unit in units),
    )


def troubles(before: Vitals, now: Vitals, *, complete: bool) -> list[str]:
    """What is worse than it was, in words; nothing where the gate may open.

    :param complete: whether boot-complete.target has to be active whatever it was.
    """
    found = [
        *_named("failed", now.failed - before.failed),
        *_named("restarted again and again", now.restless - before.restless - before.failed),
        *_named("unhealthy", now.ailing - before.ailing, "container "),
        *_named("not running", before.running - now.running, "container "),
    ]
    if (complete or before.boot_complete) and not now.boot_complete:
        found.append(f"{BOOT_COMPLETE} is not active")
    return found


def vitals_text(now: Vitals) -> str:
    """As a text that a rollout remembers."""
    return json.dumps(
        {
            "failed": sorted(now.failed)[:_MOST],
            "restless": sorted(now.restless)[:_MOST],
            "ailing": sorted(now.ailing)[:_MOST],
            "running": sorted(now.running)[:_MOST],
            "boot_complete": now.boot_complete,
        },
        ensure_ascii=False,
    )


def read_vitals(text: str) -> Vitals:
    """:raises ValueError: it is not what `vitals_text` made."""
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("a baseline is not an object of JSON")

    def names(key: str) -> frozenset[str]:
        value = found.get(key)
        if not isinstance(value, list):
            raise ValueError(f"{key} of a baseline is not a list")
        return frozenset(map(str, value))

    return Vitals(
        names("failed"),
        names("restless"),
        names("ailing"),
        names("running"),
        found.get("boot_complete") is True,
    )


def _comes_back(one: Container) -> bool:
    """Whether something starts it again at boot."""
    return one.unit is not None or one.restart_policy not in (None, "", "no", "on-failure")


def _named(what: str, names: Iterable[str], kind: str = "") -> list[str]:
    found = sorted(names)
    told = [f"{kind}{name} {what}" for name in found[:_TOLD]]
    if len(found) > _TOLD:
        told.append(f"{len(found) - _TOLD} more {what}")
    return told
