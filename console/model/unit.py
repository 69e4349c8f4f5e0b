"""A systemd unit as it exists on one host, and how it is faring.

Facts about systemd's states: a crash emits `failed` and, within a millisecond,
`activating/auto-restart`; `Result` keeps the first cause even after the start limit was hit.
So "gave up" is read from the restart policy and counter, never from `Result` alone.
"""

from __future__ import annotations

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
