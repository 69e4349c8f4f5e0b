"""What update_engine and the partition table of its two systems say. Pure.

Sources: update_engine's update_attempter.h (operations) and update_engine_client.cc (the client's text);
ChromeOS's cgpt (priority, tries, successful); Flatcar's update.conf.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from console.model.deployment import Available, Deployment, UpdateStatus, Working
from console.model.text import clean
from console.updates.values import TEXT, seconds

_OPERATION = "UPDATE_STATUS_"
IDLE, NEED_REBOOT, ERROR = "IDLE", "UPDATED_NEED_REBOOT", "REPORTING_ERROR_EVENT"
#: Those in which there is nothing to wait for.
RESTING = frozenset({IDLE, NEED_REBOOT, ERROR})
#: The version of an update that is not known yet.
_NONE = "0.0.0"
_ASSIGNMENT = re.compile(r"([A-Z_]{1,40})=(.*)\Z")
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,12})?\Z")
_SLOT = re.compile(r"(/dev/\S{1,60}) ([0-9]{1,3}) ([0-9]{1,3}) ([01])\Z")
_MOST_SLOTS = 8


@dataclass(frozen=True, slots=True)
class Operation:
    """What update_engine is at.

    :param name: without its `UPDATE_STATUS_`.
    :param progress: 0 to 1.
    :param version: of the update; None where it is not known.
    :param size: of the update, in bytes.
    :param checked: when it last asked for one, seconds since the epoch; 0: never since it started.
    """

    name: str
    progress: float = 0.0
    version: str | None = None
    size: int = 0
    checked: int = 0

    @property
    def rests(self) -> bool:
        return self.name in RESTING


def operation(checked: int, progress: float, name: str, version: str, size: int) -> Operation:
    """From the five values that `GetStatus` and `StatusUpdate` have, in their order."""
    version = clean(version, TEXT)
    return Operation(
        name=clean(name, 60).removeprefix(_OPERATION),
        progress=progress if 0 <= progress <= 1 else 0.0,
        version=None if version in ("", _NONE) else version,
        size=max(size, 0),
        checked=max(checked, 0),
    )


def parse_client(text: str) -> Operation:
    """What `update_engine_client -status` prints.

    :raises ValueError: this is not it.
    """
    values = assignments(text)
    if "CURRENT_OP" not in values:
        raise ValueError("update_engine's status names no operation")

    def number(name: str) -> float:
        value = values.get(name, "0")
        return float(value) if _NUMBER.match(value) else 0.0

    return operation(
        int(number("LAST_CHECKED_TIME")),
        number("PROGRESS"),
        values["CURRENT_OP"],
        values.get("NEW_VERSION", ""),
        int(number("NEW_SIZE")),
    )


def assignments(text: str) -> dict[str, str]:
    """Lines `NAME=VALUE`, the last of a name: the client's status, update.conf, os-release and their like."""
    found = {}
    for line in text.splitlines()[:200]:
        if match := _ASSIGNMENT.match(line.strip()):
            found[match[1]] = clean(match[2].strip("\"'"), TEXT)
    return found


@dataclass(frozen=True, slots=True)
class Slot:
    """A partition that a system can be in; the boot loader takes the highest priority that boots."""

    path: str
    priority: int
    tries: int
    successful: bool

    @property
    def boots(self) -> bool:
        return self.priority > 0 and (self.successful or self.tries > 0)


def parse_slots(text: str) -> list[Slot]:
    """Lines `PATH PRIORITY TRIES SUCCESSFUL`; nothing where cgpt could not be asked."""
    matches = filter(None, map(_SLOT.match, text.splitlines()[:_MOST_SLOTS]))
    return [Slot(clean(one[1]), int(one[2]), int(one[3]), one[4] == "1") for one in matches]


def update_status(
    now: Operation, version: str | None, slots: list[Slot], booted: str, conf: Mapping[str, str]
) -> UpdateStatus:
    """All of it together.

    :param version: of what runs.
    :param booted: the path of the partition that runs.
    :param conf: of update.conf; its GROUP is the channel.
    """
    group = conf.get("GROUP")
    waits = now.name == NEED_REBOOT
    ranked = sorted((slot for slot in slots if slot.boots), key=lambda slot: -slot.priority)
    first = ranked[0].path if ranked else booted
    found = []
    for slot in sorted(slots, key=lambda slot: -slot.priority):
        runs = slot.path == booted
        other = None if slot.path != first else now.version if waits else None
        found.append(
            Deployment(
                id=slot.path,
                version=version if runs else other,
                origin=group,
                booted=runs,
                next=slot.path == first,
                rollback=not runs and slot.path != first and slot.boots,
                extra={
                    "priority": str(slot.priority),
                    "tries": str(slot.tries),
                    "successful": "yes" if slot.successful else "no",
                },
            )
        )
    if not found:
        found = [Deployment("booted", version=version, origin=group, booted=True, next=not waits)]
        if waits:
            found.insert(0, Deployment("other", version=now.version, origin=group, next=True))
    extra = {"operation": now.name}
    if at := seconds(now.checked):
        extra["last-checked"] = at.isoformat()
    extra |= {name: conf[name] for name in ("SERVER", "REBOOT_STRATEGY") if name in conf}
    known = now.version is not None and not waits and now.version != version
    return UpdateStatus(
        deployments=tuple(found),
        channel=group,
        available=Available(now.version) if known else None,
        working=None
        if now.rests
        else Working(now.name.lower().replace("_", " "), round(100 * now.progress, 1)),
        error="update_engine reports an error" if now.name == ERROR else None,
        extra=extra,
    )
