"""What units are bound to (`BindsTo=` with `After=`): they start after it, and stop with it. Pure.

Source: systemd.unit(5). As systemd 257 was seen to: a start brings up what the unit is bound to; once that is
down, for whatever cause, the unit is stopped by a job of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from console.lab.sim.unit_state import BadSetting, NoSuchUnit

if TYPE_CHECKING:
    from console.lab.sim.catalog import UnitKind
    from console.lab.sim.units import Units


class Bonds:
    """The bonds of one boot's units."""

    def __init__(self, units: Units) -> None:
        self._units = units
        self._bound: dict[str, set[str]] = {}  # by what they are bound to
        self._waiting: dict[str, list[Callable[[str], None]]] = {}  # for the job of a unit to end

    def note(self, kind: UnitKind) -> None:
        """A unit has a file."""
        for other in kind.binds_to:
            self._bound.setdefault(other, set()).add(kind.name)

    def check(self, kind: UnitKind) -> None:
        """:raises NoSuchUnit: there is none of what it is bound to."""
        for other in kind.binds_to:
            self._units.peek(other)

    def down(self, kind: UnitKind) -> str | None:
        """What a unit is bound to and is not up; None: it may start."""
        return next((other for other in kind.binds_to if not self._is_up(other)), None)

    def start_first(self, name: str, then: Callable[[bool], None]) -> None:
        """Start what something is bound to; `then` is told whether it is up."""
        try:
            job = self._units.peek(name).job
            if job is None or job[1] != "start":
                self._units.start(name)
        except (NoSuchUnit, BadSetting):
            then(False)
            return
        self._waiting.setdefault(name, []).append(lambda result: then(result == "done" and self._is_up(name)))

    def job_ended(self, name: str, result: str) -> None:
        """A unit has no job any more."""
        for waiting in self._waiting.pop(name, ()):
            waiting(result)

    def went_down(self, name: str) -> None:
        """A unit is inactive or failed: stop what is bound to it."""
        for bound in sorted(self._bound.get(name, ())):
            if bound in self._units and self._units.get(bound).active not in _DOWN:
                self._units.stop(bound)

    def _is_up(self, name: str) -> bool:
        try:
            return self._units.peek(name).active in ("active", "reloading")
        except NoSuchUnit:
            return False


_DOWN = ("inactive", "failed", "deactivating")
