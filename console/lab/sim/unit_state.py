"""What systemd has of one unit, and who is told of it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from console.lab.sim.catalog import UnitKind


class NoSuchUnit(Exception):
    """There is no unit of that name, in memory or on disk."""


class BadSetting(Exception):
    """There is, and systemd does not take its file. The name is the argument."""


class Host(Protocol):
    """What systemd needs of the host it runs on."""

    @property
    def now(self) -> float:
        """Seconds since the fleet began."""

    def later(self, delay: float, action: Callable[[], None]) -> None:
        """Do something that many seconds from now, unless the host goes down before."""

    def log(self, message: str, *, unit: str = "", priority: int = 6, **extra: str) -> None:
        """Write to the journal as systemd."""

    def passes(self, command: str) -> bool:
        """Whether a short command of a unit's succeeds, now."""


@dataclass(slots=True)
class UnitState:
    """One unit now. Times in seconds since the fleet began, None for never."""

    kind: UnitKind
    active: str
    sub: str
    changed: float
    number: int
    result: str = "success"
    restarts: int = 0
    exit_status: int = 0
    active_since: float | None = None
    inactive_since: float | None = None
    pid: int = 0
    file_state: str = "enabled"
    job: tuple[int, str] | None = None
    lasts: float | None = None  # in a crash loop: how long each life is
    turn: int = 0  # grows with each new course of things; what belongs to an older one is dropped
    lives: int = 0
    starts: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.kind.name


class Listener(Protocol):
    """Hears what systemd would tell its subscribers, as it happens."""

    def unit_changed(self, unit: UnitState) -> None:
        """Properties of a unit changed."""

    def unit_loaded(self, name: str, *, loaded: bool) -> None:
        """UnitNew or UnitRemoved."""

    def job(self, number: int, name: str, result: str | None) -> None:
        """A job is new (`result` is None), or has ended."""

    def reloading(self, active: bool) -> None:
        """systemd begins to read its files anew, or has done so."""
