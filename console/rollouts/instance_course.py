"""The stages of an instance that gets another revision. Data; `service_update.py` carries them out.

look ─▶ change ─▶ gate: done
  │        └───────┴──▶ back: rolled-back
leave: failed            └─▶ lost

From `change` on an engine is at work on it: what fails there goes back to the revision before.
"""

from __future__ import annotations

from console.rollouts.course import Course, End, Stage

LOOK, CHANGE, GATE, BACK, LEAVE = "look", "change", "gate", "back", "leave"

COURSE = Course(
    (
        Stage(LOOK, "is looked at", CHANGE, End.FAILED, turning=True),
        Stage(CHANGE, "gets the revision", GATE, BACK),
        Stage(GATE, "proves itself", End.DONE, BACK),
        Stage(BACK, "goes back to the revision before", End.ROLLED_BACK, End.LOST),
        Stage(LEAVE, "is left as it was", End.FAILED, End.FAILED),
    ),
    turned_back=LEAVE,
)
