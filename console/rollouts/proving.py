"""The window of a gate: a target has to be well for as long as is asked in one go, and may take so long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from console.rollouts.course import Done, Failed, Outcome, Waiting
from console.rollouts.kind import At

#: How a target in the gate says what it waits for, once that is nothing but time.
WELL = "it is well"

#: How long that may take, where nothing else is said. Seconds.
GATE_TIMEOUT_S = 600.0


class Proving:
    """Since when each target of a rollout is well. Who takes over begins to count anew.

    :param hold: for how long, where nothing else is said. Seconds.
    """

    def __init__(self, hold: float) -> None:
        self._hold = hold
        self._well: dict[str, datetime] = {}

    def anew(self, at: At) -> None:
        """Have the window begin anew: it is not what it was."""
        self._well.pop(at.target.id, None)

    def judge(self, at: At, wrong: Sequence[str], now: datetime, again: float = 1.0) -> Outcome:
        """What comes of a look at a target in its gate.

        :param wrong: what keeps it shut, in words.
        :param again: after so many seconds it is to be looked at again.
        """
        hold = at.seconds("gate", self._hold)
        if wrong:
            self.anew(at)
        else:
            since = self._well.setdefault(at.target.id, now)
            if (now - since).total_seconds() >= hold:
                self.anew(at)
                return Done()
        if (now - at.progress.since).total_seconds() >= at.seconds("gate_timeout", GATE_TIMEOUT_S):
            self.anew(at)
            return Failed("; ".join(wrong) or f"it was not well for {hold:g} s in one go", blames=True)
        return Waiting("; ".join(wrong) or f"{WELL}, and has to be for {hold:g} s", again)
